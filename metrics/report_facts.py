"""Sections of a report that are tables: classes, what the files are, where it all comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class.

    Attributes:
        name: of the class.
        images: by side: "a", "against".
        distance: Frechet distance between both sides' images of the class; None: not to be had.
        precision: 0 to 1.
        recall: 0 to 1.
        error: standard error of the distance.
        small: so few images that the distance says little.
    """

    name: str
    images: Mapping[str, int]
    distance: float | None = None
    precision: float | None = None
    recall: float | None = None
    error: float | None = None
    small: bool = False


@dataclass(frozen=True, kw_only=True)
class Classes:
    """Each class by itself.

    Attributes:
        metric: name of the distance for people: "FID".
        rows: in order of class.
        about: how many images a class needs not to count as small, and the like.
    """

    metric: str
    rows: tuple[ClassRow, ...]
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class BrokenFile:
    """A file that could not be read."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class SideSanity:
    """What the files of one side are.

    Attributes:
        files: looked at.
        duplicates: files whose pixels another file has, too; None: not looked for.
        near_duplicates: files that look like another; None: not looked for.
        sizes: how many files of each size: {"64x64": 990}.
        codecs: how many of each: {"PNG": 990}.
        modes: how many of each: {"RGB": 980, "L": 10}.
        grey_share: images without colour, 0 to 1.
        broken: files that could not be read.
        resize_filter: which filter the images seem to have been resized by, in words.
    """

    files: int
    duplicates: int | None = None
    near_duplicates: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    codecs: Mapping[str, int] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    grey_share: float | None = None
    broken: tuple[BrokenFile, ...] = ()
    resize_filter: str | None = None


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The distance between two random halves of the real images, which differ by chance alone.

    It holds for as many images: a Frechet distance of larger numbers has a smaller bias, and may
    lie below it.

    Attributes:
        metric: key of the metric.
        value: distance of the halves.
        error: its standard error.
        images: of each half.
    """

    metric: str
    value: float
    images: int
    error: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sanity:
    """The files of each side, by "a" and "against", and the floor of the distance."""

    sides: Mapping[str, SideSanity]
    floor: Floor | None = None


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where the numbers come from; None: there is no such thing, or it is not known.

    Attributes:
        command: the command line.
        checkpoint_sha256: of the judged snapshot's file.
        kimg: of the judged snapshot.
        ema: the moving average that was drawn with, in words.
        dataset_sha256: of the images compared with.
        reference_sha256: of the file of reference statistics.
        git_commit: of the program.
        git_dirty: the program's files were changed since.
        peak_memory_bytes: of this process.
        peak_gpu_memory_bytes: of the GPU.
    """

    command: str | None = None
    checkpoint_sha256: str | None = None
    kimg: float | None = None
    ema: str | None = None
    dataset_sha256: str | None = None
    reference_sha256: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    peak_memory_bytes: int | None = None
    peak_gpu_memory_bytes: int | None = None
