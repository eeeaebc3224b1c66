"""``stylegen directions``: find, apply, from-labels and report."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegen.checkpoints import load
from stylegen.cli import main
from stylegen.editing import directions as package
from stylegen.editing.directions import FactorReader, applying, measure_spread
from stylegen.editing.latents import Latents, network_digest
from stylegen.errors import InputError
from stylegen.perceptual import FeatureNetwork
from tests.cli.directing import run, succeed, write_material
from tests.editing.directions.small import make_latents


def seeds_to_latents(network: Path, seeds: list[int]) -> Latents:
    return make_latents(load(network), seeds)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_material(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("method", ["sefa", "pca"])
def test_directions_are_found_and_shown(
    files: dict[str, Path], tmp_path: Path, method: str
) -> None:
    output = succeed(
        f"find --network {{n}} --method {method} --layers coarse --count 3 --samples 200 "
        f"--sheet 5 --out {tmp_path}/d",
        **files,
    )
    assert f"{method}-02: " in output
    with np.load(tmp_path / "d" / f"{method}-00.npz") as file:
        assert file["layers"].tolist() == [0, 1, 2]
        assert file["direction"].shape == (8,)
        assert str(file["method"]) == method
    with Image.open(tmp_path / "d" / "sheet.png") as sheet:
        assert sheet.size == (7 * 16, 3 * 16)
        middles = {sheet.crop((48, 16 * i, 64, 16 * (i + 1))).tobytes() for i in range(3)}
        ends = {sheet.crop((0, 16 * i, 16, 16 * (i + 1))).tobytes() for i in range(3)}
    assert (len(middles), len(ends)) == (1, 3)


def test_fewer_directions_replace_all_of_the_earlier_run(
    files: dict[str, Path], tmp_path: Path
) -> None:
    find = f"find --network {{n}} --samples 200 --overwrite --out {tmp_path}/d --method "
    succeed(f"{find} pca --count 4", **files)
    succeed(f"{find} sefa --count 2", **files)
    (tmp_path / "d" / "pca-02.npz").rename(tmp_path / "d" / "wide.npz")
    (tmp_path / "d" / "pca-09.npz").write_text("mine")
    np.savez(tmp_path / "d" / "pca-08.npz", direction=np.ones(8))
    output = succeed(f"{find} pca --count 1", **files)
    assert "removed of an earlier run: pca-01.npz, pca-03.npz" in output
    names = "pca-00 pca-08 pca-09 sefa-00 sefa-01 wide"
    assert sorted(path.stem for path in (tmp_path / "d").iterdir()) == names.split()
    assert "removed" not in succeed(f"{find} pca --count 1", **files)


def test_the_unit_of_a_foreign_direction_is_measured_once(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "mine.npz", direction=np.arange(8.0))
    apply = f"apply --network {{n}} --direction {tmp_path}/mine.npz --sources 1,5 --steps 3"
    succeed(f"{apply} --out {tmp_path}/a", **files)
    measured, counted = measure_spread(load(files["n"])), []
    monkeypatch.setattr(applying, "measure_spread", lambda g: counted.append(g) or measured)
    succeed(f"{apply} --out {tmp_path}/b", **files)
    succeed(f"{apply} --direction {tmp_path}/mine.npz --out {tmp_path}/c", **files)
    succeed(f"{apply} --frames 4 --out {tmp_path}/d.gif", **files)
    assert len(counted) == 3
    assert len(list((tmp_path / "b").glob("*.npz"))) == 6
    a, b = (Latents.load(tmp_path / name / "5+3.00.npz") for name in "ab")
    assert a.w.tolist() == b.w.tolist()


def test_a_sheet_of_any_sources(files: dict[str, Path], tmp_path: Path) -> None:
    seeds_to_latents(files["n"], [8]).save(tmp_path / "w.npz")
    Image.new("RGB", (20, 20), "teal").save(tmp_path / "photo.png")
    find = "find --network {n} --method pca --count 2 --samples 200"
    succeed(
        f"{find} --sheet 5,{tmp_path}/w.npz,{tmp_path}/photo.png --project-steps 2 --distance "
        f"pyramid --out {tmp_path}/d",
        **files,
    )
    succeed(f"{find} --sheet 5,8 --out {tmp_path}/e", **files)
    with (
        Image.open(tmp_path / "d" / "sheet.png") as sheet,
        Image.open(tmp_path / "e" / "sheet.png") as seeds,
    ):
        assert (sheet.size, seeds.size) == ((7 * 16, 6 * 16), (7 * 16, 4 * 16))
        assert sheet.crop((0, 0, 112, 32)).tobytes() == seeds.crop((0, 0, 112, 32)).tobytes()
    assert len(list(tmp_path.glob("photo.png.*.npz"))) == 1


def test_a_strip_has_a_row_for_each_source(files: dict[str, Path], tmp_path: Path) -> None:
    output = succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --sources 1,5-6 --steps 5 "
        f"--strength -2..2 --out {tmp_path}/s.png",
        **files,
    )
    assert "3 sources, 5 strengths of pca-00" in output
    with Image.open(tmp_path / "s.png") as picture:
        assert picture.size == (5 * 16, 3 * 16)


def test_a_folder_holds_every_image_and_latent(files: dict[str, Path], tmp_path: Path) -> None:
    command = (
        "apply --network {c} --direction {f}/c-pca/pca-00.npz --class b --sources 1,5 "
        f"--steps 3 --layers 1,3 --out {tmp_path}/s"
    )
    succeed(command, **files)
    with Image.open(tmp_path / "s" / "strip.png") as strip:
        assert (strip.size, strip.mode) == ((3 * 20, 2 * 12), "RGBA")
        cell = strip.crop((40, 12, 60, 24)).tobytes()
    with Image.open(tmp_path / "s" / "5+3.00.png") as one:
        assert one.tobytes() == cell
    moved, source = (Latents.load(tmp_path / "s" / f"5{x}.npz") for x in ("+3.00", "+0.00"))
    changed = (moved.w != source.w).any(dim=2)[0]
    assert changed.tolist() == [False, True, False, True, False, False]
    assert moved.network == source.network != ""
    again = run(command, **files)
    assert isinstance(again.exception, InputError)
    succeed(command + " --overwrite", **files)
    # the written latent, taken as a source, is the image that it came with
    succeed(
        "apply --network {c} --direction {f}/c-pca/pca-00.npz --strength 0 "
        f"--sources {tmp_path}/s/5+3.00.npz --out {tmp_path}/again.png",
        **files,
    )
    with Image.open(tmp_path / "again.png") as one:
        assert one.tobytes() == cell


def test_two_directions_span_a_plane(files: dict[str, Path], tmp_path: Path) -> None:
    succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --direction {f}/n-pca/pca-01.npz "
        f"--sources 1 --steps 3 --out {tmp_path}/p",
        **files,
    )
    with Image.open(tmp_path / "p" / "plane.png") as plane:
        assert plane.size == (48, 48)
        corner = plane.crop((32, 0, 48, 16)).tobytes()  # across 3, down -3
    with Image.open(tmp_path / "p" / "1+3.00-3.00.png") as one:
        assert one.tobytes() == corner
    assert len(list((tmp_path / "p").glob("*.npz"))) == 9


@pytest.mark.parametrize("name", ["walk.gif", "walk"])
def test_a_video(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    succeed(
        "apply --network {n} --direction {f}/n-pca/pca-00.npz --sources 1,2 --frames 4 --fps 10 "
        f"--out {tmp_path}/{name}",
        **files,
    )
    if name == "walk":
        assert len(list((tmp_path / "walk").glob("frame*.png"))) == 4
    else:
        with Image.open(tmp_path / name) as video:
            assert (video.size, getattr(video, "n_frames", 1)) == ((32, 16), 4)


@pytest.mark.parametrize(
    "groups",
    ["--labels {f}/labels.csv", "--labels {f}/labels.csv --to 0 --method least-squares"],
)
def test_a_direction_from_a_table(files: dict[str, Path], tmp_path: Path, groups: str) -> None:
    output = succeed(f"from-labels --network {{n}} {groups} --out {tmp_path}/x.npz", **files)
    assert "held-out samples" in output
    with np.load(tmp_path / "x.npz") as file:
        assert 0 <= float(file["accuracy"]) <= 1


def test_a_table_of_photos_and_latent_files(files: dict[str, Path], tmp_path: Path) -> None:
    seeds_to_latents(files["n"], list(range(19))).save(tmp_path / "many.npz")
    Image.new("RGB", (20, 20), "teal").save(tmp_path / "photo.png")
    Image.new("RGB", (20, 20), "gold").save(tmp_path / "2,5.png")
    (tmp_path / "t.csv").write_text(
        'source,label\nmany.npz,a\nphoto.png,a\n"2,5.png",a\n"20,21-39",b\n'
    )
    succeed(
        f"from-labels --network {{n}} --labels {tmp_path}/t.csv --project-steps 2 --distance "
        f"pyramid --orthogonal-to {{f}}/n-pca/pca-00.npz --out {tmp_path}/new/x.npz",
        **files,
    )
    with np.load(tmp_path / "new" / "x.npz") as x, np.load(files["f"] / "n-pca/pca-00.npz") as pca:
        assert float(x["direction"] @ pca["direction"]) == pytest.approx(0, abs=1e-6)
        assert str(x["method"]) == "logistic, orthogonal"
    assert len(list(tmp_path.glob("photo.png.*.npz"))) == 1


def test_a_direction_between_classes(files: dict[str, Path], tmp_path: Path) -> None:
    for end, name in (("--to b", "b"), ("--to a --from b", "a")):
        succeed(
            f"from-labels --network {{c}} {end} --samples 600 --out {tmp_path}/{name}.npz", **files
        )
    with np.load(tmp_path / "b.npz") as b, np.load(tmp_path / "a.npz") as a:
        assert float(b["direction"] @ a["direction"]) < -0.8
        assert float(b["accuracy"]) > 0.6


def test_a_report_without_factors(files: dict[str, Path], tmp_path: Path) -> None:
    numbers = "--samples 3 --path-samples 5"
    output = succeed(
        f"report --network {{c}} {{f}}/c-pca {numbers} --class b --out {tmp_path}/r.json",
        **files,
    )
    assert "pca-01" in output
    assert "pyramid features, 5 places" in output
    assert "Factors were not read" in output
    values = json.loads((tmp_path / "r.json").read_text())
    assert [d["name"] for d in values["directions"]] == ["pca-00", "pca-01"]
    assert values["path"]["w"] > 0
    assert values["config"]["samples"] == 3
    output = succeed(
        "report --network {n} {f}/n-pca/pca-01.npz --no-factors --features discriminator "
        + numbers,
        **files,
    )
    assert "discriminator features" in output


@pytest.fixture
def quick_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the commands read factors by a demo network and a reader that are quickly fitted."""
    from stylegen.metrics import demo

    weights = demo.demo_weights(tmp_path, faces=40, epochs=1)
    monkeypatch.setattr(demo, "demo_weights", lambda progress: weights)

    class Quick(FactorReader):
        def __init__(self, network: FeatureNetwork, progress: Any) -> None:
            super().__init__(network, faces=640, progress=progress)

    monkeypatch.setattr(package, "FactorReader", Quick)


@pytest.mark.usefixtures("quick_reader")
def test_a_report_with_factors(files: dict[str, Path], tmp_path: Path) -> None:
    output = succeed(
        "report --network {n} {f}/n-pca/pca-00.npz --sources 3,5 --path-samples 5 "
        f"--out {tmp_path}/new/r.json",
        **files,
    )
    assert "demo features" in output
    assert "unlike the built-in faces" in output
    assert json.loads((tmp_path / "new" / "r.json").read_text())["sources"] == ["3", "5"]


@pytest.mark.usefixtures("quick_reader")
def test_a_direction_of_a_factor(files: dict[str, Path], tmp_path: Path) -> None:
    command = f"from-labels --network {{n}} --factor eye_open --samples 60 --out {tmp_path}/x.npz"
    # of 8 dimensions, none is left by all other factors
    assert "no direction is left" in str(run(command + " --purify", **files).exception)
    succeed(command, **files)
    with np.load(tmp_path / "x.npz") as file:
        assert str(file["method"]) == "logistic"


def test_directions_of_other_networks(files: dict[str, Path], tmp_path: Path) -> None:
    command = (
        f"apply --network {{n}} --direction {{f}}/other.npz --sources 1 --out {tmp_path}/o.png"
    )
    result = run(command, **files)
    assert isinstance(result.exception, InputError)
    assert "--other-network" in str(result.exception)
    assert not (tmp_path / "o.png").exists()
    succeed(command + " --other-network", **files)


def test_a_tuned_network_takes_the_directions_of_the_one_before(
    files: dict[str, Path], tmp_path: Path
) -> None:
    Image.new("RGB", (16, 16), "teal").save(tmp_path / "photo.png")
    tune = (
        f"project {tmp_path}/photo.png --network {files['n']} --distance pyramid --steps 2 --tune "
        f"--tune-steps 2 --out {tmp_path}/out"
    )
    assert CliRunner().invoke(main, tune.split()).exit_code == 0
    delta = f"--delta {tmp_path}/out/photo.delta.safetensors"
    apply = f"apply --network {{n}} {delta} --sources 1 --steps 3"
    succeed(f"{apply} --direction {{f}}/n-pca/pca-00.npz --out {tmp_path}/x.png", **files)
    result = run(f"{apply} --direction {{f}}/other.npz --out {tmp_path}/y.png", **files)
    assert "was found in network" in str(result.exception)


def test_the_digest_in_the_file_is_the_networks(files: dict[str, Path]) -> None:
    with np.load(files["f"] / "n-pca" / "pca-00.npz") as file:
        assert str(file["network"]) == network_digest(load(files["n"]))
