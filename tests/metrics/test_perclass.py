"""Per-class distances against 50 digits, of few images and of many."""

import pytest
import torch

from stylegen.errors import InputError
from stylegen.metrics.perclass import per_class_frechet
from tests.metrics.gaussians import distance_in_50_digits, draws, normal


def test_each_class_is_that_of_50_digits() -> None:
    """11 dimensions; classes of 4 against 6, 30 against 5, and 25 against 20 images."""
    counts = (4, 30, 25), (6, 5, 20)
    labels_a, labels_b = (
        torch.repeat_interleave(torch.arange(3), torch.tensor(n))[torch.randperm(sum(n))]
        for n in counts
    )
    a, b = normal(59, 11).float(), draws(31, 11, seed=1).float() * (1 + labels_b[:, None])
    found = per_class_frechet(a, labels_a, b, labels_b, ["zero", "one", "two"])
    assert [f.name for f in found] == ["zero", "one", "two"]
    assert [(f.label, f.count_a, f.count_b) for f in found] == [(0, 4, 6), (1, 30, 5), (2, 25, 20)]
    for f in found:
        expected = distance_in_50_digits(a[labels_a == f.label], b[labels_b == f.label])
        assert expected > 1
        assert f.value == pytest.approx(expected, rel=1e-11)
        assert f.few


def test_classes_without_images_have_no_value_and_many_are_not_few() -> None:
    a, b = normal(503, 2), normal(501, 2, seed=1)
    labels_a, labels_b = torch.zeros(503, dtype=torch.int64), torch.zeros(501, dtype=torch.int64)
    labels_a[:3] = labels_b[0] = 1
    first, second, third = per_class_frechet(a, labels_a, b, labels_b, "abc")
    assert first.value is not None
    assert not first.few
    assert (second.value, second.count_a, second.count_b, second.few) == (None, 3, 1, True)
    assert (third.value, third.count_a, third.count_b) == (None, 0, 0)


def test_it_refuses() -> None:
    x, labels = normal(4, 2), torch.tensor([0, 1, 2, 1])
    with pytest.raises(InputError, match="second set has labels 0 to 2, but 2 classes are named"):
        per_class_frechet(x, labels % 2, x, labels, ["a", "b"])
    with pytest.raises(InputError, match="first set has features"):
        per_class_frechet(x, labels[:3], x, labels, ["a", "b", "c"])
    with pytest.raises(InputError, match="second set are not finite"):
        per_class_frechet(x, labels, x / 0, labels, ["a", "b", "c"])
