"""How a set's images were read before a feature network saw them; free of torch."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stylegen.data.sizes import size_text
from stylegen.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How images were read.

    Attributes:
        width: in pixels.
        height: in pixels.
        channels: 1 or 3.
        filter: resampling filter, used where sizes differ; None: the images are drawn or have this
            size.
        background: colour behind transparency; None: the images are drawn.
    """

    width: int
    height: int
    channels: int
    filter: str | None = None
    background: str | None = None


def reading_of(values: object) -> Reading | None:
    """Read what a reference's header holds; None: nothing.

    Raises:
        TypeError: it holds something else.
        ValueError: a size is not a positive number.
    """
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise TypeError("the way that the images were read is no mapping")
    found = Reading(**values)
    numbers = (found.width, found.height, found.channels)
    if not all(isinstance(n, int) and n > 0 for n in numbers):
        raise ValueError(f"images of the size and channels {numbers}")
    return found


def check_reading(side: Reading, name: str, there: Reading, reference: str) -> Iterator[str]:
    """Make sure that images have a reference's size, and say how else they were read differently.

    Args:
        side: how the judged images are read.
        name: of that side.
        there: how the reference's images were read.
        reference: its name.

    Yields:
        Sentences for the report.

    Raises:
        InputError: sizes differ.
    """
    own, other = size_text(side.width, side.height), size_text(there.width, there.height)
    if own != other:
        raise InputError(
            f"{name} has {own} px and {reference} is of images of {other}: images of different "
            "sizes cannot be compared; make a reference of images of one size"
        )
    if side.channels != there.channels:
        yield (
            f"The images have {side.channels} channels here and {there.channels} in the reference: "
            "grey ones against coloured ones."
        )
    for what, here, then in (
        ("resized by", side.filter, there.filter),
        ("laid on a background of", side.background, there.background),
    ):
        if here is not None and then is not None and here != then:
            yield (
                f"Images are {what} {here} here and {then} in the reference: where that applies, "
                "it alone can move FID by 1."
            )
