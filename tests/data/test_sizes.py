"""Sizes of images as users write them."""

import pytest

from stylegen.data.sizes import parse_resolution, resolution_of, size_of, size_text
from stylegen.errors import InputError


@pytest.mark.parametrize(
    ("text", "resolution", "size"),
    [
        ("64", 64, (64, 64)),
        ("96x64", (96, 64), (96, 64)),
        (" 48 X 80 ", (48, 80), (48, 80)),
        ("32x32", 32, (32, 32)),
        ("8192×1", (8192, 1), (8192, 1)),
    ],
)
def test_reading_and_writing(text, resolution, size):
    assert parse_resolution(text) == resolution
    assert size_of(resolution) == size
    assert resolution_of(*size) == resolution
    assert parse_resolution(size_text(*size)) == resolution


@pytest.mark.parametrize("text", ["", "x", "64x", "x64", "6.4", "64x64x3", "-4", "64,32", "64 32"])
def test_other_forms(text):
    with pytest.raises(InputError, match="wanted pixels such as 64, or width x height such as"):
        parse_resolution(text)


@pytest.mark.parametrize(("text", "shown"), [("0", "0"), ("0x5", "0x5"), ("64x9000", "64x9000")])
def test_out_of_range(text, shown):
    with pytest.raises(InputError, match=f"should be 1 to 8192 pixels, not {shown}"):
        parse_resolution(text)


def test_truth_is_no_size():
    with pytest.raises(InputError, match="in pixels, not True"):
        size_of(True)
