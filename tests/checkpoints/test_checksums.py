"""The checksum within a checkpoint: what it covers, and what it does not depend on."""

import hashlib
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from stylegen.checkpoints.checksums import CHECKSUM, checksum, verify_checksum
from stylegen.errors import InputError

TENSORS = {
    "b": torch.arange(6, dtype=torch.float32).view(2, 3),
    "a": torch.tensor(7, dtype=torch.int64),
    "half": torch.ones(3, dtype=torch.bfloat16),
    "empty": torch.zeros(0, 4),
    "flags": torch.tensor([True, False]),
}


def save(path: Path, tensors: dict[str, Tensor], header: str = "{}") -> Path:
    digest = checksum(tensors, tensors.__getitem__, header)
    save_file(tensors, path, metadata={"stylegen": header, CHECKSUM: digest})
    return path


def test_the_digest_is_sha256_of_contents() -> None:
    values = b"\x02\x00\x00\x00\x00\x00\x00\x00{}"  # the header, its length before it
    name = b"x torch.uint8 (2,)"
    values += len(name).to_bytes(8, "little") + name + b"\x05\x06"
    x = torch.tensor([5, 6], dtype=torch.uint8)
    assert checksum(["x"], {"x": x}.__getitem__, "{}") == hashlib.sha256(values).hexdigest()


def test_what_was_written_is_verified(tmp_path: Path) -> None:
    assert verify_checksum(save(tmp_path / "a.safetensors", TENSORS))


def test_it_goes_where_the_file_goes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", TENSORS)
    moved = path.rename(tmp_path / "renamed.safetensors")
    assert verify_checksum(moved)
    with safe_open(moved, framework="pt") as file:
        metadata = file.metadata()
    tensors = dict(reversed(load_file(moved).items()))
    save_file({k: t.clone() for k, t in tensors.items()}, moved, metadata=metadata)
    assert verify_checksum(moved)  # written anew by another program, with its metadata


def test_transposed_views_count_by_value() -> None:
    b = TENSORS["b"]
    same = {"b": b.t().contiguous().t()}
    assert checksum(same, same.__getitem__, "") == checksum(["b"], TENSORS.__getitem__, "")


def test_files_without_one(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"stylegen": "{}"})
    assert verify_checksum(tmp_path / "a.safetensors") is False
    save_file(TENSORS, tmp_path / "a.safetensors")
    assert verify_checksum(tmp_path / "a.safetensors") is False


@pytest.mark.parametrize("where", [0.02, 0.3, 0.5, 0.7, 0.9, 0.999])
def test_any_byte_that_changes_is_seen(tmp_path: Path, where: float) -> None:
    path = save(tmp_path / "a.safetensors", TENSORS, '{"kind": "snapshot", "kimg": 20}')
    data = bytearray(path.read_bytes())
    data[int(where * len(data))] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged|not a whole"):
        verify_checksum(path)


@pytest.mark.parametrize(
    "changes",
    [{"b": TENSORS["b"].view(3, 2)}, {"a": TENSORS["a"].to(torch.float64)}, {"c": torch.ones(1)}],
)
def test_shapes_types_and_names_count(tmp_path: Path, changes: dict[str, Tensor]) -> None:
    path = save(tmp_path / "a.safetensors", TENSORS)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    save_file({**TENSORS, **changes}, path, metadata=metadata)
    with pytest.raises(InputError, match="do not match its checksum"):
        verify_checksum(path)


def test_the_header_counts(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", TENSORS)
    with safe_open(path, framework="pt") as file:
        metadata = {**file.metadata(), "stylegen": '{"kimg": 1}'}
    save_file(TENSORS, path, metadata=metadata)
    with pytest.raises(InputError, match="damaged"):
        verify_checksum(path)


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    path = save(tmp_path / "a.safetensors", TENSORS)
    path.write_bytes(path.read_bytes()[:-3])
    for bad in (path, tmp_path / "missing.safetensors"):
        with pytest.raises(InputError, match="cannot be read"):
            verify_checksum(bad)
