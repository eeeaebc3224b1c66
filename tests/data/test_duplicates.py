"""Pictures that show the same: found among others, with copies made in known ways."""

import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from stylegen.data.duplicates import exact_groups, is_plain, join, near_pairs

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None
assert _spec.loader is not None
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)
encoded, pattern = drawn.encoded, drawn.pattern


def small(image):
    return np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BOX))


ORIGINALS = [small(pattern(seed)) for seed in range(60)]


def jpeg(image):
    return Image.open(io.BytesIO(encoded(image, "JPEG", quality=60)))


@pytest.mark.parametrize(
    "change",
    [
        jpeg,
        lambda image: image.resize((20, 20), Image.Resampling.BICUBIC),
        lambda image: ImageEnhance.Brightness(image).enhance(1.15),
        lambda image: ImageEnhance.Contrast(image).enhance(0.6),
        lambda image: image.crop((0, 0, 31, 32)),
    ],
)
def test_changed_copies_are_found_and_nothing_else(change):
    copies = [small(change(pattern(seed))) for seed in (7, 30)]
    direct, mirrored = near_pairs(np.stack([*ORIGINALS, *copies]))
    assert direct.tolist() == [[7, 60], [30, 61]]
    assert mirrored.tolist() == []


def test_mirrored_copies_are_told_apart():
    copy = small(pattern(5).transpose(Image.Transpose.FLIP_LEFT_RIGHT))
    direct, mirrored = near_pairs(np.stack([*ORIGINALS, copy]))
    assert (direct.tolist(), mirrored.tolist()) == ([], [[5, 60]])


def test_all_pairs_are_those_of_comparing_each_with_each():
    rng = np.random.RandomState(0)
    base = rng.randint(0, 256, (40, 16, 16, 3)).astype(np.float64)
    noisy = [base + rng.normal(0, spread, base.shape) for spread in (2, 10, 14, 30)]
    pictures = np.clip(np.concatenate([base, *noisy]), 0, 255).astype(np.uint8)
    x = pictures.astype(np.float64)
    x = (x - x.mean((1, 2), keepdims=True)).reshape(len(x), -1)
    rho = (x @ x.T) / np.linalg.norm(x, axis=1) / np.linalg.norm(x, axis=1)[:, None]
    expected = np.argwhere(np.triu(rho >= 0.98, 1)).tolist()
    assert 40 < len(expected) < 800
    assert near_pairs(pictures, 0.98)[0].tolist() == expected


def test_a_crowd_of_copies_stays_one_group_of_few_pairs():
    crowd = np.stack([ORIGINALS[0]] * 3000 + ORIGINALS[1:])
    crowd[:3000, 0, 0, 0] = np.arange(3000) % 50
    direct, _ = near_pairs(crowd)
    assert len(direct) < 8 * 3000 + 1
    assert set(direct.flatten().tolist()) <= set(range(3000))


def test_groups():
    pairs = np.array([[0, 1], [1, 4], [6, 7]])
    assert join(pairs, 9) == [[0, 1, 4], [6, 7]]
    assert join(np.empty((0, 2), np.int64), 3) == []
    assert exact_groups([b"x", b"y", b"", b"x", b"", b"z", b"x"]) == [[0, 3, 6]]
    assert near_pairs(np.stack(ORIGINALS[:1]))[0].shape == (0, 2)


def test_plain_pictures():
    flat = np.full((16, 16, 3), 200, np.uint8)
    faint = flat.copy()
    faint[::2] += 1
    dot = flat.copy()
    dot[:4, :4, 2] = 0
    assert is_plain(np.stack([flat, faint, dot, ORIGINALS[0]])).tolist() == [
        True,
        True,
        False,
        False,
    ]
