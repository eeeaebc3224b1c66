"""Which image shapes networks can have: a base grid, doubled k times.

    height = h0 2^k,   width = w0 2^k,   R = 4 2^k

The first block's constant is the base grid (h0, w0), 4 x 4 for squares of a power of two. The
nominal resolution R names blocks and sets their widths, whatever the shape: block r computes
(h0 r / 4) x (w0 r / 4) pixels.

H height, W width, R nominal resolution.
"""

from collections.abc import Iterator

from stylegen.errors import InputError

BaseSize = tuple[int, int]

MIN_BASE = 3  # a 3x3 convolution on less sees its own padding everywhere
MAX_BASE = 16  # the discriminator's dense layer grows with the base: 16x9 has nine times 4x4's
_MAX_DOUBLINGS = 16


def check_base_size(base_size: BaseSize) -> None:
    """Check a base grid.

    Raises:
        InputError: it is no pair of whole numbers from 3 to 16.
    """
    pair = base_size if isinstance(base_size, tuple) else ()
    if len(pair) != 2 or not all(type(n) is int and MIN_BASE <= n <= MAX_BASE for n in pair):
        raise InputError(
            f"base_size is {base_size!r}; wanted (height, width), each from {MIN_BASE} to "
            f"{MAX_BASE}"
        )


def block_size(base_size: BaseSize, resolution: int) -> tuple[int, int]:
    """Return the (height, width) in pixels of the block of a nominal resolution."""
    h0, w0 = base_size
    return h0 * resolution // 4, w0 * resolution // 4


def _reachable(height: int, width: int) -> Iterator[tuple[bool, int, int]]:
    """Yield (is it the one above, H, W) of the nearest shapes for each number of doublings."""

    def within(n: int) -> int:
        return min(max(n, MIN_BASE), MAX_BASE)

    for k in range(_MAX_DOUBLINGS):
        step = 2**k
        below = [within(side // step) * step for side in (height, width)]
        above = [within(-(-side // step)) * step for side in (height, width)]
        if below[0] <= height and below[1] <= width:
            yield False, *below
        if above[0] >= height and above[1] >= width:
            yield True, *above


def nearest_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the nearest (H, W) that networks can have: not larger, then not smaller.

    Args:
        height: wanted, in pixels.
        width: wanted, in pixels.

    Returns:
        One or two shapes; the smaller one is left out where there is none.
    """
    best: dict[bool, tuple[float, int, int]] = {}
    for is_above, h, w in _reachable(height, width):
        distance = abs(h - height) / height + abs(w - width) / width
        best[is_above] = min(best.get(is_above, (distance, h, w)), (distance, h, w))
    return [best[key][1:] for key in (False, True) if key in best]


def _refuse(height: int, width: int) -> InputError:
    sizes = [f"{w}x{h}" for h, w in nearest_sizes(height, width)]
    return InputError(
        f"networks cannot draw {width}x{height} px (width x height): halved equally often, both "
        f"sides should become whole numbers from {MIN_BASE} to {MAX_BASE}; "
        + ("the nearest sizes are " if len(sizes) > 1 else "the nearest size is ")
        + " and ".join(sizes)
    )


def shape_for(height: int, width: int) -> tuple[int, BaseSize]:
    """Return the networks' shape for images of a size: as many doublings as it allows.

    Args:
        height: in pixels.
        width: in pixels.

    Returns:
        The nominal resolution R, and the base grid (h0, w0): (64, (4, 4)) for 64x64, and
        (64, (3, 5)) for 48 high and 80 wide.

    Raises:
        InputError: no network has this shape; the nearest sizes are named.
    """
    for side in (height, width):
        if type(side) is not int or side < 1:
            raise InputError(f"an image's height and width are {height!r} and {width!r} px")
    k = 0
    while min(height, width) >> (k + 1) >= MIN_BASE and not (height | width) % 2 ** (k + 1):
        k += 1
    base = height >> k, width >> k
    if min(base) < MIN_BASE or max(base) > MAX_BASE or k >= _MAX_DOUBLINGS:
        raise _refuse(height, width)
    return 4 * 2**k, base
