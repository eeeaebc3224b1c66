"""Evaluations of everything at once: all metrics, runs, protocols, references, pairs, the cache."""

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

from stylegen.errors import InputError
from stylegen.metrics import EvaluateConfig, evaluate, save_reference, workplace, write_report
from stylegen.metrics.catalogue import METRICS
from stylegen.metrics.frechet import distance_of_features
from stylegen.metrics.prdc import manifolds
from stylegen.metrics.protocols import PROTOCOLS
from stylegen.metrics.references import read_reference
from tests.metrics.toys import Toy, configure, make_generator, pixels_of, save, save_folder

pytestmark = pytest.mark.usefixtures("toy")


class Perceived(torch.nn.Module):
    """Stand-in for LPIPS: mean squared difference."""

    name = "lpips_vgg"
    weights_digest = f"397923af{'0' * 56}+{'1' * 64}"

    def __init__(self, *_: Any) -> None:
        super().__init__()

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return (a - b).square().mean((1, 2, 3))


def features_of(images: Tensor) -> Tensor:
    return images.flatten(1)[:, :128].float() / 255


def labelled(folder: Path, count: int, classes: int = 3, seed: int = 0) -> Path:
    for c in range(classes):
        save_folder(folder / "abcdefgh"[c], count // classes, seed=seed + c)
    return folder


@pytest.fixture
def everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EvaluateConfig:
    """A conditional snapshot against 60 labelled images."""
    monkeypatch.setattr(workplace, "Lpips", Perceived)
    monkeypatch.setattr("stylegen.metrics.evaluation.smallest_px", lambda _: 8)
    a = save(tmp_path / "a.safetensors", make_generator(c_dim=3))
    b = labelled(tmp_path / "b", 60)
    return configure(
        a, b, metrics=("all", "fid_infinity"), samples=60, splits=3, path_samples=8,
        sweep=(0.5, 1.0), sweep_samples=20,
    )  # fmt: skip


def test_all_is_all(everything: EvaluateConfig, tmp_path: Path) -> None:
    report = evaluate(everything)
    assert list(report.metrics) == [
        "fd_demo", "kid_demo", "is_demo", "precision", "recall", "density", "coverage",
        "kid_full_demo", "fd_infinity_demo", "ppl2_wend",
    ]  # fmt: skip
    sections = report.sections
    empty = {f.name for f in dataclasses.fields(sections) if not getattr(sections, f.name)}
    assert empty == {"protocols", "snapshots", "not_taken"}
    assert report.metrics["fd_demo"].error is not None
    assert sections.classes is not None
    assert [row.images["against"] for row in sections.classes.rows] == [20, 20, 20]
    assert sections.psi_sweep is not None
    assert [p.psi for p in sections.psi_sweep.points] == [0.5, 1.0]
    write_report(report, tmp_path / "report")
    written = json.loads((tmp_path / "report" / "report.json").read_text())
    assert written["undefined"] == []
    assert (tmp_path / "report" / "figures" / "samples.png").is_file()
    (line,) = (tmp_path / "report" / "metrics.jsonl").read_text().splitlines()
    assert json.loads(line)["kimg"] == 7.5


def test_what_cannot_be_taken_is_told(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 40), save_folder(tmp_path / "b", 30, seed=1)
    report = evaluate(configure(a, b, metrics=("all",), splits=3))
    told = " ".join(n for n in report.notes if n.startswith("Not taken"))
    for metric, reason in (
        ("per_class", "needs classes on both sides"),
        ("ppl2_wend", "needs a snapshot to draw from"),
        ("psi_sweep", "needs a snapshot to draw from"),
    ):
        assert f"{metric} {reason}" in told
        with pytest.raises(InputError, match=f"the metric {metric} {reason}"):
            evaluate(configure(a, b, metrics=(metric,)))
    assert set(report.sections.not_taken) == {
        "classes", "psi_sweep", "path_length", "fid_against_n",
    }  # fmt: skip
    for metric in ("psnr", "ssim", "lpips", "ppl_zfull"):
        assert not METRICS[metric].in_all


def test_few_images_allow_few_metrics(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 5), save_folder(tmp_path / "b", 5, seed=1)
    report = evaluate(configure(a, b, metrics=("all",), splits=1))
    assert list(report.metrics) == ["fd_demo", "kid_demo", "is_demo", "kid_full_demo"]
    with pytest.raises(InputError, match=r"precision needs at least 6 images, and .*a has 5"):
        evaluate(configure(a, b, metrics=("fid", "precision")))


def test_precision_and_recall_by_hand(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    report = evaluate(configure(a, b, metrics=("precision", "coverage")))
    x, y = features_of(pixels_of(a)), features_of(pixels_of(b))
    d, own = torch.cdist(x, y), torch.cdist(y, y)
    radius = own.kthvalue(4, dim=1).values  # the third neighbour; the first is the image itself
    assert report.metrics["precision"].value == float((d <= radius).any(1).double().mean())
    wide = own.kthvalue(6, dim=1).values
    covered = float((d.min(0).values <= wide).double().mean())
    assert report.metrics["coverage"].value == pytest.approx(covered, abs=1e-12)


def test_best_and_missed_are_the_images_that_the_scores_name(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    report = evaluate(configure(a, b, metrics=("precision", "coverage")))
    x, y = pixels_of(a), pixels_of(b)
    found = manifolds(features_of(y), features_of(x))
    best, missed = report.sections.best_worst, report.sections.missed
    assert best is not None
    assert missed is not None
    top, worst = int(found.realism.argmax()), int(found.realism.argmin())
    assert torch.equal(best.best.images[0], x[top])
    assert best.best.labels[0] == f"{top:03}.png"
    assert torch.equal(best.worst.images[0], x[worst])
    far = int(found.coverage_distance.argmax())
    assert torch.equal(missed.images[0], y[far])
    assert missed.scores[0] == pytest.approx(float(found.coverage_distance[far]))


def test_copies_are_found_mirrored_ones_too(tmp_path: Path) -> None:
    """A "generator" that shows its training images, half of them mirrored."""
    b = save_folder(tmp_path / "b", 60)
    pixels = pixels_of(b)
    mirrored = torch.where(torch.arange(60)[:, None, None, None] % 2 == 0, pixels, pixels.flip(3))

    def draw(first: int, count: int) -> Tensor:
        return mirrored[first : first + count]

    config = configure(draw, b, metrics=("memorisation",), samples=60)
    found = evaluate(config).sections.neighbours
    assert found is not None
    assert (found.flagged, found.suspicious, found.mirrored) == (60, True, True)
    assert torch.equal(found.rows[0].neighbours[0].image, found.rows[0].image)
    for row in found.rows:
        assert row.neighbours[0].mirrored == (int(row.sample.split()[1]) % 2 == 1)
    blind = evaluate(dataclasses.replace(config, mirror=False)).sections.neighbours
    assert blind is not None
    assert not blind.mirrored
    assert 30 <= blind.flagged < 40  # the copies that are not mirrored, and some by chance
    fresh = save_folder(tmp_path / "fresh", 60, seed=9)
    clear = evaluate(configure(fresh, b, metrics=("memorisation",))).sections.neighbours
    assert clear is not None
    assert (clear.flagged, clear.suspicious) == (0, False)


def test_held_out_images_calibrate(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 30), save_folder(tmp_path / "b", 40, seed=1)
    held = save_folder(tmp_path / "h", 35, seed=2)
    config = configure(a, b, metrics=("memorisation",), held_out=str(held))
    found = evaluate(config).sections.neighbours
    assert found is not None
    assert found.held_out_to_train is not None
    assert found.held_out_to_train.values == 35
    assert found.train_to_train.values == 40


def test_a_run_is_all_its_snapshots(tmp_path: Path) -> None:
    b = save_folder(tmp_path / "b", 60)
    (tmp_path / "run").mkdir()
    values = []
    for kimg, seed in ((0, 3), (8, 4), (16, 3)):
        generator = make_generator(seed=seed)
        if kimg == 0:
            with torch.no_grad():
                generator.synthesis.b8.torgb.bias.add_(0.8)  # worse: everything is lighter
        path = save(tmp_path / "run" / f"snapshot-{kimg:06}.safetensors", generator, float(kimg))
        config = configure(path, b, metrics=("fid", "is"), samples=50, splits=2)
        values.append(evaluate(config).metrics["fd_demo"].value)
    report = evaluate(configure(tmp_path / "run", b, metrics=("fid", "is"), samples=50, splits=2))
    found = report.sections.snapshots
    assert found is not None
    assert [p.kimg for p in found.points] == [0, 8, 16]
    swept = [p.values["fd_demo"].value for p in found.points]
    assert swept == pytest.approx(values, rel=1e-9)  # the same draws for each
    assert found.best == int(np.argmin(values))
    assert report.sides["a"]["path"].endswith(found.points[found.best].file)
    assert report.metrics["fd_demo"].value == pytest.approx(min(values), rel=1e-9)
    z = found.points[0].z_from_best
    assert z is not None
    assert z > 3
    assert 0 not in found.tied
    with pytest.raises(InputError, match="only the judged side can be one"):
        evaluate(configure(b, tmp_path / "run"))
    with pytest.raises(InputError, match="best snapshot is chosen by fid, kid"):
        evaluate(configure(tmp_path / "run", b, metrics=("colour",), samples=50))


def test_protocols_of_the_same_images(tmp_path: Path) -> None:
    """Toy features know no resize, so that only the divisor of the covariance differs."""
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 27, seed=1)
    config = configure(a, b, metrics=("fid",), protocols=("torch-fidelity", "fid50k_full"))
    report = evaluate(config)
    rows = report.sections.protocols
    assert rows is not None
    assert [(r.name, bool(r.differences)) for r in rows] == [
        ("torch-fidelity", False), ("fid50k_full", True),
    ]  # fmt: skip
    assert "divided by N here and by N - 1 there" in rows[1].differences[0]
    x, y = features_of(pixels_of(a)).double(), features_of(pixels_of(b)).double()
    assert rows[0].value == pytest.approx(distance_of_features(x, y), rel=1e-9)
    gap = (x.mean(0) - y.mean(0)).square().sum()
    p, q = (x - x.mean(0)) / math.sqrt(31), (y - y.mean(0)) / math.sqrt(27)
    trace = torch.linalg.svdvals(p @ q.T).sum()
    expected = float(gap + p.square().sum() + q.square().sum() - 2 * trace)
    assert rows[1].value == pytest.approx(expected, rel=1e-9)
    assert report.protocol["name"] == "torch-fidelity"
    told = [note for note in report.notes if ", but: " in note]
    assert all("Features are of demo" in n or "resized" in n for n in told)  # nothing is drawn
    drawn = save(tmp_path / "s.safetensors", make_generator())
    options = {"samples": 12, "psi": 0.5, "protocols": ("torch-fidelity",)}
    notes = evaluate(configure(drawn, b, metrics=("fid",), **options)).notes
    assert any(n.startswith("torch-fidelity, but: 12 images are drawn here") for n in notes)
    assert any(n.startswith("torch-fidelity, but: Truncation psi is 0.5 here") for n in notes)
    with pytest.raises(InputError, match="no protocol is called 'fast'; known: fid50k_full"):
        evaluate(configure(a, b, protocols=("fast",)))


def test_classes_as_frequent_as_in_the_data(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator(c_dim=2))
    save_folder(tmp_path / "b" / "a", 30)
    save_folder(tmp_path / "b" / "b", 10, seed=1)
    config = configure(a, tmp_path / "b", metrics=("fid", "per_class"), samples=400)
    even = evaluate(config).sections.classes
    frequent = evaluate(dataclasses.replace(config, protocols=("fid50k_full",))).sections.classes
    assert even is not None
    assert frequent is not None
    assert abs(even.rows[1].images["a"] - 200) < 50  # five deviations
    assert abs(frequent.rows[1].images["a"] - 100) < 45
    plain = save_folder(tmp_path / "c", 12)
    with pytest.raises(InputError, match="as frequent as in the data, but the other side has no"):
        evaluate(configure(a, plain, protocols=("fid50k_full",), metrics=("fid",)))


def test_a_reference_file_stands_for_its_images(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 31), save_folder(tmp_path / "b", 150, seed=1)
    path = tmp_path / "b.npz"
    config = configure(a, b, metrics=("fid",))
    save_reference(config, path)
    direct = evaluate(config)
    by_file = evaluate(dataclasses.replace(config, against=str(path)))
    assert by_file.metrics["fd_demo"].value == pytest.approx(
        direct.metrics["fd_demo"].value, rel=1e-9
    )
    assert by_file.metrics["fd_demo"].images == {"a": 31, "against": 150}
    assert by_file.sides["against"]["kind"] == "reference"
    assert read_reference(path).protocol == dataclasses.replace(
        PROTOCOLS["pytorch-fid"], network="demo", resize=None, samples=5000
    )
    with pytest.raises(InputError, match=r"kid needs images on the other side, and .*b\.npz"):
        evaluate(dataclasses.replace(config, against=str(path), metrics=("kid",)))
    everything = evaluate(dataclasses.replace(config, against=str(path), metrics=("all",)))
    assert set(everything.metrics) == {"fd_demo", "is_demo"}
    with pytest.raises(InputError, match=r"b\.npz holds statistics alone: it can be compared"):
        evaluate(dataclasses.replace(config, a=str(path)))
    with pytest.raises(InputError, match="exists already"):
        save_reference(config, path)
    with pytest.raises(InputError, match="of a folder or zip of images, not of"):
        save_reference(dataclasses.replace(config, against=str(path)), tmp_path / "c.npz")


def test_pairs_by_name(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 6), save_folder(tmp_path / "b", 8, seed=1)
    (a / "005.png").rename(a / "x.png")
    config = configure(a, b, metrics=("psnr", "ssim"))
    report = evaluate(config)
    x, y = pixels_of(a)[:5].double(), pixels_of(b)[:5].double()
    error = (x - y).square().mean((1, 2, 3))
    expected = float((10 * torch.log10(255**2 / error)).mean())
    assert report.metrics["psnr"].value == pytest.approx(expected, rel=1e-6)
    assert report.metrics["psnr"].images == {"a": 5, "against": 5}
    assert report.features == {}  # no feature network is opened for them
    other = save_folder(tmp_path / "c", 1)
    (other / "000.png").rename(other / "y.png")
    (other / "z.png").write_bytes((other / "y.png").read_bytes())
    with pytest.raises(InputError, match="at least 2 files of the same names on both sides, and"):
        evaluate(configure(a, other, metrics=("psnr",)))


class Counting(Toy):
    """A toy that counts images."""

    seen = 0

    def features(self, images: Tensor) -> Any:
        type(self).seen += len(images)
        return super().features(images)


def test_real_images_are_looked_at_once_in_all(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.metrics.conftest.Toy", Counting)
    monkeypatch.setattr(Counting, "seen", 0)
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 30, seed=1)
    config = configure(a, b, metrics=("fid", "kid"))
    first = evaluate(config)
    assert Counting.seen == 42
    again = evaluate(config)
    assert Counting.seen == 54  # the judged side alone
    for key, metric in first.metrics.items():
        assert again.metrics[key].value == metric.value
    Image.new("RGB", (8, 8), "red").save(b / "000.png")  # the same name, another content
    other = evaluate(config)
    assert Counting.seen == 96
    assert other.metrics["fd_demo"].value != first.metrics["fd_demo"].value
    kept = sorted(p.name for p in toy.glob("*.safetensors"))
    evaluate(dataclasses.replace(config, cache=False, max_images=7))
    assert sorted(p.name for p in toy.glob("*.safetensors")) == kept
    assert Counting.seen == 96 + 14


def test_a_set_with_broken_files_is_not_kept(tmp_path: Path, toy: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 12, seed=1)
    whole = (b / "003.png").read_bytes()
    (b / "003.png").write_bytes(whole[:60])
    report = evaluate(configure(a, b, metrics=("fid",)))
    assert report.metrics["fd_demo"].images["against"] == 11
    assert not list(toy.glob("*.safetensors"))


def test_the_floor_is_the_distance_of_two_halves(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 41, seed=1)
    found = evaluate(configure(a, b, metrics=("fid", "floor"))).sections.sanity
    assert found is not None
    assert found.floor is not None
    order = torch.randperm(41, generator=torch.Generator().manual_seed(0))
    y = features_of(pixels_of(b)).double()
    expected = distance_of_features(y[order[:20]], y[order[20:40]])
    assert found.floor.value == pytest.approx(expected, rel=1e-6)
    assert found.floor.images == 20


def test_a_report_of_another_is_not_replaced(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 12, seed=1)
    report = evaluate(configure(a, b, metrics=("fid",)))
    write_report(report, tmp_path / "r")
    (tmp_path / "r" / "figures" / "psi_fd_demo.svg").write_text("of another report")
    with pytest.raises(InputError, match="already holds a report"):
        write_report(report, tmp_path / "r")
    write_report(report, tmp_path / "r", overwrite=True)
    assert not (tmp_path / "r" / "figures" / "psi_fd_demo.svg").exists()
