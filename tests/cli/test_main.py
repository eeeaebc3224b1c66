"""The command line as users meet it: quick help, one sentence for every mistake, real output."""

import functools
import json
import resource
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from safetensors.torch import save_file

from stylegen.cli import main
from stylegen.data import write_synth

COMMANDS = [
    "", "train", "generate", "mix", "evaluate", "data", "data build", "data synth", "demo",
    "doctor", "ops", "ops build", "ops clean", "interpolate", "project", "transfer", "adapt",
    "blend", "directions", "directions find", "directions apply", "directions from-labels",
    "directions report", "weights", "weights list", "weights fetch", "weights verify",
    "weights path", "compare",
]  # fmt: skip
TINY = (
    "--batch 8 --channel-base 64 --channel-max 8 --z-dim 8 --w-dim 8 --kimg 0.04 --tick-kimg 0.02 "
    "--snapshot-kimg 0.02 --device cpu"
)


def run(command: str, **paths: Path) -> Result:
    words = [word.format(**paths) for word in command.split()]
    return CliRunner().invoke(main, words)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A set, a run on it, and everything that is not what it should be."""
    import torch

    folder = tmp_path_factory.mktemp("files")
    write_synth(folder / "faces.zip", count=24, resolution=16)
    result = run(f"train --data {{f}}/faces.zip --out {{f}}/runs {TINY}", f=folder)
    assert result.exit_code == 0, result.output
    network = sorted((folder / "runs" / "00000-faces").glob("*.safetensors"))[1]
    (folder / "cut.safetensors").write_bytes(network.read_bytes()[:-64])
    save_file({"x": torch.zeros(1)}, folder / "foreign.safetensors")
    (folder / "text.txt").write_text("hello")
    (folder / "corrupt.zip").write_bytes((folder / "faces.zip").read_bytes()[:2000])
    with zipfile.ZipFile(folder / "empty.zip", "w") as archive:
        archive.writestr("readme.txt", "no image")
    (folder / "nothing").mkdir()
    (folder / "weights.pth").write_bytes(b"PK" + bytes(1000))
    return {"f": folder, "n": network, "d": folder / "faces.zip"}


def _seconds_of_children() -> float:
    """Return the processor time of all child processes: it does not depend on what else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers_at_once_and_without_torch(command: str) -> None:
    code = (
        "import sys; from stylegen.cli import main\n"
        f"try: main({command.split()!r} + ['--help'])\n"
        "except SystemExit as e: code = e.code\n"
        "heavy = {'torch', 'numpy', 'PIL', 'scipy', 'tqdm'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else code)"
    )
    begin = _seconds_of_children()
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "Usage:" in result.stdout
    assert _seconds_of_children() - begin < 0.5


BAD = {
    "train --data {f}/absent --out {f}/r": "absent",
    "train --out {f}/r": "--data",
    "train --data {f}/text.txt --out {f}/r": "text.txt",
    "train --data {f}/corrupt.zip --out {f}/r": "corrupt.zip",
    "train --data {f}/empty.zip --out {f}/r": "empty.zip",
    "train --data {f}/nothing --out {f}/r": "nothing",
    "train --data {d} --out {f}/text.txt": "is a file",
    "train --data {d} --out /proc/stylegen": "/proc/stylegen",
    "train --data {d} --out {f}/r --resolution 100": "nearest sizes",
    "train --data {d} --out {f}/r --batch 0": "batch",
    "train --data {d} --out {f}/r --gamma -1": "r1_gamma",
    "train --data {d} --out {f}/r --lr nan": "generator_lr",
    "train --data {d} --out {f}/r --kimg many": "many",
    "train --data {d} --out {f}/r --device cuda:77": "cuda:77",
    "train --data {d} --out {f}/r --device tpu9": "tpu9",
    "train --data {d} --out {f}/r --background nocolour": "nocolour",
    "train --data {d} --out {f}/r --channels 7": "7",
    "train --resume {f}/nothing": "config.json",
    "train --resume {f}/absent": "config.json",
    "train --resume {f}/runs/00000-faces --data {d} --batch 4": "--batch cannot change",
    "train --resume {f}/runs/00000-faces --data {f}/absent": "absent",
    f"train --data {{d}} --out {{f}}/r {TINY} --dry-run --transfer {{f}}/foreign.safetensors":
        "another program",
    f"train --data {{d}} --out {{f}}/r {TINY} --dry-run --transfer {{n}} --w-dim 9": "other shape",
    "train --resume {f}/runs/00000-faces --out {f}/r": "--out cannot change",
    "train --data {d} --out {f}/r --device meta": "meta",
    "train --data {d} --out {f}/r --precision fp16 --conv-clamp 0 --device cpu": "no conv_clamp",
    "train --data {d} --out {f}/r --precision int8": "int8",
    "train --data {d} --out {f}/r --num-low-precision-res -1": "num_low_precision_res",
    "generate --network {n} --seeds 0 --precision fp8 --out {f}/o": "fp8",
    "generate --network {n} --seeds 0 --device xpu --out {f}/o": "xpu",
    "generate --network {n} --seeds 0 --psi nan --out {f}/o": "psi",
    "generate --network {n} --seeds 0 --psi 0.5 --cutoff -1 --out {f}/o": "cutoff",
    "demo --out {f}/dm --train-options '": "--train-options",
    "demo --out {f}/dm --samples 1": "--samples",
    "generate --network {f}/absent.safetensors --seeds 0 --out {f}/o": "does not exist",
    "generate --network {f}/text.txt --seeds 0 --out {f}/o": "not a whole",
    "generate --network {f}/cut.safetensors --seeds 0 --out {f}/o": "not a whole",
    "generate --network {f}/foreign.safetensors --seeds 0 --out {f}/o": "another program",
    "generate --network {f}/weights.pth --seeds 0 --out {f}/o": "not a whole",
    "generate --network {n} --seeds x --out {f}/o": "seeds",
    "generate --network {n} --seeds 5-1 --out {f}/o": "small to large",
    "generate --network {n} --seeds 0 --grid 8 --out {f}/o": "columns x rows",
    "generate --network {n} --seeds 0-9 --grid 3x3 --out {f}/o": "9 places",
    "generate --network {n} --seeds 0 --class cat --out {f}/o": "without classes",
    "generate --network {n} --seeds 0 --noise loud --out {f}/o": "loud",
    "generate --network {n} --seeds 0 --out {f}/text.txt": "text.txt",
    "generate --network {n} --seeds 0 --out /proc/stylegen": "/proc/stylegen",
    "generate --network {n} --seeds 0": "--out",
    "mix --network {n} --rows 1 --cols 2 --styles fine --out {f}/m.png": "no fine layers",
    "mix --network {n} --rows 1 --cols 2 --styles 0-99 --out {f}/m.png": "layers 0 to 5",
    "mix --network {n} --rows 1 --cols 2 --out {f}/m.xyz": "m.xyz",
    "mix --network {n} --rows , --cols 2 --out {f}/m.png": "seeds",
    "mix --network {n} --rows 1 --cols 2 --out {d}": "exists already",
    "evaluate {n} --against {f}/absent --out {f}/e --features demo": "absent",
    "evaluate {f}/foreign.safetensors --against {d} --out {f}/e": "another program",
    "evaluate {n} --against {d} --out {f}/e --metrics beauty": "beauty",
    "evaluate {n} --against {d} --out {f}/e --features resnet": "resnet",
    "evaluate {n} --against {d} --out {f}/e --inception-weights {f}/weights.pth": "weights.pth",
    "data build {f}/absent {f}/x.zip": "absent",
    "data build {d} {d}": "exists",
    "data synth {d}": "exists",
    "data synth {f}/s.zip --count 0": "0",
    "paint": "paint",
}  # fmt: skip


@pytest.mark.parametrize("command", BAD)
def test_bad_input_gets_one_sentence_and_exit_code_2(command: str, files: dict[str, Path]) -> None:
    before = sorted(files["f"].rglob("*"))
    result = run(command, **files)
    assert result.exit_code == 2, result.output
    last = [line for line in result.output.splitlines() if line.startswith("Error: ")]
    assert len(last) == 1
    assert BAD[command] in last[0]
    assert "Traceback" not in result.output
    assert sorted(files["f"].rglob("*")) == before, "left something behind"


def test_generate_writes_every_seed_and_the_grid(files: dict[str, Path]) -> None:
    command = "generate --network {n} --seeds 0-4,40 --psi 0.7 --grid 3x2 --out {f}/drawn"
    result = run(command, **files)
    assert result.exit_code == 0, result.output
    out = files["f"] / "drawn"
    assert sorted(p.name for p in out.iterdir()) == [
        "grid.png", *(f"seed{s:04d}.png" for s in (0, 1, 2, 3, 4, 40)),
    ]  # fmt: skip
    with Image.open(out / "grid.png") as grid, Image.open(out / "seed0040.png") as last:
        assert grid.size == (48, 32)
        assert grid.crop((32, 16, 48, 32)).tobytes() == last.tobytes()
    assert run(command, **files).exit_code == 2  # nothing is overwritten ...
    assert run(command + " --overwrite", **files).exit_code == 0  # ... without being asked


@pytest.mark.parametrize("out", ["mixed.png", "mixed"])
def test_mix_writes_the_grid(files: dict[str, Path], out: str) -> None:
    command = f"mix --network {{n}} --rows 85,100 --cols 55,821,3 --styles 0-2 --out {{f}}/{out}"
    result = run(command, **files)
    assert result.exit_code == 0, result.output
    path = files["f"] / out
    grid = path if path.suffix else path / "grid.png"
    with Image.open(grid) as picture:
        assert picture.size == (4 * 16, 3 * 16)
    if not path.suffix:
        assert len(list(path.iterdir())) == 13
        with Image.open(path / "100-3.png") as mixed, Image.open(grid) as picture:
            assert picture.crop((48, 32, 64, 48)).tobytes() == mixed.tobytes()


def test_resume_goes_on(files: dict[str, Path]) -> None:
    folder, moved = files["f"] / "runs" / "00000-faces", files["f"] / "moved.zip"
    shutil.copy(files["d"], moved)
    result = run("train --resume {r} --kimg 0.08 --data {m}", r=folder, m=moved)
    assert result.exit_code == 0, result.output
    assert "finished at 0.08 kimg" in result.output
    assert json.loads((folder / "config.json").read_text())["data"]["path"] == str(moved)


def test_a_dry_run_tells_each_phase(files: dict[str, Path], tmp_path: Path) -> None:
    grows = "--dry-run --schedule 8:0-0.03,16:0.03-,fade=0.01"
    result = run(f"train --data {{d}} --out {{t}}/r {TINY} {grows}", d=files["d"], t=tmp_path)
    assert result.exit_code == 0, result.output
    assert "8 px: 0.03 kimg at " in result.output
    assert "16 px: 0.01 kimg at " in result.output
    assert "0.04 kimg would take 0.0 hours" in result.output
    assert not list(tmp_path.iterdir())


def test_training_says_how_to_go_on(files: dict[str, Path], tmp_path: Path) -> None:
    result = run(f"train --data {{d}} --out {{t}} {TINY} --max-minutes 0", d=files["d"], t=tmp_path)
    assert result.exit_code == 0, result.output
    assert f"go on with: stylegen train --resume {tmp_path}/00000-faces" in result.output


def test_a_conditional_run_by_class_name(files: dict[str, Path], tmp_path: Path) -> None:
    result = run(f"train --data {{d}} --out {{t}} {TINY} --labels", d=files["d"], t=tmp_path)
    assert result.exit_code == 0, result.output
    network = sorted(tmp_path.glob("*/snapshot-*.safetensors"))[0]
    drawn = run("generate --network {n} --seeds 1 --class afro --out {t}/o", n=network, t=tmp_path)
    assert drawn.exit_code == 0, drawn.output
    wrong = run("generate --network {n} --seeds 1 --class wig --out {t}/p", n=network, t=tmp_path)
    assert wrong.exit_code == 2
    assert "bald, short, long, bun, afro, pigtails" in wrong.output


def test_version_and_module(files: dict[str, Path]) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "stylegen", "--version"], capture_output=True, text=True
    )
    assert result.stdout == "stylegen, version 0.1.0\n"


def test_unforeseen_errors_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    import stylegen.data.synth

    def broken(*args: Any, **kwargs: Any) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(stylegen.data.synth, "write_synth", broken)
    result = run("data synth /tmp/never-written.zip")
    assert isinstance(result.exception, KeyError)


def test_the_demo_from_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import stylegen.metrics.demo as features

    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys.modules["stylegen.cli.demo"], "FACES", 48)
    fit = functools.partial(features.demo_weights, faces=64, epochs=1)
    monkeypatch.setattr(features, "demo_weights", fit)
    command = ["demo", "--out", str(tmp_path / "my demo"), "--samples", "40", "--train-options"]
    for name in ("my demo", "my demo-2"):  # a second one leaves the first alone
        result = CliRunner().invoke(main, [*command, f"{TINY} --z-dim 16"])
        assert result.exit_code == 0, result.output
        files = {str(p.relative_to(tmp_path / name)) for p in (tmp_path / name).rglob("*")}
        assert {"faces.zip", "mix.png", "samples/grid.png", "samples/seed0031.png"} <= files
        assert {"report/report.html", "report/report.json"} <= files
        assert "FD (demo)" in result.output
