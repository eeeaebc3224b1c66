"""``stylegen adapt`` with interruptions: what is kept, gone on with, and never replaced."""

import importlib
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stylegen.checkpoints import load, read_info
from stylegen.cli import main
from stylegen.editing.latents import network_digest
from stylegen.editing.sampling import generate
from stylegen.images import save_image
from tests.editing import small

adapt_module = importlib.import_module("stylegen.cli.adapt")  # the name is the command's too
Invoke = Callable[..., Result]


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return small.snapshot(tmp_path / "n.safetensors", width=8)


@pytest.fixture
def adapt(network: Path, tmp_path: Path) -> Invoke:
    """Call ``stylegen adapt`` on a photo."""
    save_image(generate(load(network), [3])[0], tmp_path / "style.png")
    style = ["--style", tmp_path / "style.png", "--project-steps", "2"]

    def invoke(*words: str | Path | int) -> Result:
        line = ["adapt", "--network", network, *style, *words]
        return CliRunner().invoke(main, [str(word) for word in line])

    return invoke


@pytest.fixture
def interrupt(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let Ctrl-C be pressed behind a step; 0: never."""

    def at(step: int) -> None:
        @contextmanager
        def pressing(*_: str) -> Iterator[Callable[[int, int, float], None]]:
            yield lambda done, *_: signal.raise_signal(signal.SIGINT) if done == step else None

        monkeypatch.setattr(adapt_module, "bar", pressing)

    return at


def told(result: Result, code: int) -> str:
    assert result.exit_code == code, (result.output, result.exception)
    return " ".join(result.output.split())


def digest(path: Path) -> str:
    return network_digest(load(path))


def test_an_interrupted_adaptation_goes_on_bit_for_bit(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None]
) -> None:
    whole, cut, three = (tmp_path / f"{name}.safetensors" for name in ("whole", "cut", "three"))
    sheet = tmp_path / "sheet.png"
    told(adapt("--steps", 7, "--out", whole, "--preview", tmp_path / "whole.png"), 0)
    told(adapt("--steps", 3, "--out", three), 0)
    words = ("--out", cut, "--preview", sheet)
    interrupt(3)
    output = told(adapt("--steps", 6, *words), 0)
    assert "3 of 6 steps, loss " in output
    assert "with --resume goes on" in output
    assert digest(cut) == digest(three)
    assert read_info(cut).provenance["steps"] == 3
    state = tmp_path / ".cut.unfinished.safetensors"
    assert state.exists()
    interrupt(5)
    assert "5 of 7 steps" in told(adapt("--steps", 7, *words, "--resume"), 0)
    interrupt(0)
    assert "cut.safetensors: 7 steps, loss " in told(adapt("--steps", 7, *words, "--resume"), 0)
    assert digest(cut) == digest(whole) != digest(three)
    assert sheet.read_bytes() == (tmp_path / "whole.png").read_bytes()
    ours, theirs = (read_info(path).provenance for path in (cut, whole))
    assert ours == theirs
    assert not list(tmp_path.glob(".*"))


def test_without_anything_unfinished_resume_begins(tmp_path: Path, adapt: Invoke) -> None:
    out = tmp_path / "a.safetensors"
    assert "2 steps" in told(adapt("--steps", 2, "--out", out, "--resume"), 0)
    assert "exists already" in told(adapt("--steps", 2, "--out", out, "--resume"), 2)


def test_nothing_of_the_users_is_replaced(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None]
) -> None:
    out, sheet = tmp_path / "a.safetensors", tmp_path / "sheet.png"
    words = ("--steps", 5, "--out", out, "--preview", sheet)
    interrupt(2)
    told(adapt(*words), 0)
    kept = {path: path.read_bytes() for path in tmp_path.iterdir() if path.name != "style.png"}
    assert "a.safetensors is unfinished: --resume goes on" in told(adapt(*words), 2)
    for more in (["--lr", 0.1], ["--seed", 2], ["--style", "7"]):
        assert "other styles or settings" in told(adapt(*words, *more, "--resume"), 2)
    assert "steps is 2, but 2 are done" in told(adapt(*words, "--steps", 2, "--resume"), 2)
    assert {path: path.read_bytes() for path in kept} == kept
    sheet.write_text("mine")
    assert "sheet.png exists already" in told(adapt(*words, "--resume"), 2)
    assert sheet.read_text() == "mine"
    assert "a.safetensors: 5 steps" in told(adapt(*words, "--resume", "--overwrite"), 0)
    assert not list(tmp_path.glob(".*"))


def test_overwrite_starts_anew(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None]
) -> None:
    out = tmp_path / "a.safetensors"
    interrupt(2)
    told(adapt("--steps", 5, "--out", out), 0)
    interrupt(0)
    told(adapt("--steps", 3, "--out", out, "--seed", 1, "--overwrite"), 0)
    assert read_info(out).provenance["settings"]["seed"] == 1
    assert not list(tmp_path.glob(".*"))
    state = tmp_path / ".a.unfinished.safetensors"
    state.write_bytes((tmp_path / "n.safetensors").read_bytes())
    output = told(adapt("--steps", 3, "--out", out, "--overwrite"), 2)
    assert "wanted a 'stylegen adaptation' file" in output
    assert state.exists()
