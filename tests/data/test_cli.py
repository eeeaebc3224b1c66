import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from stylegen.cli.data import data
from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError


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
