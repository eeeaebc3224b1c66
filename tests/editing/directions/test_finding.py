"""Closed-form factorisation and principal components against scipy, numpy and known answers."""

import numpy as np
import pytest
import scipy.linalg
import torch

from stylegen.editing.directions import Spread, measure_spread, pca, sefa
from stylegen.editing.directions.factorising import factorise, layer_affines, style_weights
from stylegen.editing.directions.principal import components
from stylegen.editing.directions.spread import fix_signs
from stylegen.editing.latents import network_digest
from stylegen.editing.sampling import sample_w
from stylegen.errors import InputError
from stylegen.latents import seeds_to_z
from tests.editing.directions.small import make_generator


def test_factorisation_of_a_hand_made_matrix() -> None:
    # rows of lengths 5, 2 and 3 become unit vectors: A^T A = [[1.36, .48], [.48, 1.64]],
    # whose eigenvalues are 1.5 +- 0.5 and vectors (3, 4) / 5 and (4, -3) / 5
    weights = torch.tensor([[3.0, 4.0], [2.0, 0.0], [0.0, 3.0]])
    values, vectors = factorise(weights)
    assert values.tolist() == pytest.approx([2, 1])
    assert vectors[0].tolist() == pytest.approx([0.6, 0.8])
    assert vectors[1].tolist() == pytest.approx([0.8, -0.6])


def test_factorisation_agrees_with_scipy() -> None:
    weights = torch.randn(40, 12, generator=torch.Generator().manual_seed(0)) * 7
    rows = weights.double().numpy()
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    wanted_values, wanted = scipy.linalg.eigh(rows.T @ rows)
    values, vectors = factorise(weights)
    assert np.allclose(values.numpy(), wanted_values[::-1], atol=1e-10)
    agreement = np.abs(np.sum(vectors.numpy() * wanted.T[::-1], axis=1))
    assert np.allclose(agreement, 1, atol=1e-8)
    assert (vectors.gather(1, vectors.abs().argmax(1, keepdim=True)) > 0).all()


def test_a_channel_without_weights_counts_nothing() -> None:
    weights = torch.tensor([[3.0, 4.0], [0.0, 0.0], [4.0, -3.0], [6.0, 8.0]])
    values, vectors = factorise(weights)
    assert values.tolist() == pytest.approx([2, 1])
    assert vectors[0].tolist() == pytest.approx([0.6, 0.8])


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_each_layer_has_the_affine_that_reads_it(architecture: str) -> None:
    """Move one layer's w: just the styles of its affines change."""
    network = make_generator(architecture=architecture)
    convolutions, to_rgb = layer_affines(network)
    read: dict[int, set[int]] = {}
    weights = {
        id(m.weight): m for m in network.modules() if getattr(m, "out_features", None) is None
        and hasattr(m, "weight_gain") and hasattr(m, "bias_gain")
    }  # fmt: skip
    seen: dict[int, torch.Tensor] = {}
    hooks = [
        m.register_forward_hook(lambda m, i, o: seen.__setitem__(id(m.weight), o.clone()))
        for m in weights.values()
    ]
    ws = torch.zeros(1, network.config.num_ws, network.config.w_dim)
    network.synthesis(ws, noise="none")
    before = dict(seen)
    for layer in range(network.config.num_ws):
        moved = ws.clone()
        moved[:, layer] = 1
        network.synthesis(moved, noise="none")
        read[layer] = {key for key in before if not torch.equal(seen[key], before[key])}
    for hook in hooks:
        hook.remove()
    for layer, changed in read.items():
        known = [part[layer] for part in (convolutions, to_rgb) if layer in part]
        assert changed == {id(weight) for weight in known}


def test_convolutions_count_and_to_rgb_only_alone() -> None:
    network = make_generator()
    blocks = network.synthesis
    assert torch.equal(
        style_weights(network, [0, 1]),
        torch.cat([blocks.b4.conv1.affine.weight, blocks.b8.conv0.affine.weight]).double(),
    )
    assert torch.equal(style_weights(network, [4, 5]), blocks.b16.conv1.affine.weight.double())
    assert torch.equal(style_weights(network, [5]), blocks.b16.torgb.affine.weight.double())
    with pytest.raises(InputError, match="no style affine"):
        style_weights(make_generator(architecture="resnet"), [])


def test_sefa_says_where_its_directions_come_from() -> None:
    network = make_generator()
    found = sefa(network, [1, 2], 3)
    values, vectors = factorise(style_weights(network, [1, 2]))
    spread = measure_spread(network)
    for i, one in enumerate(found):
        assert torch.equal(one.vector, vectors[i].float())
        assert (one.layers, one.method, one.name) == ((1, 2), "sefa", f"sefa-{i:02d}")
        assert one.network == network_digest(network)
        assert one.explained_variance == pytest.approx(float(values[i] / values.sum()))
        projected = sample_w(network).double() @ vectors[i]
        assert one.unit == pytest.approx(float(projected.std()), rel=1e-9)
        assert one.unit == pytest.approx(spread.along(vectors[i][None]))


def test_components_of_a_known_covariance() -> None:
    basis = torch.linalg.qr(
        torch.randn(6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    )[0]
    variances = torch.tensor([9.0, 4, 2, 1, 0.5, 0.1], dtype=torch.float64)
    covariance = basis * variances @ basis.T
    values, vectors = components(Spread(mean=torch.zeros(6), covariance=covariance, count=10))
    assert values.tolist() == pytest.approx(variances.tolist())
    assert torch.allclose(vectors, fix_signs(basis.T), atol=1e-9)


def test_pca_agrees_with_numpy_and_its_unit_is_the_deviation() -> None:
    network = make_generator()
    w = sample_w(network, 500, seed=3)
    found = pca(network, count=8, spread=Spread.of(w))
    _, singular, axes = np.linalg.svd(w.double().numpy() - w.double().numpy().mean(0))
    variances = singular**2 / 499
    for i, one in enumerate(found):
        assert abs(float(one.vector.double().numpy() @ axes[i])) == pytest.approx(1, abs=1e-6)
        assert one.unit == pytest.approx(variances[i] ** 0.5, rel=1e-6)
        assert one.explained_variance == pytest.approx(variances[i] / variances.sum(), rel=1e-6)
        assert one.layers == tuple(range(6))
    assert sum(one.explained_variance or 0 for one in found) == pytest.approx(1)


def test_samples_are_those_of_the_seed_and_of_the_class() -> None:
    network = make_generator(c_dim=3)
    again = sample_w(network, 50, seed=4)
    assert torch.equal(again, sample_w(network, 50, seed=4))
    assert not torch.equal(again, sample_w(network, 50, seed=5))
    z = torch.randn(50, 8, generator=torch.Generator().manual_seed(4))
    c = torch.eye(3)[1].expand(50, 3)
    wanted = network.mapping(z, c)[:, 0]
    assert torch.allclose(sample_w(network, 50, seed=4, class_name="b"), wanted, atol=1e-6)
    with pytest.raises(InputError, match="the classes are: a, b, c"):
        sample_w(network, 50, class_name="d")


def test_sampling_leaves_the_mean_of_w_alone() -> None:
    network = make_generator().train()
    before = network.mapping.w_avg.clone()
    sample_w(network, 20)
    assert torch.equal(network.mapping.w_avg, before)


def test_the_spread_against_numpy() -> None:
    w = seeds_to_z(range(40), 5)
    spread = Spread.of(w)
    assert np.allclose(spread.covariance.numpy(), np.cov(w.double().numpy().T))
    rows = torch.zeros(4, 5, dtype=torch.float64)
    rows[1, 0], rows[2, 1] = 1, 2
    variance = (w[:, 0].double().var() + 4 * w[:, 1].double().var()) / 2
    assert spread.along(rows) == pytest.approx(float(variance**0.5))
    assert spread.share(torch.tensor([0, 0, 3.0, 0, 0])) == pytest.approx(
        float(w[:, 2].double().var() / w.double().var(0).sum())
    )


@pytest.mark.parametrize("find", [sefa, pca])
@pytest.mark.parametrize(
    "changes", [{"c_dim": 3}, {"img_channels": 1}, {"img_channels": 4}, {"base_size": (3, 5)}]
)
def test_any_network(find, changes) -> None:  # type: ignore[no-untyped-def]
    found = find(make_generator(**changes), count=2)
    assert len(found) == 2
    assert float(found[0].vector @ found[1].vector) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("find", [sefa, pca])
@pytest.mark.parametrize("count", [0, 9])
def test_too_many_directions(find, count) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="wanted 1 to 8"):
        find(make_generator(), count=count)


def test_w_of_classes_alone_varies_in_few_directions() -> None:
    network = make_generator(z_dim=0, c_dim=3)
    assert len(pca(network, count=2)) == 2
    with pytest.raises(InputError, match="varies in 2 only"):
        pca(network, count=3)
