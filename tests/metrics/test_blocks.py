"""Moments kept in blocks against those of the images that are in each."""

import pytest
import torch

from stylegen.errors import InputError
from stylegen.metrics.moments import BlockMoments, Moments
from tests.metrics.gaussians import normal


def same(a: Moments, b: Moments) -> None:
    assert a.count == b.count
    torch.testing.assert_close(a.mean, b.mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(a.covariance, b.covariance, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 7, 64])
def test_an_image_is_in_the_block_of_its_index(batch: int) -> None:
    x = normal(53, 3) + 4
    moments = BlockMoments.empty(3, blocks=5)
    for start in range(0, 53, batch):
        moments.update(x[start : start + batch].float().double(), start)
    x = x.float().double()
    own = torch.arange(53) % 5
    same(moments.total(), Moments.of(x))
    assert moments.counts.tolist() == [11, 11, 11, 10, 10]
    for b in range(5):
        same(moments.block(b), Moments.of(x[own == b]))
        same(moments.without(b), Moments.of(x[own != b]))


def test_shares_of_processes_add_up() -> None:
    x = normal(40, 3)
    shares = [BlockMoments.empty(3, blocks=4) for _ in range(2)]
    for i, start in enumerate(range(0, 40, 6)):
        shares[i % 2].update(x[start : start + 6], start)
    merged, whole = shares[0].merged(shares[1]), BlockMoments.of(x, 4)
    assert torch.equal(merged.counts, whole.counts)
    torch.testing.assert_close(merged.sums, whole.sums, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(merged.outers, whole.outers, rtol=1e-13, atol=1e-13)


def test_they_refuse() -> None:
    with pytest.raises(InputError, match="2 blocks or more, not 1"):
        BlockMoments.empty(3, blocks=1)
    with pytest.raises(InputError, match=r"\(2, 3\) and \(4, 3\) cannot be merged"):
        BlockMoments.empty(3, blocks=2).merged(BlockMoments.empty(3, blocks=4))
