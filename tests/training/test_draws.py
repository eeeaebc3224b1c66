"""Parts of a batch: which samples each takes, and that they draw what the whole would."""

import pytest
import torch

from stylegen.devices import seeded
from stylegen.errors import InputError
from stylegen.networks.discriminator import minibatch_stddev
from stylegen.training.draws import Draws, Share, random_state, set_random_state

CPU = torch.device("cpu")
CASES = [(8, 2, 4), (8, 2, 2), (24, 3, 4), (16, 4, 1), (12, 2, 3), (32, 2, 8), (6, 3, 2)]


def shares(count: int, group: int | None) -> list[Share]:
    return [Share(index=i, count=count, group=group) for i in range(count)]


@pytest.mark.parametrize(("batch", "count", "group"), CASES)
def test_parts_are_a_partition(batch: int, count: int, group: int) -> None:
    rows = [share.rows(batch) for share in shares(count, group)]
    assert {len(r) for r in rows} == {batch // count}
    assert torch.cat(rows).sort().values.tolist() == list(range(batch))


@pytest.mark.parametrize(("batch", "count", "group"), CASES)
def test_minibatch_deviations_are_those_of_the_whole(batch: int, count: int, group: int) -> None:
    x = torch.randn(batch, 4, 3, 5, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    whole = minibatch_stddev(x, group, num_channels=2)
    assert group == 1 or whole[:, 4:].std() > 0
    for share in shares(count, group):
        part = minibatch_stddev(share.take(x), group, num_channels=2)
        torch.testing.assert_close(part, share.take(whole), rtol=1e-12, atol=1e-12)


def test_rows_by_hand() -> None:
    # groups of 2 among 8: {0, 4}, {1, 5}, {2, 6}, {3, 7}
    assert [s.rows(8).tolist() for s in shares(2, 2)] == [[0, 1, 4, 5], [2, 3, 6, 7]]
    assert [s.rows(4).tolist() for s in shares(2, 1)] == [[0, 1], [2, 3]]
    assert Share(group=None).rows(3).tolist() == [0, 1, 2]
    assert Share(group=8).rows(4).tolist() == [0, 1, 2, 3]  # a group is no larger than the batch


@pytest.mark.parametrize(
    ("batch", "count", "group", "match"),
    [
        (6, 2, 2, "a batch of 6 cannot be shared by 2 in groups of 2; take a multiple of 4"),
        (8, 2, None, "a batch of 8 cannot be shared by 2 in groups of 8; take a multiple of 16"),
        (4, 2, 8, "a batch of 4 cannot be shared by 2 in groups of 4"),
    ],
)
def test_groups_are_not_torn(batch: int, count: int, group: int | None, match: str) -> None:
    with pytest.raises(InputError, match=match):
        Share(count=count, group=group).rows(batch)


def draw(share: Share, samples: int) -> list[torch.Tensor]:
    with seeded(7, CPU):
        draws = Draws(CPU, share)
        return [draws.normal(samples, 3, 2), draws.integers(samples, 9), draws.uniform(samples)]


@pytest.mark.parametrize("group", [1, 2])
def test_parts_draw_the_numbers_of_the_whole(group: int) -> None:
    whole = draw(Share(), 12)
    assert [x.shape for x in whole] == [(12, 3, 2), (12,), (12,)]
    assert (whole[0].dtype, whole[1].dtype) == (torch.float32, torch.int64)
    assert 0 <= whole[1].min() < whole[1].max() <= 8
    for share in shares(3, group):
        for part, wanted in zip(draw(share, 4), whole, strict=True):
            assert torch.equal(part, wanted[share.rows(12)])


def test_the_random_state_can_be_gone_back_to() -> None:
    state = random_state(CPU)
    first = torch.randn(5)
    set_random_state(state, CPU)
    assert torch.equal(torch.randn(5), first)


@pytest.mark.parametrize(("batch", "count", "group"), CASES)
def test_groups_get_one_number(batch: int, count: int, group: int) -> None:
    def drawn(share: Share) -> torch.Tensor:
        with seeded(3, CPU):
            return Draws(CPU, share).integers(batch // share.count, 1000, group)

    whole = drawn(Share())
    for i in range(batch // group):
        assert len(set(whole[i :: batch // group].tolist())) == 1
    assert len(set(whole.tolist())) == batch // group  # of 1000, none twice by this seed
    for share in shares(count, group):
        assert torch.equal(drawn(share), share.take(whole))
