"""Orders of images: functions of seed and position."""

import pytest
import torch

from stylegen.data.orders import BalancedOrder, EpochOrder, GroupedOrder

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


def grouped(group=4, seed=0, make=EpochOrder):
    order = make(11 if make is EpochOrder else LABELS, seed)
    return GroupedOrder(order, LABELS, group, seed)


@pytest.mark.parametrize(("batch", "group"), [(16, 4), (6, 4), (5, 4), (8, 16)])
def test_groups_show_one_class_each(batch, group):
    whole = {(16, 4): 4, (6, 4): 3, (5, 4): 1, (8, 16): 8}[batch, group]
    for position in range(0, 40 * batch, batch):
        taken = grouped(group).take(position, batch)
        assert taken.shape == (batch,)
        for i in range(batch // whole):  # as minibatch deviations take them
            own = taken[i :: batch // whole]
            assert len(set(LABELS[own].tolist())) == 1
            members = int((LABELS[own[0]] == LABELS).sum())
            assert len(set(own.tolist())) == min(whole, members)  # none twice without need


def test_grouped_batches_depend_on_their_place_and_on_the_seed():
    whole = [grouped().take(p, 8).tolist() for p in range(0, 80, 8)]
    assert [grouped().take(p, 8).tolist() for p in range(0, 80, 8)] == whole
    assert grouped().take(40, 8).tolist() == whole[5]
    assert len({tuple(batch) for batch in whole}) == len(whole)
    assert grouped(seed=1).take(0, 8).tolist() != whole[0]
    assert grouped().take(0, 0).tolist() == []


def test_groups_show_classes_as_often_as_their_order_does():
    n = 44_000
    shown = [
        grouped(make=m).take(p, 8) for m in (EpochOrder, BalancedOrder) for p in range(0, n, 8)
    ]
    of_epochs, balanced = torch.stack(shown).view(2, -1)
    counts = torch.bincount(LABELS[of_epochs], minlength=6) / n
    assert counts[[0, 2, 5]].tolist() == pytest.approx([7 / 11, 3 / 11, 1 / 11], abs=0.02)
    counts = torch.bincount(LABELS[balanced], minlength=6) / n
    assert counts[[0, 2, 5]].tolist() == pytest.approx([1 / 3] * 3, abs=0.02)
    each = torch.bincount(of_epochs, minlength=11)[:7] / n  # images of a class alike
    assert each.tolist() == pytest.approx([1 / 11] * 7, abs=0.01)
