"""Runs that begin from another's weights."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.checkpoints import read_tensors
from stylegen.data import open_images
from stylegen.errors import InputError
from stylegen.networks import Discriminator, Generator
from stylegen.training import Outcome, RunConfig, resume, train
from stylegen.training.building import build_trainer
from stylegen.training.config import TransferConfig
from stylegen.training.folder import RunFolder
from stylegen.training.run import Run
from stylegen.training.schedule import read_schedule
from stylegen.training.state import read_saved
from stylegen.training.transfer import transfer_weights
from stylegen.training.world import World

LABELS = torch.zeros(1, dtype=torch.int64)
WORLD = World(device=torch.device("cpu"))


@pytest.fixture(scope="module")
def source(make_config: Any, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return train(make_config(kimg=0.016, seed=5), tmp_path_factory.mktemp("source"))


def taking(source: Outcome, **values: Any) -> TransferConfig:
    return TransferConfig(snapshot=str(source.snapshot), **values)


def test_all_networks_begin_from_the_snapshot(make_config: Any, source: Outcome) -> None:
    trainer = build_trainer(make_config(transfer=taking(source)), LABELS)
    assert source.snapshot is not None
    generator = read_tensors(source.snapshot, "G_ema.")
    discriminator = read_tensors(source.snapshot, "D.")
    for network, given in (
        (trainer.generator, generator),
        (trainer.average_generator, generator),
        (trainer.discriminator, discriminator),
    ):
        own = network.state_dict()
        assert own.keys() == given.keys()
        assert all(torch.equal(own[k], v) for k, v in given.items())
    assert trainer.generator.mapping.w_avg.count_nonzero() > 0  # buffers too
    assert (trainer.steps, trainer.images_shown) == (0, 0)
    plain = build_trainer(make_config(), LABELS)
    assert not torch.equal(plain.generator.mapping.fc0.weight, trainer.generator.mapping.fc0.weight)


def test_shapes_that_differ_are_listed(make_config: Any, source: Outcome) -> None:
    for match in ("all", "resolution"):
        config = make_config(transfer=taking(source, match=match), w_dim=12)
        with pytest.raises(InputError) as caught:
            build_trainer(config, LABELS)
        text = str(caught.value)
        assert "does not fit this Generator" in text
        assert "other shape" in text
        assert "synthesis.b16.torgb.affine.weight (4, 8) instead of (4, 12)" in text


def test_other_layers_are_refused_unless_resolutions_may_differ(
    make_config: Any, source: Outcome
) -> None:
    config = make_config(transfer=taking(source), resolution=32)
    with pytest.raises(InputError, match=r"does not fit this Generator.*missing.*b32"):
        build_trainer(config, LABELS)


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
def test_a_larger_network_takes_what_fits(
    make_config: Any, tmp_path: Path, architecture: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From 16 to 32 px: every block up to 16 px, but for layers between image and features."""
    kinds = {"generator_architecture": architecture, "discriminator_architecture": architecture}
    given = train(make_config(kimg=0.008, **kinds), tmp_path)
    transfer = taking(given, match="resolution")
    config = make_config(resolution=32, transfer=transfer, **kinds)
    trainer = build_trainer(config, LABELS)
    fresh = build_trainer(dataclasses.replace(config, transfer=None), LABELS)
    assert given.snapshot is not None
    for network, other, prefix in (
        (trainer.generator, fresh.generator, "G_ema."),
        (trainer.discriminator, fresh.discriminator, "D."),
    ):
        weights = read_tensors(given.snapshot, prefix)
        own, begun = network.state_dict(), other.state_dict()
        assert {k for k in own if k not in weights} == {k for k in own if "b32" in k}
        assert {k for k in weights if k not in own} == (
            {k for k in weights if "b16.torgb" in k or "b16.fromrgb" in k}
            if architecture == "resnet"
            else set()
        )
        for name, value in own.items():
            assert torch.equal(value, weights.get(name, begun[name])), name
    assert "Generator begins anew in synthesis.b32" in caplog.text
    assert "Discriminator begins anew in b32" in caplog.text


def test_a_smaller_network_takes_what_fits(make_config: Any, source: Outcome) -> None:
    config = make_config(resolution=8, transfer=taking(source, match="resolution"))
    trainer = build_trainer(config, LABELS)
    assert source.snapshot is not None
    weights = read_tensors(source.snapshot, "D.")
    own = trainer.discriminator.state_dict()
    anew = {k for k in own if k not in weights}
    assert anew
    assert all("b8.fromrgb" in k for k in anew)
    assert all(torch.equal(own[k], weights[k]) for k in own.keys() - anew)


def test_what_is_no_snapshot(make_config: Any, source: Outcome, tmp_path: Path) -> None:
    networks = [
        kind(getattr(make_config(), name))
        for kind, name in ((Generator, "generator"), (Discriminator, "discriminator"))
    ]
    with pytest.raises(InputError, match="does not exist; wanted a snapshot"):
        transfer_weights(TransferConfig(snapshot=str(tmp_path / "no.safetensors")), *networks)  # type: ignore[arg-type]
    state = RunFolder(source.folder).state
    with pytest.raises(InputError, match="wanted a 'stylegen snapshot' file"):
        transfer_weights(TransferConfig(snapshot=str(state)), *networks)  # type: ignore[arg-type]


def top(state: dict[str, Tensor], resolution: int) -> dict[str, Tensor]:
    """Return the discriminator's parameters of a block."""
    return {
        k: v for k, v in state.items() if k.startswith(f"D.b{resolution}.") and "filter" not in k
    }


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> set[bool]:
    assert one.keys() == other.keys()
    assert one
    return {torch.equal(v, other[k]) for k, v in one.items()}


def states(outcome: Outcome) -> dict[str, Tensor]:
    return read_tensors(RunFolder(outcome.folder).state)


def test_frozen_layers_stay_as_they_came(make_config: Any, source: Outcome, tmp_path: Path) -> None:
    config = make_config(transfer=taking(source, freeze_d=2), kimg=0.016)
    outcome = train(config, tmp_path)
    assert source.snapshot is not None
    given = {f"D.{k}": v for k, v in read_tensors(source.snapshot, "D.").items()}
    for _ in range(2):
        after = states(outcome)
        assert [same(top(given, r), top(after, r)) for r in (16, 8)] == [{True}] * 2
        assert False in same(top(given, 4), top(after, 4))
        assert not any(k.startswith(("adam_D.exp_avg.b16", "adam_D.exp_avg.b8")) for k in after)
        outcome = resume(outcome.folder, kimg=0.032)


def growing(
    make_config: Any, tmp_path: Path, **changes: Any
) -> tuple[RunConfig, dict[str, Tensor]]:
    """A run that takes the weights of one at 8 px, freezes that block, and grows to 16 px."""
    phases = read_schedule("8:0-0.004,16:0.004-")
    first = train(
        make_config(kimg=0.004, schedule=read_schedule("8:0-1,16:1-")), tmp_path / "first"
    )
    assert first.snapshot is not None
    given = {f"D.{k}": v for k, v in read_tensors(first.snapshot, "D.").items()}
    transfer = taking(first, freeze_d=1)
    return make_config(schedule=phases, transfer=transfer, **changes), given


def test_frozen_layers_stay_so_while_the_networks_grow(make_config: Any, tmp_path: Path) -> None:
    config, given = growing(make_config, tmp_path, kimg=0.016, snapshot_kimg=0.008)
    outcome = train(config, tmp_path / "second")
    before = states(outcome)
    outcome = resume(outcome.folder, kimg=0.032)
    after = states(outcome)
    shared = {k: v for k, v in top(given, 8).items() if k in after}
    assert same(shared, {k: after[k] for k in shared}) == {True}
    assert False in same(top(before, 16), top(after, 16))  # the new block is trained, resumed too
    folder = RunFolder(outcome.folder)
    run = Run(config, open_images(config.data), WORLD, read_saved(folder.state))
    trained = {n.split(".")[0] for n, p in run.trainer.discriminator.named_parameters()
               if p.requires_grad}  # fmt: skip
    assert {"b16", "b4"} <= trained
    assert not any(
        p.requires_grad for n, p in run.trainer.discriminator.named_parameters() if "b8.conv" in n
    )


@pytest.mark.parametrize("count", [3, 9])
def test_not_all_can_be_frozen(make_config: Any, source: Outcome, count: int) -> None:
    with pytest.raises(
        InputError, match=f"freeze_d is {count}, but the discriminator begins with 3"
    ):
        build_trainer(make_config(transfer=taking(source, freeze_d=count)), LABELS)
