"""Orders of images: functions of seed and position."""

import pytest
import torch

from stylegen.data.orders import BalancedOrder, EpochOrder

LABELS = torch.tensor([0] * 7 + [2] * 3 + [5] * 1)


@pytest.fixture(params=["epochs", "balanced"])
def make(request):
    if request.param == "epochs":
        return lambda seed=0: EpochOrder(11, seed)
    return lambda seed=0: BalancedOrder(LABELS, seed)


def test_any_part_is_a_part_of_the_whole(make):
    whole = make().take(0, 200)
    assert whole.dtype == torch.int64
    order = make()
    for start, count in ((0, 200), (150, 7), (3, 1), (10, 1), (11, 1), (21, 90), (0, 0)):
        assert torch.equal(order.take(start, count), whole[start : start + count])


def test_seeds_differ(make):
    assert make(0).take(0, 50).tolist() != make(1).take(0, 50).tolist()


def test_every_epoch_shows_every_image_once_in_another_order():
    epochs = EpochOrder(7, seed=3).take(0, 21).view(3, 7)
    assert epochs.sort().values.tolist() == [list(range(7))] * 3
    assert len({tuple(e) for e in epochs.tolist()}) == 3


def test_epochs_are_the_permutations_that_their_seeds_draw():
    for epoch in range(3):
        generator = torch.Generator().manual_seed((9 << 24) + epoch)
        expected = torch.randperm(5, generator=generator)
        assert torch.equal(EpochOrder(5, seed=9).take(5 * epoch, 5), expected)


def test_every_round_shows_every_class_once_in_changing_order():
    rounds = LABELS[BalancedOrder(LABELS, 4).take(0, 300)].view(100, 3)
    assert rounds.sort().values.tolist() == [[0, 2, 5]] * 100
    orders = {tuple(r) for r in rounds.tolist()}
    assert len(orders) == 6  # all permutations of three


def test_every_class_shows_its_images_in_turn():
    taken = BalancedOrder(LABELS, 4).take(0, 3 * 21)
    for label, members in ((0, range(7)), (2, range(7, 10)), (5, range(10, 11))):
        own = taken[LABELS[taken] == label].view(-1, len(members))
        assert own.sort().values.tolist() == [list(members)] * len(own)
        if len(members) > 1:
            assert len({tuple(epoch) for epoch in own.tolist()}) > 1


def test_one_class_and_a_class_without_images():
    only = BalancedOrder(torch.tensor([3, 3]), 0).take(0, 10).view(5, 2)
    assert only.sort().values.tolist() == [[0, 1]] * 5
