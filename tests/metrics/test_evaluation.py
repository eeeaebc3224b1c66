"""Evaluations end to end with a toy feature network: sides, numbers, notes, refusals."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.latents import seeds_to_z
from stylegen.metrics import EvaluateConfig, Moments, evaluate, extract
from stylegen.metrics.demo import demo_weights, face_factors
from stylegen.metrics.drawing import generator_distance
from stylegen.metrics.frechet import distance_of_moments
from stylegen.perceptual.names import NETWORKS
from tests.metrics.toys import Toy, configure, make_generator, pixels_of, save, save_folder

pytestmark = pytest.mark.usefixtures("toy")


def test_two_folders_by_hand(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    report = evaluate(configure(a, b, batch=8, splits=3))
    x, y = (pixels_of(f).flatten(1)[:, :128].double() / 255 for f in (a, b))
    expected = distance_of_moments(Moments.of(x), Moments.of(y))
    metric = report.metrics["fd_demo"]
    assert metric.value == pytest.approx(expected, rel=1e-6)
    assert (metric.name, metric.images) == ("FD (demo)", {"a": 31, "against": 27})
    assert report.metrics["is_demo"].name == "IS (demo)"
    assert any("Rank deficient: side a has 31 images for 128 features" in n for n in report.notes)


def test_a_kernel_distance_by_hand(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    report = evaluate(configure(a, b, batch=8, metrics=("kid",)))
    x, y = (pixels_of(f).flatten(1)[:, :128].double() / 255 for f in (a, b))
    stream = np.random.RandomState(2020)
    values = []
    for _ in range(100):
        s, t = (z[stream.choice(len(z), 27, replace=False)] for z in (x, y))
        xx, yy, xy = ((p @ q.T / 128 + 1) ** 3 for p, q in ((s, s), (t, t), (s, t)))
        within = sum(float(m.sum() - m.diagonal().sum()) for m in (xx, yy)) / (27 * 26)
        values.append(within - 2 * float(xy.mean()))
    (key, metric), *others = report.metrics.items()
    assert (key, metric.name, others) == ("kid_demo", "KID (demo)", [])
    assert metric.value == pytest.approx(np.mean(values), rel=1e-5)
    assert metric.std == pytest.approx(np.std(values), rel=1e-4)
    assert (metric.images, metric.std_over) == ({"a": 31, "against": 27}, "100 subsets of 27")
    assert any("± is much too small" in note for note in report.notes)
    assert report.protocol["kernel_subset_seed"] == 2020


def test_headlines_stand_in_the_order_asked_for(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    report = evaluate(configure(a, b, splits=3, metrics=("kid", "is", "fid")))
    assert list(report.metrics) == ["kid_demo", "is_demo", "fd_demo"]


def test_a_score_alone_reads_its_own_side_only(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    both = evaluate(configure(a, b, splits=3))
    stages: set[str] = set()
    alone = evaluate(
        configure(a, b, splits=3, metrics=("is",)), lambda stage, *_: stages.add(stage)
    )
    assert str(a) in stages
    assert str(b) not in stages
    assert set(alone.metrics) == {"is_demo"}
    assert alone.metrics["is_demo"].value == both.metrics["is_demo"].value
    assert alone.sides["against"]["images"] == 27


def test_the_batch_size_changes_nothing(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator(c_dim=3))
    b = save_folder(tmp_path / "b", 20)
    values = [
        evaluate(configure(a, b, samples=21, batch=batch, noise="const", splits=2)).metrics
        for batch in (1, 4, 21)
    ]
    for other in values[1:]:
        for key, metric in values[0].items():
            assert other[key].value == pytest.approx(metric.value, rel=1e-5)


def test_a_snapshot_against_a_folder_by_hand(tmp_path: Path) -> None:
    generator = make_generator()
    a = save(tmp_path / "a.safetensors", generator)
    b = save_folder(tmp_path / "b", 20, side=16)
    report = evaluate(
        configure(
            a, b, metrics=("fid",), samples=12, seed=5, psi=0.7, noise="const", filter="lanczos"
        )
    )
    z = torch.from_numpy(np.random.RandomState(5).randn(12, 6)).float()
    generator.eval()
    with torch.no_grad():
        images = to_uint8(generator(z, psi=0.7, noise="const"))
    files = sorted(b.iterdir())
    small = [np.array(Image.open(f).resize((8, 8), Image.Resampling.LANCZOS)) for f in files]
    reals = torch.from_numpy(np.stack(small)).permute(0, 3, 1, 2)
    x, y = (i.flatten(1)[:, :128].double() / 255 for i in (images, reals.contiguous()))
    expected = distance_of_moments(Moments.of(x), Moments.of(y))
    assert report.metrics["fd_demo"].value == pytest.approx(expected, rel=1e-5)
    assert set(report.metrics) == {"fd_demo"}
    assert report.protocol["psi"] == 0.7
    assert report.sides["a"]["kimg"] == 7.5
    assert "lanczos" in report.sides["against"]["resize"]
    with torch.no_grad():
        first = to_uint8(generator(seeds_to_z([0], 6), psi=0.7, noise="const"))
    assert torch.equal(report.shown["a"].images[:1], first)
    assert len(report.shown["a"].images) == 32


def test_the_same_seed_gives_the_same_number_with_random_noise(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator())
    b = save_folder(tmp_path / "b", 20)
    config = configure(a, b, metrics=("fid",), samples=12)
    state = torch.get_rng_state()
    first, again = (evaluate(config).metrics["fd_demo"].value for _ in range(2))
    assert first == again
    assert torch.equal(torch.get_rng_state(), state)
    other = evaluate(dataclasses.replace(config, seed=1)).metrics["fd_demo"].value
    assert other != first


def test_max_images_takes_a_fixed_choice(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 40), save_folder(tmp_path / "b", 30, seed=1)
    config = configure(a, b, max_images=12, splits=2)
    first, again = evaluate(config), evaluate(config)
    assert first.metrics["fd_demo"].images == {"a": 12, "against": 12}
    assert first.metrics["fd_demo"].value == again.metrics["fd_demo"].value
    assert first.sides["a"]["images_in_set"] == 40


def test_a_broken_file_is_left_out_and_noted(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 12, seed=1)
    (a / "005.png").write_bytes((a / "005.png").read_bytes()[:60])
    report = evaluate(configure(a, b, splits=2))
    assert report.metrics["fd_demo"].images["a"] == 11
    assert [s["name"] for s in report.sides["a"]["skipped"]] == ["005.png"]
    assert any("1 unreadable files" in note for note in report.notes)


def test_grey_sides(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator(channels=1))
    b = save_folder(tmp_path / "b", 12, mode="L")
    report = evaluate(configure(a, b, samples=12, splits=2))
    assert report.sides["against"]["channels"] == 1


def test_refusals(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 12, side=9)
    one = save_folder(tmp_path / "one", 1)
    grown = save(tmp_path / "g.safetensors", make_generator())
    clear = save(tmp_path / "c.safetensors", make_generator(channels=4))
    (tmp_path / "x.safetensors").write_bytes(b"nothing of the kind")
    cases: list[tuple[EvaluateConfig, str]] = [
        (configure(a, b), r"has 8 px and .* 9: .*--resolution"),
        (configure(a, one), "one has 1 usable images"),
        (configure(one, a), "one has 1 usable images"),
        (configure(grown, a, resolution=16), "draws 8 px, not 16"),
        (configure(clear, a), "draws 4 channels"),
        (configure(tmp_path / "x.safetensors", a), "x.safetensors"),
        (configure(tmp_path / "none", a), "none"),
        (configure(a, a, metrics=("fid", "beauty")), "'beauty'; known: fid, kid, is"),
        (
            configure(a, a, metrics=("fid", "ppl")),
            "ppl2_wend needs a snapshot to draw from, and .*a is none",
        ),
        (configure(a, a, metrics=()), "known: fid, kid, is"),
        (configure(a, a, resolution=0), "1 to 8192 pixels, not 0"),
        (dataclasses.replace(configure(a, a), features="vgg"), "'vgg'; known: inception"),
        (
            dataclasses.replace(configure(a, a), features="squeezenet", metrics=("is",)),
            "use the features of inception, demo",
        ),
        (dataclasses.replace(configure(a, a), device="gpu"), "auto, cpu, cuda"),
        (configure(a, a, samples=0), "samples is 0; wanted at least 2"),
        (configure(a, a, batch=0), "batch is 0"),
        (configure(a, a, seed=-1), "seed is -1"),
    ]
    for config, said in cases:
        with pytest.raises(InputError, match=said):
            evaluate(config)


def test_too_few_images_once_broken_ones_are_left_out(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 2), save_folder(tmp_path / "b", 3, seed=1)
    (a / "001.png").write_bytes((a / "001.png").read_bytes()[:60])
    with pytest.raises(InputError, match="at least 2 images on each side, not 1"):
        evaluate(configure(a, b, metrics=("fid",)))


def test_a_diverged_network_is_refused(tmp_path: Path) -> None:
    generator = make_generator()
    with torch.no_grad():
        next(generator.synthesis.parameters()).fill_(torch.nan)
    a = save(tmp_path / "a.safetensors", generator)
    with pytest.raises(InputError, match="NaN"):
        evaluate(configure(a, save_folder(tmp_path / "b", 4), metrics=("fid",), samples=4))


def test_within_training_nothing_is_disturbed(tmp_path: Path) -> None:
    generator = make_generator()
    generator.train()
    reals = pixels_of(save_folder(tmp_path / "b", 30))
    network = Toy()
    reference = extract(iter(torch.split(reals, 7)), network).moments
    state = torch.get_rng_state()
    w_avg = generator.mapping.w_avg.clone()
    values = [generator_distance(generator, reference, network, samples=10) for _ in range(2)]
    assert values[0] == values[1] > 0
    assert all(module.training for module in generator.modules())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(generator.mapping.w_avg, w_avg)


def test_the_demo_network_is_fitted_once(tmp_path: Path) -> None:
    steps: list[int] = []
    path = demo_weights(tmp_path, lambda done, _: steps.append(done), faces=40, epochs=1)
    assert steps
    first = path.stat()
    count = len(steps)
    assert demo_weights(tmp_path, lambda done, _: steps.append(done), faces=40, epochs=1) == path
    assert (len(steps), path.stat().st_mtime_ns) == (count, first.st_mtime_ns)
    assert demo_weights(tmp_path, faces=41, epochs=1) != path
    assert NETWORKS["demo"].classifies


def test_factors_are_of_the_faces() -> None:
    factors = face_factors(50, seed=3)
    assert factors["hair_style"].dtype == torch.int64
    assert factors["yaw"].dtype == torch.float32
    assert factors["yaw"].min() < 0 < factors["yaw"].max()
    assert "shift_x" not in factors
