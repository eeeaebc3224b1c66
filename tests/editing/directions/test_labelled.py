"""Directions from labels and from classes."""

from pathlib import Path

import pytest
import torch

from stylegen.editing.directions import BoundaryConfig, Direction, from_classes, from_labels, pca
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.sampling import sample_w, seeds_to_ws
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing.directions.small import make_generator, make_latents


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


def test_files_and_latents_are_labelled_like_seeds(tmp_path: Path) -> None:
    network, seeds = make_generator(), list(range(60))
    labels = ["high" if seed % 2 else "low" for seed in seeds]
    wanted = from_labels(network, seeds, labels)
    latents = make_latents(network, seeds)
    latents[:2].save(tmp_path / "two.npz")  # seeds 0 and 1: one label for all that a file holds
    sources = [tmp_path / "two.npz", "2", latents[3], *seeds[4:]]
    found = from_labels(network, sources, ["low", "low", "high", *labels[4:]])
    again = from_labels(network, seeds, ["low", "low", "low", "high", *labels[4:]])
    assert torch.equal(found.vector, again.vector)
    assert not torch.equal(found.vector, wanted.vector)


def test_of_latents_whose_layers_differ_the_moved_ones_count() -> None:
    network = make_generator()
    w = sample_w(network, 200)[:, None].repeat(1, 6, 1)
    w[:, 4:] += 100 * torch.randn(200, 2, 8, generator=torch.Generator().manual_seed(3))
    w[:, 1] += 2 * (w[:, 0] - w[:, 0].mean(0))  # the mean of layers 0 and 1: 2 w, but for a shift
    labels = ["b" if row[0, 3] > 0 else "a" for row in w]
    one = Latents(w=w[:, :1].repeat(1, 6, 1), sources=("x",) * 200)
    config = BoundaryConfig(method="least-squares")
    wanted = from_labels(network, list(one), labels, config=config)
    found = from_labels(
        network, list(Latents(w=w, sources=one.sources)), labels, layers=[0, 1], config=config
    )
    assert torch.allclose(found.vector, wanted.vector, atol=1e-5)


def test_labels_can_leave_directions_alone() -> None:
    network, seeds = make_generator(), list(range(100))
    labels = [str(seed % 2) for seed in seeds]
    others = pca(network, count=3)
    found = from_labels(network, seeds, labels, orthogonal_to=others)
    for other in others:
        assert float(found.vector @ other.vector) == pytest.approx(0, abs=1e-6)
    assert found.method == "logistic, orthogonal"
    assert found.unit == pytest.approx(float((sample_w(network) @ found.vector).std()), rel=1e-4)
    with pytest.raises(InputError, match="no direction is left"):
        from_labels(network, seeds, labels, orthogonal_to=pca(network, count=8))
    with pytest.raises(InputError, match=r"shape \(9,\)"):
        from_labels(network, seeds, labels, orthogonal_to=[Direction(vector=torch.ones(9))])


def labels_along(network: Generator, seeds: list[int], *axes: float) -> list[str]:
    """Label seeds by which side of the median they lie on, along w's first axes so weighted."""
    w = seeds_to_ws(network, seeds)[:, 0, : len(axes)]
    along = w @ torch.tensor(axes, dtype=w.dtype)
    return ["yes" if value > along.median() else "no" for value in along]


def test_the_change_of_an_orthogonal_direction_can_be_left_alone_too(tmp_path: Path) -> None:
    network, seeds = make_generator(), list(range(300))
    skin = from_labels(network, seeds, labels_along(network, seeds, 0, 0, 1))
    glasses_labels = labels_along(network, seeds, 0, 1, 1)
    plain = from_labels(network, seeds, glasses_labels)
    pure = from_labels(network, seeds, glasses_labels, orthogonal_to=[skin])
    pure.save(tmp_path / "pure.npz")
    pure = Direction.load(tmp_path / "pure.npz")
    assert pure.normal is not None
    assert torch.equal(pure.normal, plain.vector)
    assert abs(float(pure.vector @ plain.vector)) < 0.99  # a step, not the normal
    smile_labels = labels_along(network, seeds, 1, 1, 0)
    wanted, found = (
        from_labels(network, seeds, smile_labels, orthogonal_to=[glasses])
        for glasses in (plain, pure)
    )
    assert float(plain.vector @ found.vector) == pytest.approx(0, abs=1e-6)
    assert torch.equal(found.vector, wanted.vector)
    assert abs(float(pure.vector @ found.vector)) > 0.01


def test_an_orthogonal_direction_without_its_normal_is_refused() -> None:
    network, seeds = make_generator(), list(range(40))
    old = Direction(vector=torch.ones(8), name="old", method="logistic, orthogonal")
    with pytest.raises(InputError, match=r"'old' .* lacks the normal"):
        from_labels(network, seeds, [str(s % 2) for s in seeds], orthogonal_to=[old])


def test_the_accuracy_of_an_orthogonal_direction_is_its_own() -> None:
    network, seeds = make_generator(), list(range(600))
    w = seeds_to_ws(network, seeds)[:, 0].double()
    labels = labels_along(network, seeds, 1, 0)
    config = BoundaryConfig(ridge=1e-4)
    plain = from_labels(network, seeds, labels, config=config)
    other = Direction(vector=plain.vector + 0.1 * torch.eye(8)[1])  # nearly all that tells them
    found = from_labels(network, seeds, labels, orthogonal_to=[other], config=config)
    assert plain.accuracy is not None
    assert found.accuracy is not None
    assert plain.accuracy > 0.95
    # the best that any threshold does on all samples, counted over all of them
    places, is_yes = w @ found.vector.double(), torch.tensor([x == "yes" for x in labels])
    rights = [((places > t) == is_yes).double().mean() for t in places]
    assert float(max(rights)) < 0.85
    assert found.accuracy == pytest.approx(float(max(rights)), abs=0.1)


def test_labels_without_seeds_and_too_few() -> None:
    network = make_generator()
    with pytest.raises(InputError, match="3 sources have 2 labels"):
        from_labels(network, [1, 2, 3], ["a", "b"])
    with pytest.raises(InputError, match="at least 10 samples on each side"):
        from_labels(network, list(range(30)), ["a"] * 25 + ["b"] * 5)
