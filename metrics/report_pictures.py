"""Sections of a report that are pictures, and what is known of each.

Pictures are uint8 tensors of the network's own range. They go to the page and to figures; the
numbers and names beside them go to report.json.

C channels, H height, W width in pixels, n pictures.
"""

from dataclasses import dataclass

from torch import Tensor

from stylegen.metrics.report_curves import Histogram
from stylegen.metrics.sides import Shown


@dataclass(frozen=True, kw_only=True)
class LabelGrid:
    """The same seeds in every class.

    Attributes:
        names: of the classes, one row each.
        images: (classes, n, C, H, W) uint8.
        about: how they were drawn.
    """

    names: tuple[str, ...]
    images: Tensor
    about: str


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A training image near a sample.

    Attributes:
        name: of its file.
        image: (C, H, W) uint8, mirrored if it is near so.
        distance: in the space of the audit.
        mirrored: the sample is nearest to its mirror image.
    """

    name: str
    image: Tensor
    distance: float
    mirrored: bool = False


@dataclass(frozen=True, kw_only=True)
class NeighbourRow:
    """A sample and the training images nearest to it, the nearest first.

    Attributes:
        sample: what it is: "seed 12".
        image: (C, H, W) uint8.
        neighbours: k of them.
        flagged: it lies closer to a training image than training images do to each other.
    """

    sample: str
    image: Tensor
    neighbours: tuple[Neighbour, ...]
    flagged: bool = False


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Whether the samples copy training images.

    Attributes:
        rows: a gallery, the most suspicious first.
        fake_to_train: distances to the nearest training image, of samples.
        train_to_train: of training images to the nearest other one.
        held_out_to_train: of held-out real images, where there are some. All with the same edges.
        space: in what the distances are taken.
        samples: how many were audited.
        flagged: how many of them are flagged.
        threshold: distance below which a sample is flagged.
        expected_share: of samples that would be flagged by chance, 0 to 1.
        p_value: of a test that samples lie no closer than real images do.
        test: its name and statistic, in words.
        auth_percent: samples farther from their nearest training image than that one is from its
            own nearest (AuthPct, Alaa et al. 2022), 0 to 100.
        mirrored: mirror images of the training set are searched, too.
        verdict: one sentence.
        suspicious: the verdict is a warning.
        finding: "copies": more samples are flagged than chance allows; "near": samples lie closer
            to training images as a whole; "clear": neither; None: only ``suspicious`` tells.
    """

    rows: tuple[NeighbourRow, ...]
    fake_to_train: Histogram
    train_to_train: Histogram
    held_out_to_train: Histogram | None = None
    space: str
    samples: int
    flagged: int
    threshold: float | None = None
    expected_share: float | None = None
    p_value: float | None = None
    test: str | None = None
    auth_percent: float | None = None
    mirrored: bool = True
    verdict: str
    suspicious: bool
    finding: str | None = None


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Pictures in order of a score.

    Attributes:
        images: (n, C, H, W) uint8.
        labels: what each is.
        scores: of each.
        about: one sentence: of how many, in which features.
    """

    images: Tensor
    labels: tuple[str, ...]
    scores: tuple[float, ...]
    about: str


@dataclass(frozen=True, kw_only=True)
class BestWorst:
    """Samples with the highest and the lowest realism score (Kynkaanniemi et al. 2019)."""

    best: Ranked
    worst: Ranked


@dataclass(frozen=True, kw_only=True)
class PathLengths:
    """Perceptual path length (Karras et al. 2019, section 4.1).

    Attributes:
        value: mean over the samples that are kept.
        error: its standard error.
        samples: in all.
        kept: after trimming.
        space: "w" or "z".
        sampling: "full": along the path; "end": at its ends.
        epsilon: step along the path.
        distance: in words: "LPIPS, VGG16".
        crop: the middle of the image is looked at only.
        histogram: of the samples' lengths.
        strip: an interpolation, in order.
    """

    value: float
    error: float | None = None
    samples: int
    kept: int | None = None
    space: str
    sampling: str
    epsilon: float
    distance: str
    crop: bool = False
    histogram: Histogram | None = None
    strip: Shown | None = None
