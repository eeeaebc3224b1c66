"""Pivotal tuning and the deltas that it leaves."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from stylegen.checkpoints import write_tensors
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.projection import (
    TuningConfig,
    apply_delta,
    open_distance,
    save_delta,
    tune,
)
from stylegen.editing.projection.delta import is_delta_of
from stylegen.editing.projection.tuning import about_tuning
from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from stylegen.images.measures import psnr
from stylegen.networks import Generator
from tests.editing.projection import small


def pivots(g: Generator, count: int = 1) -> tuple[Latents, Tensor]:
    """Codes, and the images that they shall draw: other codes'."""
    w = seeds_to_ws(g, list(range(count)))
    latents = Latents(w=w, sources=("x",) * count, network=network_digest(g))
    return latents, draw(g, seeds_to_ws(g, list(range(100, 100 + count))))


def test_tuning_draws_the_images_at_the_codes() -> None:
    g = small.generator()
    before = {k: v.clone() for k, v in g.state_dict().items()}
    latents, targets = pivots(g, 2)
    config = TuningConfig(steps=60, lr=0.02, locality=0)
    tuned = tune(g, latents, targets, small.distance(g), config)
    gained = psnr(draw(tuned.generator, latents.w), targets) - psnr(draw(g, latents.w), targets)
    assert gained.min() > 5
    assert all(torch.equal(v, before[k]) for k, v in g.state_dict().items())
    assert not any(p.requires_grad for p in tuned.generator.parameters())
    for name, value in tuned.generator.state_dict().items():
        if name.startswith("mapping.") or name.endswith("noise_const"):
            assert torch.equal(value, before[name])


def test_locality_keeps_other_images() -> None:
    g = small.generator()
    latents, targets = pivots(g)
    others = seeds_to_ws(g, list(range(200, 208)))
    near = latents.w.lerp(others, 0.5)

    def moved(locality: float) -> float:
        config = TuningConfig(steps=25, lr=0.02, locality=locality)
        tuned = tune(g, latents, targets, small.distance(g), config).generator
        return (draw(tuned, near).float() - draw(g, near).float()).square().mean().item()

    assert moved(10.0) < 0.5 * moved(0.0)


def test_the_best_step_of_tuning_is_kept() -> None:
    g = small.generator()
    latents, targets = pivots(g)
    seen: list[float] = []
    tuned = tune(
        g, latents, targets, small.distance(g), TuningConfig(steps=25, lr=0.5),
        lambda done, total, loss: seen.append(loss),
    )  # fmt: skip
    assert tuned.loss == min(seen)
    assert tuned.step == seen.index(min(seen)) < 24


def test_a_delta_draws_what_was_tuned(tmp_path: Path) -> None:
    g = small.generator()
    latents, targets = pivots(g)
    tuned = tune(g, latents, targets, small.distance(g), TuningConfig(steps=25, lr=0.02)).generator
    path = tmp_path / "x.delta.safetensors"
    info = save_delta(path, g, tuned, latents, targets)
    again = apply_delta(g, path)
    wanted = psnr(draw(tuned, latents.w), targets)
    lost = wanted - psnr(draw(again, latents.w), targets)
    assert lost.item() == pytest.approx(info.lost_db)
    assert info.lost_db <= 0.1
    full = sum(p.numel() * 4 for p in g.synthesis.parameters())
    assert info.bytes < 0.6 * full
    header = json.loads(path.with_suffix(".json").read_text())
    assert header["network"] == network_digest(g)
    unchanged = {k for k in g.state_dict() if k.startswith("mapping.")}
    assert all(torch.equal(again.state_dict()[k], g.state_dict()[k]) for k in unchanged)


def test_a_delta_knows_what_it_is_of(tmp_path: Path) -> None:
    """Any other network, code, image, setting or distance makes it another one."""
    g, other = small.generator(), small.generator(seed=4)
    latents, targets = pivots(g)
    distance, config = small.distance(g), TuningConfig(steps=5)
    about = about_tuning(latents, targets, distance, config)
    path = tmp_path / "x.delta.safetensors"
    assert not is_delta_of(path, g, about)
    save_delta(path, g, other, latents, targets)
    assert not is_delta_of(path, g, about)  # it does not say
    save_delta(path, g, other, latents, targets, about=about)
    assert is_delta_of(path, g, about)
    assert not is_delta_of(path, other, about)
    moved = Latents(w=latents.w + 1, sources=("x",), network=latents.network)
    for changed in (
        about_tuning(moved, targets, distance, config),
        about_tuning(latents, targets ^ 1, distance, config),
        about_tuning(latents, targets, open_distance("pyramid"), config),
        about_tuning(latents, targets, distance, TuningConfig(steps=6)),
    ):
        assert not is_delta_of(path, g, changed)
    path.with_suffix(".json").unlink()
    assert not is_delta_of(path, g, about)


def test_half_precision_keeps_every_change(tmp_path: Path) -> None:
    """Changes of rank 1 are stored so; others, of which nothing may be lost, whole."""
    g = small.generator()
    latents, _ = pivots(g)
    torch.manual_seed(0)
    for full_rank in (False, True):
        other = small.generator()
        weight = other.synthesis.b16.conv1.weight
        with torch.no_grad():
            change = 0.1 * torch.randn(weight.shape)
            if not full_rank:
                matrix = torch.randn(len(weight), 1) @ torch.randn(1, weight[0].numel())
                change = 0.1 * matrix.reshape(weight.shape)
            weight += change
        targets = draw(other, latents.w)
        targets[:, :, 0, 0] ^= 1  # else the PSNR would be infinite
        info = save_delta(tmp_path / "x.safetensors", g, other, latents, targets, 0.001)
        assert (info.rank == 1) != full_rank
        again = apply_delta(g, tmp_path / "x.safetensors").synthesis.b16.conv1.weight
        torch.testing.assert_close(again, weight, rtol=1e-2, atol=1e-3)


def test_deltas_of_other_networks_and_files_are_refused(tmp_path: Path) -> None:
    g, other = small.generator(), small.generator(seed=4)
    latents, targets = pivots(g)
    path = tmp_path / "x.safetensors"
    save_delta(path, g, other, latents, targets)
    with pytest.raises(InputError, match=r"is a delta of network .*, not of this one"):
        apply_delta(other, path)
    with pytest.raises(InputError, match="does not exist"):
        apply_delta(g, tmp_path / "y.safetensors")
    write_tensors(tmp_path / "z.safetensors", {}, {"kind": "stylegen snapshot"})
    with pytest.raises(InputError, match="wanted a 'stylegen delta' file"):
        apply_delta(g, tmp_path / "z.safetensors")
    with pytest.raises(InputError, match="should end in"):
        save_delta(tmp_path / "x.npz", g, other, latents, targets)


def test_tuning_refuses_what_does_not_belong() -> None:
    g = small.generator()
    latents, targets = pivots(g)
    with pytest.raises(InputError, match="latents of network"):
        tune(small.generator(seed=4), latents, targets, small.distance(g))
    with pytest.raises(InputError, match="1 codes want uint8 images"):
        tune(g, latents, targets[:, :1], small.distance(g))
