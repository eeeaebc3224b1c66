"""``stylegen adapt`` with interruptions: what is kept, gone on with, and never replaced."""

import hashlib
import importlib
import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stylegen.checkpoints import load, read_header, read_info
from stylegen.cli import main
from stylegen.editing import adapt_files
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


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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
    output = told(adapt("--steps", 7, *words, "--resume"), 0)
    assert "going on from step 3" in output
    assert "5 of 7 steps" in output
    interrupt(0)
    assert "cut.safetensors: 7 steps, loss " in told(adapt("--steps", 7, *words, "--resume"), 0)
    assert digest(cut) == digest(whole) != digest(three)
    assert sheet.read_bytes() == (tmp_path / "whole.png").read_bytes()
    ours, theirs = (read_info(path).provenance for path in (cut, whole))
    assert ours == theirs
    assert not list(tmp_path.glob(".*"))


def test_without_anything_unfinished_resume_begins(tmp_path: Path, adapt: Invoke) -> None:
    out = tmp_path / "a.safetensors"
    output = told(adapt("--steps", 2, "--out", out, "--resume"), 0)
    assert "nothing was unfinished: this begins" in output
    assert "2 steps" in output
    made = out.read_bytes()
    output = told(adapt("--steps", 2, "--out", out, "--resume"), 2)
    assert "a.safetensors is finished with 2 steps" in output
    assert out.read_bytes() == made
    assert "going on" not in told(adapt("--steps", 2, "--out", tmp_path / "b.safetensors"), 0)
    other = tmp_path / "n.safetensors"
    shutil.copy(other, tmp_path / "c.safetensors")
    output = told(adapt("--steps", 2, "--out", tmp_path / "c.safetensors", "--resume"), 2)
    assert "c.safetensors exists already" in output


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
        output = told(adapt(*words, *more, "--resume"), 2)
        assert "other styles or settings" in output
        assert "going on" not in output
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
    assert "wanted a 'stylegen adaptation' file; move it away" in output
    assert state.exists()


@pytest.mark.parametrize("harm", ["empty", "cut", "changed"])
def test_a_damaged_state_leads_out(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None], harm: str
) -> None:
    out, state = tmp_path / "a.safetensors", tmp_path / ".a.unfinished.safetensors"
    words = ("--steps", 4, "--out", out)
    interrupt(2)
    told(adapt(*words), 0)
    interrupt(0)
    whole = state.read_bytes()
    changed = whole[:-1] + bytes([whole[-1] ^ 1])
    damaged = {"empty": b"", "cut": whole[:100], "changed": changed}[harm]
    state.write_bytes(damaged)
    assert "move it away, then start anew" in told(adapt(*words, "--resume"), 2)
    output = told(adapt(*words), 2)
    assert "is unfinished" in output if harm == "changed" else "move it away" in output
    assert state.read_bytes() == damaged
    assert "4 steps, loss" in told(adapt(*words, "--overwrite"), 0)
    assert not list(tmp_path.glob(".*"))


def test_unfinished_work_stays_until_the_first_step(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None]
) -> None:
    words = ("--steps", 4, "--out", tmp_path / "a.safetensors")
    interrupt(2)
    told(adapt(*words), 0)
    kept = {path: path.read_bytes() for path in tmp_path.glob(".*")}
    assert len(kept) == 2
    for wrong in (["--device", "cuda:9"], ["--distance", "squeezenet"], ["--class", "cat"]):
        told(adapt(*words, *wrong, "--overwrite"), 2)
        assert {path: path.read_bytes() for path in tmp_path.glob(".*")} == kept
    seen: list[bool] = []
    forget = adapt_files.AdaptFiles.forget
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            adapt_files.AdaptFiles, "forget", lambda files: (seen.append(True), forget(files))
        )
        interrupt(1)
        told(adapt(*words, "--seed", 1, "--overwrite"), 0)
    assert seen == [True]
    assert {path: path.read_bytes() for path in tmp_path.glob(".*")} != kept


def test_only_what_it_has_written_itself_is_replaced(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that comes to lie at OUT while an adaptation runs is no result of it."""
    out, state = tmp_path / "a.safetensors", tmp_path / ".a.unfinished.safetensors"

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("stylegen.editing.adapting._KEEP_EVERY_SEC", 0.0)
    interrupt(2)
    with monkeypatch.context() as patch:
        patch.setattr(adapt_files, "_write", dies)
        assert adapt("--steps", 4, "--out", out).exit_code != 0
    assert read_header(state)["written"] == {}
    out.write_text("mine")
    assert "exists already" in told(adapt("--steps", 4, "--out", out, "--resume"), 2)
    with monkeypatch.context() as patch:
        patch.setattr(adapt_files, "_write", dies)
        interrupt(3)
        assert adapt("--steps", 4, "--out", out, "--resume", "--overwrite").exit_code not in (0, 2)
    assert read_header(state)["written"] == {}  # not the user's
    assert out.read_text() == "mine"


def test_files_of_earlier_parts_stay_its_own(
    tmp_path: Path, adapt: Invoke, interrupt: Callable[[int], None]
) -> None:
    out, sheet = tmp_path / "a.safetensors", tmp_path / "sheet.png"
    words = ("--steps", 6, "--out", out, "--resume")
    interrupt(2)
    told(adapt(*words, "--preview", sheet), 0)
    interrupt(3)
    told(adapt(*words), 0)
    written = read_header(tmp_path / ".a.unfinished.safetensors")["written"]
    assert written == {path.name: sha256(path) for path in (out, out.with_suffix(".json"), sheet)}
    interrupt(0)
    assert "6 steps, loss" in told(adapt(*words, "--preview", sheet), 0)


def test_missing_folders_are_made_and_taken_away_again(tmp_path: Path, adapt: Invoke) -> None:
    words = ("--steps", 1, "--out", tmp_path / "new" / "a.safetensors")
    told(adapt(*words, "--class", "cat"), 2)
    assert not (tmp_path / "new").exists()
    told(adapt(*words, "--preview", tmp_path / "seen" / "a.png"), 0)
    assert json.loads((tmp_path / "new" / "a.json").read_text())["provenance"]["steps"] == 1
    assert (tmp_path / "seen" / "a.png").exists()
    file = tmp_path / "file"
    file.write_text("mine")
    assert "file is a file" in told(adapt("--steps", 1, "--out", file / "x" / "a.safetensors"), 2)
