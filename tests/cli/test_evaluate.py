"""``stylegen evaluate`` from the command line: reports, references, and what it refuses."""

import json
from pathlib import Path

import click.testing
import numpy as np
import pytest
from PIL import Image

from stylegen.cli import main
from stylegen.metrics.catalogue import METRICS
from stylegen.metrics.demo import demo_weights
from stylegen.metrics.protocols import PROTOCOLS
from tests.metrics.toys import make_generator, save


def save_folder(folder: Path, count: int, seed: int) -> str:
    folder.mkdir()
    stream = np.random.RandomState(seed)
    for i in range(count):
        x = stream.randint(0, 256, (16, 16, 3)).astype(np.uint8)
        Image.fromarray(x).save(folder / f"{i:02}.png")
    return str(folder)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("given")
    return {
        "a": save_folder(folder / "a", 24, 0),
        "b": save_folder(folder / "b", 22, 1),
        "few": save_folder(folder / "few", 3, 2),
        "w": str(demo_weights(folder, faces=40, epochs=1)),
    }


def run(*arguments: str) -> click.testing.Result:
    usual = ["--device", "cpu", "--no-cache"]
    return click.testing.CliRunner().invoke(main, ["evaluate", *arguments, *usual])


def test_everything_between_two_folders(given: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "r"
    result = run(
        given["a"], "--against", given["b"], "--features", "demo", "--features-weights",
        given["w"], "--metrics", "all", "--out", str(out),
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    floor = next(line for line in result.output.splitlines() if line.startswith("floor: fd_demo"))
    assert floor.endswith("(halves of 11)")
    assert "in the report: " in result.output
    kernel = next(line for line in result.output.splitlines() if line.startswith("KID (demo)"))
    assert ", sd " in kernel
    assert " over 100 subsets of 22 " in kernel
    assert "±" not in kernel
    for said in ("FD (demo): ", "Recall (demo): ", "copies: ", "note: Not taken: ppl2_wend needs"):
        assert said in result.output
    assert {path.name for path in out.iterdir()} == {
        "figures", "metrics.jsonl", "report.html", "report.json",
    }  # fmt: skip
    values = json.loads((out / "report.json").read_text())
    command = values["sections"]["provenance"]["command"]
    assert command is None or isinstance(command, str)
    assert values["sections"]["sanity"]["sides"]["against"]["files"] == 22


def test_a_reference_is_written_and_compared_with(given: dict[str, str], tmp_path: Path) -> None:
    reference = str(tmp_path / "b.npz")
    features = ["--features", "demo", "--features-weights", given["w"]]
    result = run(given["a"], "--against", given["b"], *features, "--save-reference", reference)
    assert result.exit_code == 0, result.output
    assert result.output == f"reference: {reference}\n"
    values = []
    for against in (given["b"], reference):
        out = tmp_path / Path(against).name.replace(".", "_")
        result = run(
            given["a"], "--against", against, *features, "--metrics", "fid", "--out", str(out)
        )
        assert result.exit_code == 0, result.output
        values.append(json.loads((out / "report.json").read_text())["metrics"]["fd_demo"]["value"])
    assert values[0] == pytest.approx(values[1], rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--metrics beauty --out {o}", ", ".join(METRICS)),
        ("--protocol nvidia --out {o}", f"known: {', '.join(PROTOCOLS)}"),
        ("--metrics fid", "name a folder for the report with --out"),
        ("--metrics ppl --out {o}", "needs a snapshot to draw from, and "),
        ("--samples 9 --out {o}", "--samples is of a snapshot's images, and no side is a snapshot"),
        ("--noise random --out {o}", "--noise is of a snapshot's images"),
        ("--held-out x --crop --out {o}", "--held-out is of the metric memorisation"),
        ("--metrics psnr,colour --sweep 1,x --out {o}", "--sweep is '1,x'; wanted numbers"),
        ("--save-reference {o}.npy", "a reference is a .npz file"),
        ("--features inception --inception-weights x --features-weights y --out {o}", "twice"),
        ("--arithmetic fp32 --out {a}/00.png", "is a file; name a folder"),
    ],
)
def test_refusals(given: dict[str, str], tmp_path: Path, arguments: str, said: str) -> None:
    words = arguments.format(o=tmp_path / "o", a=given["a"]).split()
    result = run(given["a"], "--against", given["b"], *words)
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert not list(tmp_path.iterdir())


def test_a_best_snapshot_that_nothing_was_tested_against_is_called_so(
    given: dict[str, str], tmp_path: Path
) -> None:
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    for i in range(2):
        save(run_folder / f"snapshot-{i:06}.safetensors", make_generator(seed=i), float(i))
    outputs = []
    sweep = ("--sweep", "0.5", "--sweep-samples", "8")
    for metrics, more in (("kid", ()), ("fid,psi_sweep", sweep)):
        result = run(
            str(run_folder), "--against", given["b"], "--features", "demo", "--features-weights",
            given["w"], "--metrics", metrics, "--samples", "24", "--filter", "box", *more, "--out",
            str(tmp_path / metrics),
        )  # fmt: skip
        assert result.exit_code == 0, result.output
        outputs.append(result.output)
    untested = "whether it is better than the others is not tested by kid_demo"
    assert untested in outputs[0]
    assert "not tested" not in outputs[1]
    assert "in the report: quality against truncation\n" in outputs[1]


def test_too_few_images_are_told_before_any_network_is_loaded(
    given: dict[str, str], tmp_path: Path
) -> None:
    """The weights that are named do not exist: nobody has looked for them."""
    result = run(
        given["few"], "--against", given["b"], "--inception-weights", "none.pth", "--metrics",
        "recall", "--out", str(tmp_path / "o"),
    )  # fmt: skip
    assert result.exit_code == 2
    assert "recall needs at least 6 images, and " in result.output
    assert "nothing can be said of fewer" in result.output
