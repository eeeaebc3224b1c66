"""The order of the real images."""

import itertools
from collections import Counter
from typing import Any

import pytest
import torch

from stylegen.data import open_images
from stylegen.images import to_uint8
from stylegen.training import feed
from stylegen.training.feed import EndlessShuffle, Feed, mirror_half


def test_every_epoch_shows_every_image_once_in_another_order() -> None:
    taken = list(itertools.islice(EndlessShuffle(7, seed=3), 21))
    epochs = [tuple(taken[i : i + 7]) for i in (0, 7, 14)]
    assert all(sorted(e) == list(range(7)) for e in epochs)
    assert len(set(epochs)) == 3
    other = list(itertools.islice(EndlessShuffle(7, seed=4), 21))
    assert taken != other


def test_the_order_goes_on_from_any_position() -> None:
    whole = list(itertools.islice(EndlessShuffle(5, seed=1), 30))
    for start in (0, 3, 5, 17):
        rest = list(itertools.islice(EndlessShuffle(5, seed=1, start=start), 30 - start))
        assert rest == whole[start:]


def test_half_of_the_images_are_mirrored() -> None:
    torch.manual_seed(0)
    images = torch.arange(4.0).expand(4000, 1, 1, 4)
    mirrored = mirror_half(images)
    first = Counter(mirrored[:, 0, 0, 0].tolist())
    assert set(first) == {0.0, 3.0}
    assert 1800 < first[3.0] < 2200


@pytest.mark.parametrize("limit", [feed.MEMORY_BYTES, 0])
def test_memory_and_stream_give_the_same_batches(
    make_config: Any, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(feed, "MEMORY_BYTES", limit)
    monkeypatch.setattr(feed.os, "cpu_count", lambda: 1)
    images = open_images(make_config(labels=True).data)
    batches = Feed(images, 6, 5, 8, False, torch.device("cpu"))
    order = EndlessShuffle(40, 5, 8)
    for _ in range(2):
        pixels, labels = next(batches)
        expected = [images[i] for i in itertools.islice(order, 6)]
        order = EndlessShuffle(40, 5, order.start + 6)
        assert pixels.dtype == torch.float32
        assert torch.equal(to_uint8(pixels), torch.stack([e[0] for e in expected]))
        assert labels.tolist() == [e[1] for e in expected]
    assert batches.wait_sec > 0
