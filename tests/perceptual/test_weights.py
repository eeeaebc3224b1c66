"""Weights files: only tensors are read, and each fault gives one clear sentence."""

import hashlib
import io
import pickle
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import torch

from stylegen.errors import InputError
from stylegen.files import cache_folder
from stylegen.perceptual import inception, weights


def test_a_truncated_download_is_named_as_such(shared: Path) -> None:
    path = shared / "data/weights/inception_truncated.pth"
    with pytest.raises(InputError, match="cut off after 818,371 of 95,628,359 bytes"):
        weights.load_tensors(path, full_bytes=inception.FULL_BYTES)


def test_a_truncated_file_of_our_own(tmp_path: Path) -> None:
    whole = io.BytesIO()
    torch.save({"x": torch.zeros(1000)}, whole)
    path = tmp_path / "cut.pth"
    path.write_bytes(whole.getvalue()[:-500])
    with pytest.raises(InputError, match="is cut off"):
        weights.load_tensors(path)


class Malicious:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("plain", [False, True])
def test_code_in_a_pickle_never_runs(tmp_path: Path, plain: bool) -> None:
    path, trace = tmp_path / "bad.pth", tmp_path / "trace"
    if plain:
        path.write_bytes(pickle.dumps({"x": Malicious(trace)}))
    else:
        torch.save({"x": Malicious(trace)}, path)
    with pytest.raises(InputError, match="not a readable weights file"):
        weights.load_tensors(path)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize("content", [b"hello, this is no weights file", b"PK\x03\x04", b"\x80"])
def test_other_files(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\."):
        weights.load_tensors(path)


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    for path, said in (
        (tmp_path / "empty.pth", "is empty"),
        (tmp_path / "none.pth", "no weights file at"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(InputError, match=said):
            weights.load_tensors(path)


def test_something_else_than_tensors_by_name(tmp_path: Path) -> None:
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="no plain mapping of names to tensors"):
        weights.load_tensors(tmp_path / "x.pth")


def test_wrong_names_and_shapes_are_listed() -> None:
    layer = torch.nn.Linear(3, 2)
    given = {"weight": torch.zeros(2, 4), "extra": torch.zeros(1)}
    with pytest.raises(
        InputError, match=r"missing: bias; unexpected: extra; of another shape: weight"
    ):
        weights.load_into(layer, given, "the tensors")


def test_the_digest_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 1000)
    assert weights.file_digest(path) == hashlib.sha256(b"abc" * 1000).hexdigest()


def test_the_cache_folder_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STYLEGEN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder() == Path("/x/stylegen")
    monkeypatch.setenv("STYLEGEN_CACHE", "/y")
    assert cache_folder() == Path("/y")


def test_no_inception_weights_and_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", fails)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError) as caught:
        inception.Inception()
    said = str(caught.value)
    assert "no route to host" in said
    assert inception.URL in said
    assert str(tmp_path / "hub/checkpoints" / inception.FILE_NAME) in said
    assert "--inception-weights FILE" in said
    assert not list(tmp_path.rglob("*.pth*"))


def test_a_download_is_checked_and_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: io.BytesIO(b"abc"))
    path = tmp_path / "new" / "file.pth"
    with pytest.raises(OSError, match="another sha256"):
        weights.fetch("https://example.invalid/x", path, "0000")
    assert not list(path.parent.iterdir())
    weights.fetch("https://example.invalid/x", path, "ba7816bf")  # sha256 of abc, FIPS 180-2
    assert path.read_bytes() == b"abc"
    assert list(path.parent.iterdir()) == [path]
