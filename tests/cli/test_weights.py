"""``stylegen weights``: what users see of weights files, and the exit codes that scripts see."""

import hashlib
import io
import json
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stylegen.cli import main
from stylegen.perceptual.weights_table import WEIGHTS, Weights

CONTENT = b"weights" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["weights", *words])


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for entry in WEIGHTS.values():
        monkeypatch.delenv(entry.variable, raising=False)
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(CONTENT))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Weights:
    entry = Weights(
        name="toy", file="toy.pth", url="https://example.invalid/toy.pth", sha256=DIGEST,
        size_bytes=len(CONTENT), about="a toy",
    )  # fmt: skip
    monkeypatch.setitem(WEIGHTS, "toy", entry)
    return entry


def test_list(hub: Path, toy: Weights) -> None:
    hub.mkdir(parents=True)
    (hub / toy.file).write_bytes(CONTENT)
    result = run("list")
    assert result.exit_code == 0, result.output
    states = {line.split()[0]: line.split(maxsplit=2)[1] for line in result.output.splitlines()}
    assert states["toy"] == "here"
    assert states["inception"] == "to"
    assert "squeezenet       to name" in result.output
    assert "inception        to fetch" in result.output
    assert states["demo"] == "fitted"
    rows = {row["name"]: row for row in json.loads(run("list", "--json").output)}
    assert rows["toy"]["there"]
    assert rows["inception"]["variable"] == "STYLEGEN_WEIGHTS_INCEPTION"
    assert rows["inception"]["path"] == str(hub / WEIGHTS["inception"].file)


def test_a_truncated_file_is_not_listed_as_here(hub: Path, toy: Weights) -> None:
    hub.mkdir(parents=True)
    (hub / toy.file).write_bytes(CONTENT[:-1])
    assert "toy              cut off   a toy" in run("list").output
    assert {row["name"]: row["truncated"] for row in json.loads(run("list", "--json").output)}[
        "toy"
    ]


def test_where_nothing_can_be_fetched_no_fetching_is_advised() -> None:
    result = run("path", "squeezenet")
    assert result.exit_code == 2
    assert "weights fetch" not in result.output
    assert "name it with --features-weights FILE or in STYLEGEN_WEIGHTS_SQUEEZENET" in result.output


def test_fetch_and_path(hub: Path, toy: Weights) -> None:
    path = hub / toy.file
    result = run("path", "toy")
    assert result.exit_code == 2
    assert str(path) in result.output
    assert "stylegen weights fetch toy" in result.output
    result = run("fetch", "toy", "toy")
    assert result.exit_code == 0, result.output
    assert result.output == f"toy: {path}\n"
    assert path.read_bytes() == CONTENT
    assert run("path", "toy").output == f"{path}\n"
    assert "there already" in run("fetch", "toy").output
    path.write_bytes(CONTENT[:9])
    result = run("fetch", "toy")
    assert result.exit_code == 2
    assert "cut off after 9 of 700 bytes" in result.output
    assert "--overwrite replaces it" in result.output
    assert run("fetch", "toy", "--overwrite").exit_code == 0
    assert path.read_bytes() == CONTENT


def test_fetch_by_a_digest_of_ones_own(hub: Path) -> None:
    name = "dinov2_vits14"
    result = run("fetch", name)
    assert result.exit_code == 2
    assert "no sha256 is known to check them" in result.output
    assert run("fetch", name, "--sha256", "0" * 64).exit_code == 2
    assert not list(hub.iterdir())
    assert run("fetch", name, "--sha256", DIGEST).exit_code == 0
    assert (hub / WEIGHTS[name].file).read_bytes() == CONTENT


def test_verify(hub: Path, toy: Weights, tmp_path: Path) -> None:
    assert "no weights files are here" in run("verify").output
    hub.mkdir(parents=True)
    (hub / toy.file).write_bytes(CONTENT)
    result = run("verify")
    assert result.exit_code == 0
    assert result.output.startswith(f"toy: whole: {hub / toy.file}")
    other = tmp_path / "other.pth"
    other.write_bytes(CONTENT[:-1])
    result = run("verify", "toy", str(other))
    assert result.exit_code == 1
    assert "toy: truncated" in result.output
    other.write_bytes(CONTENT + b"x")
    result = run("verify", "toy", str(other))
    assert result.exit_code == 1
    assert "toy: different" in result.output


def test_the_truncated_download_is_named_as_such(shared: Path) -> None:
    result = run("verify", "inception", str(shared / "data/weights/inception_truncated.pth"))
    assert result.exit_code == 1
    assert "truncated" in result.output
    assert "818,371 of 95,628,359 bytes" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fetch inceptions", "no weights are called 'inceptions'; known: inception, squeezenet"),
        ("fetch demo", "fitted on first use"),
        ("fetch squeezenet", "no URL of them is known"),
        ("fetch inception --sha256 12", "wanted 64 hexadecimal digits"),
        (f"fetch inception --sha256 {DIGEST}", "the sha256 of inception is known"),
        (f"fetch inception vgg16 --sha256 {DIGEST}", "--sha256 is of one file"),
        ("fetch inception", "cut off after 700 of 95,628,359 bytes"),
        ("verify inceptions", "known: inception"),
        ("verify inception", "no weights file of inception at"),
        ("path custom", "named with --features-weights FILE"),
    ],
)
def test_mistakes(words: str, said: str) -> None:
    result = run(*words.split())
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert "Traceback" not in result.output
