"""Style mixing of latents: exact identities, weights, and defaults at every size."""

from pathlib import Path
from typing import Any

import pytest
import torch

import stylegen
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.mixing import default_layers, layer_weights, mix_latents
from stylegen.editing.sampling import draw_latents, noise_seeds, seeds_to_ws
from stylegen.editing.sources import resolve
from stylegen.errors import InputError
from stylegen.latents import layer_resolutions
from stylegen.networks import Generator
from tests.editing import small

SIZES = [8, 16, 32, 64, 128, 256, 512, 1024]


def generator(**changes: Any) -> Generator:
    network = small.generator(**changes)
    with torch.no_grad():
        for name, p in network.named_parameters():
            if name.endswith("torgb.weight"):
                p.mul_(0.3)  # few pixels at the ends of the range
    return network


NETWORKS: list[dict[str, Any]] = [
    {},
    {"c_dim": 3},
    {"img_channels": 1},
    {"img_channels": 4, "base_size": (3, 5)},
    {"resolution": 8},
    {"architecture": "resnet"},
]


@pytest.mark.parametrize("changes", NETWORKS)
def test_ends_are_the_sources_bit_for_bit(changes: dict[str, Any]) -> None:
    network = generator(**changes)
    rows, columns = [1, 2], [3, 4, 5]
    all_layers = stylegen.mix(network, rows, columns, "all", psi=0.8)
    nothing = stylegen.mix(network, rows, columns, "all", psi=0.8, strength=0)
    for i in range(2):
        assert torch.equal(all_layers.mixed[i], all_layers.columns)
        assert torch.equal(nothing.mixed[i], nothing.rows[i].expand_as(nothing.columns))
    assert torch.equal(all_layers.columns, stylegen.generate(network, columns, psi=0.8))
    assert torch.equal(all_layers.rows, stylegen.generate(network, rows, psi=0.8))
    assert all_layers.layers == tuple(range(network.config.num_ws))
    assert nothing.layers == ()
    full = stylegen.mix(network, rows, columns, "coarse")
    assert torch.equal(stylegen.mix(network, rows, columns, "coarse", strength=1).mixed, full.mixed)


def test_ends_of_latents_are_exact() -> None:
    torch.manual_seed(0)
    a = Latents(w=torch.randn(1, 6, 64) * 1e3, sources=("a",))
    b = Latents(w=torch.randn(1, 6, 64) * 1e-3, sources=("b",))
    for weight, end in ((0.0, a), (1.0, b)):
        assert torch.equal(mix_latents(a, b, torch.full((6,), weight)).w, end.w)
    same = mix_latents(a, a, torch.linspace(0, 1, 6))
    assert torch.equal(same.w, a.w)


def test_partial_weights_are_on_the_line_between_the_sources() -> None:
    network = generator()
    weights = [0, 1, 0.25, 0.5, 0.75, 0.1]
    mixed = stylegen.mix(network, [1], [2], weights=weights)
    a, b = (seeds_to_ws(network, [s])[0].double() for s in (1, 2))
    s = torch.tensor(weights, dtype=torch.float64)[:, None]
    assert torch.allclose(mixed.latents.w[0].double(), (1 - s) * a + s * b, rtol=0, atol=1e-6)
    assert mixed.layers == (1, 2, 3, 4, 5)
    assert torch.equal(mixed.mixed[0, 0], draw_latents(network, mixed.latent(0, 0))[0])
    halved = stylegen.mix(network, [1], [2], "0,2", strength=0.5)
    assert halved.weights == (0.5, 0, 0.5, 0, 0, 0)
    again = stylegen.mix(network, [1], [2], weights=[1, 0, 1, 0, 0, 0], strength=0.5)
    assert torch.equal(again.mixed, halved.mixed)


@pytest.mark.parametrize("noise", ["const", "random"])
def test_the_order_of_sources_does_not_matter(tmp_path: Path, noise: Any) -> None:
    network = generator()
    resolve(network, 9, psi=0.5).save(tmp_path / "w.npz")
    mean = Latents(w=seeds_to_ws(network, [5, 6]).mean(dim=0)[None], sources=("mean",))
    rows, columns = [1, tmp_path / "w.npz", mean], [mean, 3, 4]
    forth = stylegen.mix(network, rows, columns, "2-", noise=noise)
    back = stylegen.mix(network, rows[::-1], columns[::-1], "2-", noise=noise)
    assert torch.equal(forth.mixed, back.mixed.flip(0, 1))
    assert torch.equal(forth.rows, back.rows.flip(0))
    alone = stylegen.mix(network, rows[1], columns[2], "2-", noise=noise)
    assert torch.equal(alone.mixed[0, 0], forth.mixed[1, 2])


def test_rows_and_columns_change_places_with_their_layers() -> None:
    network = generator(resolution=32)
    one = stylegen.mix(network, [1, 2], [3], "0-2,5")
    other = stylegen.mix(network, [3], [1, 2], "3,4,6-")
    assert torch.equal(one.mixed, other.mixed.transpose(0, 1))


def test_latents_of_mixes_draw_the_mixes(tmp_path: Path) -> None:
    network = generator()
    mixed = stylegen.mix(network, [1, 2], [3, 4], "middle")
    assert mixed.latents.network == network_digest(network)
    mixed.latent(1, 0).save(tmp_path / "w.npz")
    assert Latents.load(tmp_path / "w.npz").sources == ("2 with layers 3,4,5 of 3",)
    again = draw_latents(network, resolve(network, tmp_path / "w.npz"))
    assert torch.equal(again[0], mixed.mixed[1, 0])


@pytest.mark.parametrize("resolution", SIZES)
def test_the_default_copies_no_source_at_any_size(resolution: int) -> None:
    network = generator(resolution=resolution, channel_base=2048, channel_max=4)
    mixed = stylegen.mix(network, [1], [2])
    assert not torch.equal(mixed.mixed[0, 0], mixed.rows[0])
    assert not torch.equal(mixed.mixed[0, 0], mixed.columns[0])
    assert 0 < len(mixed.layers) < network.config.num_ws
    assert list(mixed.layers) == default_layers(network.config.num_ws)
    wanted = {r for r in layer_resolutions(network.config.num_ws) if r <= 8}
    taken = {layer_resolutions(network.config.num_ws)[i] for i in mixed.layers}
    assert taken <= wanted
    assert taken == wanted or resolution == 8


def test_random_noise_belongs_to_the_latent() -> None:
    network = generator()
    latents = resolve(network, [7, 8])
    assert noise_seeds(latents) == [7, 8]
    assert torch.equal(
        draw_latents(network, latents, "random"), stylegen.generate(network, [7, 8], noise="random")
    )
    named = Latents(w=latents.w, sources=("a", "b"))
    one, two = noise_seeds(named)
    assert one != two
    assert noise_seeds(named[1]) == [two]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"strength": 1.5}, "strength is 1.5"),
        ({"strength": float("nan")}, "strength is nan"),
        ({"weights": [1, 0]}, "2 weights were given; this network has 6 layers"),
        ({"weights": [0, 0, 0, 0, 0, 70]}, "weight is 70"),
        ({"weights": [float("nan")] * 6}, "weight is nan"),
        ({"weights": [1] * 6, "layers": "coarse"}, "both given"),
        ({"layers": "RES:64-"}, "no RES:64- layers: wanted 64 px and above, and it has 4 to 16"),
    ],
)
def test_bad_weights_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        layer_weights(6, **options)


def test_latents_of_other_networks_are_refused() -> None:
    network = generator()
    with pytest.raises(InputError, match="8 layers and width 8, but this network takes 6"):
        stylegen.mix(network, [1], resolve(generator(resolution=32), 1))
    with pytest.raises(InputError, match="at least one row"):
        stylegen.mix(network, [1], [])
    with pytest.raises(InputError, match="holds no latent"):
        stylegen.mix(network, [1], resolve(network, [1, 2])[2:])
    with pytest.raises(InputError, match="6 layers and width 8, but"):
        draw_latents(generator(resolution=32), resolve(network, 1))
