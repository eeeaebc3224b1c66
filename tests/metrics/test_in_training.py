"""Metrics while training: what is measured, what is refused, and that nothing is disturbed."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError
from stylegen.metrics import (
    EvaluateConfig,
    TrainingMetricConfig,
    evaluate,
    in_training,
    metric_for_training,
)
from stylegen.metrics.catalogue import METRICS
from stylegen.metrics.config import training_key
from stylegen.metrics.drawing import draw_images
from stylegen.metrics.telling import Told, duration_words
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, grow
from stylegen.perceptual.names import NETWORKS
from stylegen.training import Choices, plan_run, train
from stylegen.training.health.watch import is_metric, lower_is_better
from tests.metrics.small import ALL, MANIFOLD, configure, make_generator


def test_values_are_those_that_evaluate_finds(faces: str, weights: str, tmp_path: Path) -> None:
    generator, path = make_generator(), str(tmp_path / "s.safetensors")
    critic = DiscriminatorConfig(resolution=16, channel_base=128, channel_max=8)
    info = SnapshotInfo(generator=generator.config, discriminator=critic)
    save_snapshot(path, generator, Discriminator(critic), info)
    data = DataConfig(path=faces, xflip=True)
    wanted = (*ALL, *MANIFOLD, "kid_full")
    for noise in ("random", "const"):
        config = configure(weights, data, seed=4, noise=noise, metrics=wanted)
        values = metric_for_training(config)(generator)
        report = evaluate(
            EvaluateConfig(
                a=path,
                against=faces,
                metrics=wanted,
                samples=40,
                features="demo",
                weights=weights,
                seed=4,
                noise=noise,
                batch=7,
                splits=2,
                device="cpu",
                cache=False,
            )
        )
        assert list(values) == [
            "fd_demo", "kid_demo", "inception_score_demo", *MANIFOLD, "kid_full_demo",
        ]  # fmt: skip
        expected = [m.value for m in report.metrics.values()]
        assert list(values.values()) == pytest.approx(expected, rel=1e-9)


def test_the_same_images_every_time(faces: str, weights: str) -> None:
    metric = metric_for_training(configure(weights, DataConfig(path=faces)))
    generator = make_generator()
    first = metric(generator)
    torch.randn(5)
    assert metric(generator) == first
    with torch.no_grad():
        generator.synthesis.b16.torgb.bias.add_(0.1)
    assert metric(generator) != first


def test_real_images_are_looked_at_once(
    faces: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages: list[str] = []
    config = configure(weights, DataConfig(path=faces))
    metric = metric_for_training(config, lambda stage, *_: stages.append(stage))
    assert not stages
    for _ in range(2):
        metric(make_generator())
    assert stages.count("features of the real images") == math.ceil(48 / 7)
    assert stages.count("features of generated images") == 2 * math.ceil(40 / 7)


def test_the_generator_and_random_states_are_left_as_they_were(faces: str, weights: str) -> None:
    generator = make_generator(conv_clamp=256.0).train()
    generator.set_precision(torch.bfloat16, 1)
    generator.mapping.eval()
    buffers = {k: v.clone() for k, v in generator.state_dict().items()}
    modes = [m.training for m in generator.modules()]
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr] # noqa: NPY002
    precise = metric_for_training(configure(weights, DataConfig(path=faces)))
    values = precise(generator)
    assert torch.equal(torch.get_rng_state(), state)
    assert (np.random.get_state()[1] == numpy_state).all()  # type: ignore[union-attr] # noqa: NPY002
    assert [m.training for m in generator.modules()] == modes
    assert generator.synthesis.precision == (torch.bfloat16, 1)
    assert [b.dtype for _, b in generator.synthesis.blocks()][-2:] == [
        torch.float32,
        torch.bfloat16,
    ]
    assert all(torch.equal(v, buffers[k]) for k, v in generator.state_dict().items())
    generator.set_precision(torch.float32)
    assert precise(generator) == values


def test_a_run_has_the_same_bits_with_and_without(faces: str, weights: str, tmp_path: Path) -> None:
    choices = {"batch": 8, "channel_base": 64, "channel_max": 8, "z_dim": 8, "w_dim": 8}
    ticks = {"kimg": 0.08, "tick_kimg": 0.016, "device": "cpu", "metric_ticks": 2}
    data = DataConfig(path=faces, resolution=16, labels=True)
    classes = open_images(data).num_classes
    config = plan_run(data, 16, classes, "run", Choices(**choices, **ticks))  # type: ignore[arg-type]
    metric = metric_for_training(configure(weights, data, metrics=("all",)))
    lines = []
    for name, measure in (("with", metric), ("without", None)):
        outcome = train(config, tmp_path / name, make_metric=lambda _, m=measure: m)
        text = (outcome.folder / "stats.jsonl").read_text().splitlines()
        lines.append([json.loads(line) for line in text])
    for a, b in zip(*lines, strict=True):
        for key in ("loss_g", "loss_d", "r1", "path_length", "signs_real"):
            assert a.get(key) == b.get(key)
    measured = [i for i, line in enumerate(lines[0]) if "fd_demo" in line]
    assert measured == [1, 3, 4]  # every other tick, and the end
    assert all(set(metric.names) <= set(lines[0][i]) for i in measured)


def test_kinds_of_images(faces: str, weights: str, tmp_path: Path) -> None:
    grey = metric_for_training(configure(weights, DataConfig(path=faces, channels=1)))
    assert all(map(math.isfinite, grey(make_generator(channels=1)).values()))
    wide = DataConfig(path=faces, resolution=(20, 12))
    generator = make_generator(base_size=(3, 5))
    assert (generator.config.width, generator.config.height) == (20, 12)
    assert all(
        map(math.isfinite, metric_for_training(configure(weights, wide))(generator).values())
    )


def test_a_growing_network_is_measured_against_the_whole_images(faces: str, weights: str) -> None:
    metric = metric_for_training(configure(weights, DataConfig(path=faces), metrics=("fid",)))
    small = Generator(dataclasses.replace(make_generator().config, resolution=8))
    alone = metric(small)["fd_demo"]
    grown = grow(small)
    grown.set_alpha(0.0)
    # At alpha 0 the grown network draws the small one's images, enlarged.
    assert metric(grown)["fd_demo"] == pytest.approx(alone, rel=0.1)
    assert grown.fade is not None


def test_a_conditional_run_draws_the_classes_of_its_data(
    faces: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Tensor] = []

    def spy(*arguments: Any, labels: Tensor, **options: Any) -> Any:
        given.append(labels)
        return draw_images(*arguments, labels=labels, **options)

    monkeypatch.setattr(in_training, "draw_images", spy)
    labelled = DataConfig(path=faces, labels=True)
    images = open_images(labelled)
    metric_for_training(configure(weights, labelled))(make_generator(c_dim=images.num_classes))
    assert torch.equal(given[0], images.labels)
    other = metric_for_training(configure(weights, DataConfig(path=faces)))
    with pytest.raises(InputError, match="6 classes and the images 0"):
        other(make_generator(c_dim=6))


def test_a_diverged_network_gives_no_number_and_does_not_end_the_run(
    faces: str, weights: str, caplog: pytest.LogCaptureFixture
) -> None:
    metric = metric_for_training(configure(weights, DataConfig(path=faces)))
    generator = make_generator()
    with torch.no_grad():
        generator.synthesis.b16.torgb.bias.fill_(math.nan)
    values = metric(generator)
    assert list(values) == ["fd_demo", "kid_demo", "inception_score_demo"]
    assert all(map(math.isnan, values.values()))
    assert "not finite" in caplog.text


def test_broken_files_are_left_out(weights: str, tmp_path: Path) -> None:
    rng = np.random.RandomState(0)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    for i in range(20):
        image = Image.fromarray(rng.randint(0, 256, (16, 16, 3)).astype(np.uint8))
        for name in ("a", "b") if i != 9 else ("a",):
            image.save(tmp_path / name / f"{i:02}.png")
    broken = tmp_path / "a" / "09.png"
    broken.write_bytes(broken.read_bytes()[:70])
    a, b = (
        metric_for_training(configure(weights, DataConfig(path=str(tmp_path / name))))
        for name in ("a", "b")
    )
    assert a(make_generator()) == pytest.approx(b(make_generator()), rel=1e-5)


def test_names_are_known_to_the_watch_of_training() -> None:
    data = DataConfig(path="none")
    able = [metric for metric, facts in METRICS.items() if facts.while_training]
    assert set(MANIFOLD) <= set(able)
    for features in NETWORKS:
        for metric in able:
            for samples, most in ((10_000, None), (50_000, None), (50_000, 7)):
                config = TrainingMetricConfig(
                    data=data, features=features, samples=samples, max_images=most
                )
                name = training_key(config, metric)
                assert is_metric(name), name
                assert lower_is_better(name) == (metric not in ("is", *MANIFOLD))


def test_official_names() -> None:
    def names(**options: Any) -> list[str]:
        config = TrainingMetricConfig(data=DataConfig(path="none"), **options)
        return [training_key(config, metric) for metric in ALL]

    assert names() == ["fid", "kid", "is"]
    assert names(samples=50_000) == ["fid50k_full", "kid50k_full", "is50k"]
    assert names(samples=50_000, max_images=100) == ["fid50k", "kid50k", "is50k"]
    assert names(features="squeezenet")[:2] == ["fd_squeezenet", "kid_squeezenet"]


def test_refusals_come_before_the_run(faces: str, weights: str, tmp_path: Path) -> None:
    data = DataConfig(path=faces)
    cases: list[tuple[TrainingMetricConfig, str]] = [
        (configure(weights, dataclasses.replace(data, channels=4)), "1 or 3 channels, not 4"),
        (configure(weights, dataclasses.replace(data, channels=2)), "1 or 3 channels, not 2"),
        (configure(weights, data, metrics=("fid", "beauty")), "'beauty'; known: fid, kid, is"),
        (configure(weights, data, metrics=("ppl",)), "ppl2_wend is not taken while training"),
        (configure(weights, data, metrics=("recall",), samples=5), "recall need at least 6 images"),
        (configure(weights, data, minutes=0), "minutes is 0; wanted more than 0"),
        (configure(weights, data, metrics=()), "no metric is named"),
        (configure(weights, data, samples=1), "samples is 1"),
        (configure(weights, data, splits=50), "fid and kid and is need at least 50 images"),
        (configure(weights, data, noise="none"), "wanted random or const"),
        (configure(weights, DataConfig(path=str(tmp_path / "none"))), "none"),
        (configure(str(tmp_path / "w.pth"), data), "no weights file"),
        (
            dataclasses.replace(configure(weights, data), features="squeezenet"),
            "needs class logits, and squeezenet gives none",
        ),
    ]
    for config, said in cases:
        with pytest.raises(InputError, match=said):
            metric_for_training(config)


def test_all_is_what_a_run_can_take(faces: str, weights: str) -> None:
    config = configure(weights, DataConfig(path=faces), metrics=("all",))
    metric = metric_for_training(config)
    assert metric.names == (
        "fd_demo", "kid_demo", "inception_score_demo", *MANIFOLD, "kid_full_demo",
    )  # fmt: skip


def test_what_takes_too_long_is_given_up(
    faces: str, weights: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock jumps a minute with every look at it; three batches fit into 3.5 minutes."""
    config = configure(weights, DataConfig(path=faces), metrics=("fid",), minutes=3.5)
    seen: list[int] = []
    metric = metric_for_training(
        config, lambda stage, done, _: seen.append(done) if "generated" in stage else None
    )
    generator = make_generator().train()
    minutes = iter(range(1000))
    monkeypatch.setattr(in_training.time, "monotonic", lambda: 60.0 * next(minutes))
    values = metric(generator)
    monkeypatch.undo()
    assert math.isnan(values["fd_demo"])
    assert "no fd_demo this time: it took longer than 3.5 minutes" in caplog.text
    assert len(seen) < math.ceil(40 / 7)
    assert all(module.training for module in generator.modules())
    assert math.isfinite(metric(generator)["fd_demo"])  # the next time there is time enough


def test_the_time_left_is_told(caplog: pytest.LogCaptureFixture) -> None:
    clock = iter([0.0, 10.0, 40.0, 50.0, 100.0])
    told: list[tuple[str, int, int]] = []
    with caplog.at_level("INFO"):
        tell = Told(lambda *say: told.append(say), lambda: next(clock)).of("looking", 1000)
        for done in (50, 200, 250, 500):
            tell(done)
    assert told == [("looking", done, 1000) for done in (50, 200, 250, 500)]
    assert [r.message for r in caplog.records] == [
        "looking: 200 of 1,000, 5.0 img/s, 3 min left",  # 800 more at 5 a second: 160 s
        "looking: 500 of 1,000, 5.0 img/s, 2 min left",
    ]
    assert [duration_words(s) for s in (12, 89, 600, 3 * 3600 + 300)] == [
        "12 s", "89 s", "10 min", "3 h 05 min",
    ]  # fmt: skip
