"""Sections of a report that a snapshot's generator is drawn for anew: psi, classes, path length.

N images, C channels, H height, W width in pixels, K classes.
"""

from collections.abc import Callable

import torch

from stylegen.metrics.catalogue import metric_key, metric_title
from stylegen.metrics.extraction import extract
from stylegen.metrics.measuring import Pair, measure
from stylegen.metrics.path_length import PathLength, Sampling, Space, perceptual_path_length
from stylegen.metrics.report import Metric
from stylegen.metrics.report_curves import count_between, shared_edges
from stylegen.metrics.report_sections import Estimate, LabelGrid, PathLengths, PsiPoint, PsiSweep
from stylegen.metrics.sides import Shown
from stylegen.metrics.sides_drawn import SnapshotSide
from stylegen.perceptual import FeatureNetwork
from stylegen.perceptual.lpips import Lpips

_SEEDS, _CLASSES = 8, 24  # of the label grid
_ROW = 8  # seeds shown at each psi
_STEPS = 10  # of the walk that is shown
_SWEPT = ("fid", "precision", "recall")

Told = Callable[[str, int, int], None]


def estimates(metrics: dict[str, Metric]) -> dict[str, Estimate]:
    """Return metrics as values and errors only."""
    return {key: Estimate(m.value, m.error) for key, m in metrics.items()}


def label_grid(side: SnapshotSide) -> LabelGrid | None:
    """Draw the same seeds in every class; None: the network has no classes."""
    names = side.class_names[:_CLASSES]
    if len(names) < 2:
        return None
    rows = [
        side.seeds(torch.full((_SEEDS,), c), _SEEDS, side.drawing.psi) for c in range(len(names))
    ]
    left_out = len(side.class_names) - len(names)
    about = f"Seeds 0 to {_SEEDS - 1}, the stored noise, psi {side.drawing.psi:g}."
    if left_out:
        about += f" {left_out} further classes are not shown."
    return LabelGrid(names=names, images=torch.stack(rows), about=about)


def _named(told: Told, stage: str, total: int) -> Callable[[int], None]:
    return lambda done: told(stage, done, total)


def _shown_at(side: SnapshotSide, psi: float) -> Shown:
    classes = torch.arange(_ROW) % max(side.generator.config.c_dim, 1)
    labels = [f"seed {i}" for i in range(_ROW)]
    return Shown(side.seeds(classes, _ROW, psi), labels, f"psi {psi:g}")


def psi_sweep(
    side: SnapshotSide,
    pair: Pair,
    network: FeatureNetwork,
    psis: tuple[float, ...],
    samples: int,
    told: Told,
) -> PsiSweep:
    """Take metrics at several truncations, of the same latents at each.

    Args:
        side: the snapshot.
        pair: the features of the real images.
        network: what they were computed with.
        psis: truncations.
        samples: images at each.
        told: progress, by stage.
    """
    points, shown = [], []
    for psi in sorted(psis):
        at = side.at(psi, samples)
        found = extract(
            at.batches(), network, keep_features=True, blocks=10,
            progress=_named(told, f"psi {psi:g}", samples),
        )  # fmt: skip
        there = Pair(
            features=pair.features, a=found, against=pair.against, reference=pair.reference,
            by_n=pair.by_n, splits=pair.splits, seed=pair.seed,
        )  # fmt: skip
        able = tuple(m for m in _SWEPT if m == "fid" or pair.against is not None)
        points.append(PsiPoint(psi=psi, values=estimates(measure(there, able))))
        shown.append(_shown_at(side, psi))
    return PsiSweep(
        metric=metric_key("fid", pair.features), points=tuple(points), samples=samples,
        shown=tuple(shown),
    )  # fmt: skip


_VARIANTS: dict[str, tuple[Space, Sampling]] = {
    "ppl2_wend": ("w", "end"),
    "ppl_wfull": ("w", "full"),
    "ppl_zend": ("z", "end"),
    "ppl_zfull": ("z", "full"),
}


def path_length(
    metric: str,
    side: SnapshotSide,
    distance: Lpips,
    samples: int,
    crop: bool,
    told: Told,
) -> PathLength:
    """Take a perceptual path length of a snapshot.

    Args:
        metric: one of :data:`~stylegen.metrics.catalogue.PATH_LENGTHS`.
        side: the snapshot.
        distance: of images.
        samples: pairs of latents.
        crop: look at the middle of the images.
        told: progress, by stage.

    Raises:
        InputError: the images are too small for the distance, or the network has no latents.
    """
    space, sampling = _VARIANTS[metric]
    how = side.drawing
    return perceptual_path_length(
        side.generator, distance, space=space, sampling=sampling, samples=samples, crop=crop,
        seed=how.seed, batch=max(how.batch // 2, 1), labels=how.labels,
        progress=lambda done: told(metric, done, samples),
    )  # fmt: skip


def path_metric(metric: str, found: PathLength) -> Metric:
    """Return a path length as a headline metric."""
    return Metric(
        name=metric_title(metric, "inception"), value=found.mean,
        unit="perceptual distance per squared step of the latent", better="lower",
        images={"a": len(found.values)}, error=found.error,
        error_kind="of a mean without both 1 % tails",
    )  # fmt: skip


def _strip(side: SnapshotSide) -> Shown:
    """Draw a walk in w from seed 0 to seed 1."""
    images = side.walk(0, 1, _STEPS)
    return Shown(images, [f"{i / (_STEPS - 1):.2f}" for i in range(_STEPS)],
                 "From seed 0 to seed 1 in w, in equal steps.")  # fmt: skip


def path_section(side: SnapshotSide, found: PathLength, distance: Lpips) -> PathLengths:
    """Return the section on path lengths."""
    values = found.values.clamp(found.low, found.high)
    inside = (found.values >= found.low) & (found.values <= found.high)
    words = f"{distance.name.replace('lpips_', 'LPIPS, ')}, of float images"
    return PathLengths(
        value=found.mean,
        error=found.error,
        samples=len(values),
        kept=int(inside.sum()),
        space=found.space,
        sampling=found.sampling,
        epsilon=found.epsilon,
        distance=words,
        crop=found.crop,
        histogram=count_between("path lengths", values.tolist(), shared_edges(values.tolist())),
        strip=_strip(side),
    )
