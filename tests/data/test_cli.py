import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from stylegen.cli.data import data
from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None
assert _spec.loader is not None
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)
encoded, pattern, write = drawn.encoded, drawn.pattern, drawn.write


def invoke(*words):
    return CliRunner().invoke(data, [str(w) for w in words])


def test_synth_then_build(tmp_path):
    result = invoke("synth", tmp_path / "faces.zip", "--count", 12, "--resolution", 32)
    assert result.exit_code == 0, result.output
    assert "12 faces of 32 px, seed 0" in result.output
    result = invoke("build", tmp_path / "faces.zip", tmp_path / "small.zip", "--resolution", 16)
    assert result.exit_code == 0, result.output
    assert "12 images of 16 px, 6 classes" in result.output
    assert open_images(DataConfig(path=str(tmp_path / "small.zip"), labels=True)).num_classes == 6


def test_skipped_files_are_named(tmp_path):
    (tmp_path / "src").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "src" / "a.png")
    (tmp_path / "src" / "b.png").write_bytes(b"")
    result = invoke("build", tmp_path / "src", tmp_path / "dst.zip", "--resolution", 8)
    assert result.exit_code == 0
    assert "skipped 1:" in result.output
    assert "b.png: " in result.output


def test_overwrite_flag(tmp_path):
    for flags, error in (((), type(None)), ((), InputError), (("--overwrite",), type(None))):
        result = invoke("synth", tmp_path / "a.zip", "--count", 1, *flags)
        assert type(result.exception) is error


@pytest.mark.parametrize(
    "words",
    [
        ("build", "none", "dst.zip"),
        ("build", ".", "dst.zip", "--channels", 7),
        ("build", ".", "dst.zip", "--resolution", -4),
        ("synth", "dst.png"),
        ("synth", "dst.zip", "--count", 0),
        ("synth", "none/dst.zip"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    result = invoke(*words)
    assert isinstance(result.exception, InputError)
    assert "\n" not in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def faulty(tmp_path):
    files = {f"{i}.png": encoded(pattern(i)) for i in range(8)}
    return write(tmp_path / "set", files | {"copy.png": files["0.png"], "x.png": b""})


def test_unknown_filter_is_a_usage_error():
    assert invoke("build", "a", "b.zip", "--filter", "nearest").exit_code == 2


def test_help_needs_no_torch():
    code = (
        "import sys; from stylegen.cli.data import data\n"
        "data(['build', '--help'], standalone_mode=False)\n"
        "assert not {'torch', 'PIL', 'numpy'} & set(sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "--resolution" in result.stdout


def test_check_tells_what_it_finds(faulty, tmp_path):
    files = (tmp_path / "r.json", tmp_path / "s.png")
    result = invoke("check", faulty, "--json", files[0], "--sheet", files[1])
    assert result.exit_code == 1, result.output
    assert "set: 10 image files, 9 can be read" in result.output
    assert "broken: 1\n  x.png: not a png" in result.output
    assert "exact duplicates: 1\n  0.png = copy.png\n" in result.output
    assert json.loads(files[0].read_text())["usable"] == 9
    with Image.open(files[1]) as sheet:
        assert sheet.width > 1000
        assert len(sheet.getcolors(sheet.width * sheet.height)) > 1000
    before = files[0].read_bytes()
    result = invoke("check", faulty, "--json", files[0])
    assert isinstance(result.exception, InputError)
    assert files[0].read_bytes() == before


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--json", "none/r.json"), "does not exist"),
        (("--json", "set"), "--overwrite"),
        (("--json", "set", "--overwrite"), "is a folder"),
        (("--sheet", "none/s.png"), "does not exist"),
        (("--sheet", "s.xyz"), "should end in one of"),
        (("--fix", "none/copy"), "does not exist"),
        (("--fix", "none/copy.zip"), "does not exist"),
        (("--fix", "set"), "exists already"),
        (("--fix", "copy", "--channels", 7), "not 7"),
    ],
)
def test_check_refuses_at_once_what_it_cannot_write(faulty, tmp_path, monkeypatch, words, text):
    def read(*_):
        raise AssertionError("images were read")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("stylegen.data.checking.check", read)
    result = invoke("check", "set", *words)
    assert isinstance(result.exception, InputError)
    assert text in str(result.exception)


def test_check_mends_and_what_it_mended_is_clean(faulty, tmp_path):
    result = invoke("check", faulty, "--fix", tmp_path / "copy.zip", "--resolution", "24x16")
    assert result.exit_code == 1, result.output
    assert "8 images of 3 channels, 8 of them converted, 2 files left out" in result.output
    result = invoke("check", tmp_path / "copy.zip")
    assert result.exit_code == 0, result.output
    assert "nothing found" in result.output
    result = invoke("check", faulty, "--fix", tmp_path / "copy.zip")
    assert isinstance(result.exception, InputError)


def test_check_of_nothing(tmp_path):
    result = invoke("check", tmp_path / "none")
    assert isinstance(result.exception, InputError)


def test_rectangles(tmp_path):
    write(tmp_path / "set", {"a.png": encoded(pattern(1, 40, 30))})
    result = invoke("build", tmp_path / "set", tmp_path / "a.zip", "--resolution", "12x8")
    assert "1 images of 12x8 px" in result.output
    result = invoke("build", tmp_path / "set", tmp_path / "b.zip", "--resolution", "12by8")
    assert "wanted pixels such as 64, or width x height such as 96x64" in str(result.exception)
