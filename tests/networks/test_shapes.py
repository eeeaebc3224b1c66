"""Which image shapes networks can have, and what is said of the others."""

import re
import subprocess
import sys
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.networks import DiscriminatorConfig, GeneratorConfig, shape_for
from stylegen.networks.shapes import nearest_sizes

REACHED = [  # width and height, nominal resolution, base height and width: by hand
    (4, 4, 4, (4, 4)), (8, 8, 8, (4, 4)), (64, 64, 64, (4, 4)), (1024, 1024, 1024, (4, 4)),
    (96, 64, 64, (4, 6)), (64, 96, 64, (6, 4)), (80, 48, 64, (3, 5)), (48, 80, 64, (5, 3)),
    (48, 48, 64, (3, 3)), (96, 96, 128, (3, 3)), (3, 3, 4, (3, 3)), (5, 5, 4, (5, 5)),
    (104, 80, 32, (10, 13)), (12, 20, 16, (5, 3)), (256, 144, 64, (9, 16)), (128, 32, 32, (4, 16)),
]  # fmt: skip
SIDES = [{b * 2**k for b in range(3, 17)} for k in range(7)]


def is_reachable(height: int, width: int) -> bool:
    return any(height in sides and width in sides for sides in SIDES)


@pytest.mark.parametrize(("width", "height", "resolution", "base_size"), REACHED)
def test_as_many_doublings_as_a_size_allows(
    width: int, height: int, resolution: int, base_size: tuple[int, int]
) -> None:
    assert shape_for(height, width) == (resolution, base_size)
    for make in (GeneratorConfig, DiscriminatorConfig):
        config = make(resolution=resolution, base_size=base_size)
        assert (config.height, config.width) == (height, width)
        assert config.size(4) == base_size


def test_every_size_is_reached_or_refused_with_the_nearest() -> None:
    reachable = {(h, w) for h in range(1, 121) for w in range(1, 121) if is_reachable(h, w)}
    for h in range(1, 61):
        for w in range(1, 61):
            if (h, w) in reachable:
                resolution, base = shape_for(h, w)
                assert (base[0] * resolution // 4, base[1] * resolution // 4) == (h, w)
                assert min(base) < 6 or h % (resolution // 2) or w % (resolution // 2)
                continue
            with pytest.raises(InputError, match=f"{w}x{h} px"):
                shape_for(h, w)


@pytest.mark.parametrize("size", [(17, 33), (45, 21), (2, 9), (50, 8), (19, 19), (59, 57), (1, 1)])
def test_the_nearest_sizes_are_the_nearest(size: tuple[int, int]) -> None:
    def distance(other: tuple[int, int]) -> float:
        return sum(abs(a - b) / b for a, b in zip(other, size, strict=True))

    h, w = size
    reachable = [(a, b) for a in range(1, 121) for b in range(1, 121) if is_reachable(a, b)]
    sides = (
        [s for s in reachable if s[0] <= h and s[1] <= w],
        [s for s in reachable if s[0] >= h and s[1] >= w],
    )
    expected = [min(map(distance, some)) for some in sides if some]
    assert [distance(s) for s in nearest_sizes(h, w)] == expected
    assert all(is_reachable(*s) for s in nearest_sizes(h, w))


@pytest.mark.parametrize(
    ("height", "width", "sentence"),
    [
        (100, 100, "cannot draw 100x100 px (width x height)"),
        (100, 100, "the nearest sizes are 96x96 and 104x104"),
        (200, 250, "the nearest sizes are 240x192 and 256x208"),  # of 250 wide and 200 high
        (16, 512, "the nearest sizes are 64x16 and 512x96"),  # too narrow
        (2, 2, "the nearest size is 3x3"),
        (0, 8, "height and width are 0 and 8"),
        (8, 8.0, "height and width are 8 and 8.0"),
        (3 * 2**17, 3 * 2**17, "cannot draw"),
    ],
)
def test_others_are_refused_in_users_words(height: Any, width: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=re.escape(sentence)):
        shape_for(height, width)


def test_shapes_need_no_torch() -> None:
    code = (
        "import sys; from stylegen.networks import shape_for; shape_for(64, 96)\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
