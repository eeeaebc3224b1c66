"""Directions from tables of labels, from classes, from factors."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from stylegen.editing.directions import (
    BoundaryConfig,
    from_classes,
    from_factor,
    from_labels,
    read_labels,
)
from stylegen.editing.directions.labelled import outer_thirds, part_labels, part_readings
from stylegen.editing.directions.reading import Factor
from stylegen.editing.latents import network_digest
from stylegen.editing.sampling import draw, sample_w, seeds_to_ws
from stylegen.errors import InputError
from tests.editing.directions.small import make_generator


def test_labels_of_seeds_give_the_normal_they_were_made_by() -> None:
    network = make_generator()
    seeds = list(range(600))
    w = seeds_to_ws(network, seeds)[:, 0]
    n = torch.zeros(8)
    n[2] = 1
    labels = ["yes" if value > 0 else "no" for value in (w - w.mean(0)) @ n]
    found = from_labels(network, seeds, labels, layers=[0, 1], config=BoundaryConfig(ridge=1e-5))
    assert float(found.vector @ n) > 0.98
    assert found.accuracy is not None
    assert found.accuracy > 0.9
    assert found.layers == (0, 1)
    assert found.network == network_digest(network)
    assert found.method == "logistic"
    assert found.unit == pytest.approx(float((sample_w(network) @ found.vector).std()), rel=1e-4)
    back = from_labels(network, seeds, labels, to="no", config=BoundaryConfig(ridge=1e-5))
    assert float(back.vector @ n) < -0.98


def test_numbers_lead_from_the_lowest_third_to_the_highest() -> None:
    network = make_generator()
    seeds = list(range(600))
    w = seeds_to_ws(network, seeds)[:, 0]
    labels = [f"{value:.4f}" for value in w[:, 5].tolist()]
    found = from_labels(network, seeds, labels, config=BoundaryConfig(method="least-squares"))
    assert float(found.vector[5]) > 0.8


@pytest.mark.parametrize("method", ["logistic", "least-squares"])
def test_a_class_is_reached_along_its_direction(method: str) -> None:
    network = make_generator(c_dim=3)
    config = BoundaryConfig(method=method, samples=400)  # type: ignore[arg-type]
    found = from_classes(network, "b", "c", config=config)
    means = [sample_w(network, 400, 7, name).mean(0) for name in ("b", "c")]
    assert float((means[0] - means[1]) @ found.vector) > 0
    others = from_classes(network, 1, config=config)
    mean_of_all = sample_w(network, 900, 8).mean(0)
    assert float((means[0] - mean_of_all) @ others.vector) > 0
    assert others.name == "1"


def test_classes_that_are_not_there() -> None:
    with pytest.raises(InputError, match="the classes are: a, b, c"):
        from_classes(make_generator(c_dim=3), "z")
    with pytest.raises(InputError, match="to itself"):
        from_classes(make_generator(c_dim=3), "b", 1)
    with pytest.raises(InputError, match="without classes"):
        from_classes(make_generator(), "a")
    with pytest.raises(InputError, match="one class"):
        from_classes(make_generator(c_dim=1), "a")


def test_a_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffseed,label\n85, smiling\n\n3,not\n")
    assert read_labels(path) == ([85, 3], ["smiling", "not"])
    path.write_text("0,a\n1,b\n")
    assert read_labels(path) == ([0, 1], ["a", "b"])


@pytest.mark.parametrize("text", ["", "seed,label\n", "1\n", "1,a,b\n", "1,a\nx,b\n", "1,\n"])
def test_tables_of_another_form(tmp_path: Path, text: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=r"labels\.csv"):
        read_labels(tmp_path / "labels.csv")


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"1,\xff\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_labels(tmp_path / "labels.csv")
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(InputError, match="is no file"):
            read_labels(path)


def parted(*labels: str, to: str | None = None, away: str | None = None) -> list[tuple[int, bool]]:
    kept, high = part_labels(labels, to, away)
    return list(zip(kept.tolist(), high.tolist(), strict=True))


def test_how_labels_are_parted() -> None:
    assert parted("no", "yes", "no") == [(0, False), (1, True), (2, False)]
    assert parted("1", "0", to="0") == [(0, False), (1, True)]
    assert parted("a", "b", away="b") == [(0, True), (1, False)]
    assert parted("a", "b", "c", to="b") == [(0, False), (1, True), (2, False)]
    assert parted("a", "b", "c", to="b", away="c") == [(1, True), (2, False)]
    assert parted("5", "1", "3") == [(1, False), (0, True)]
    assert parted("1", "2", "3", to="2") == [(0, False), (1, True), (2, False)]
    with pytest.raises(InputError, match="the labels are: a, b, c"):
        parted("a", "b", "c")
    with pytest.raises(InputError, match="no label 'x'; the labels are: a, b"):
        parted("a", "b", to="x")
    with pytest.raises(InputError, match="from 'a' to itself"):
        parted("a", "b", to="a", away="a")


def test_outer_thirds() -> None:
    kept, high = outer_thirds(torch.tensor([5.0, 1, 4, 2, 6, 3, 0]))
    assert kept.tolist() == [6, 1, 0, 4]
    assert high.tolist() == [False, False, True, True]
    with pytest.raises(InputError, match="cannot be parted"):
        outer_thirds(torch.tensor([1.0, 1, 1, 1, 1, 2]))


def test_labels_without_seeds_and_too_few() -> None:
    network = make_generator()
    with pytest.raises(InputError, match="3 seeds have 2 labels"):
        from_labels(network, [1, 2, 3], ["a", "b"])
    with pytest.raises(InputError, match="at least 10 samples on each side"):
        from_labels(network, list(range(30)), ["a"] * 25 + ["b"] * 5)


class Redness:
    """Reads how red an image is, as a number, and as a colour of two values."""

    factors = (
        Factor(name="red", values=(), first=0, spread=1.0),
        Factor(name="colour", values=("blue", "red"), first=1, spread=1.0),
        Factor(name="hair", values=("a", "b", "c"), first=0, spread=1.0),
    )

    def check_channels(self, channels: int) -> None:
        assert channels == 3

    def find(self, name: str) -> Factor:
        return next(factor for factor in self.factors if factor.name == name)

    def __call__(self, images: Tensor) -> Tensor:
        red, _, blue = images.double().mean((2, 3)).unbind(1)
        return torch.stack([red, blue, red], dim=1)


@pytest.mark.parametrize(("name", "value"), [("red", None), ("colour", "red"), ("colour", None)])
def test_a_factor_grows_along_its_direction(name: str, value: str | None) -> None:
    network, reader = make_generator(), Redness()
    config = BoundaryConfig(samples=300)
    found = from_factor(network, reader, name, value, config=config)  # type: ignore[arg-type]
    w = sample_w(network, 100, seed=9)
    ends = []
    for sign in (-1, 1):
        moved = w + sign * (found.unit or 0) * found.vector
        ends.append(reader(draw(network, moved[:, None].repeat(1, 6, 1))))
    change = (ends[1] - ends[0]).mean(0)
    assert float(change[0] if name == "red" else change[2] - change[1]) > 1


def test_values_that_a_factor_lacks() -> None:
    red, colour, hair = Redness.factors
    readings = torch.tensor([[0.0, 2, 1], [3, 2, 1]])
    assert part_readings(readings, hair, "a")[1].tolist() == [False, True]
    assert part_readings(readings[:, :2], colour, None)[1].tolist() == [True, False]
    with pytest.raises(InputError, match="its values are: a, b, c"):
        part_readings(readings, hair, None)
    with pytest.raises(InputError, match="is a number"):
        part_readings(readings[:, :1], red, "a")
