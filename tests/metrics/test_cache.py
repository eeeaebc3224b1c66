"""The cache: computed once for one origin, anew for any other, and never what was damaged."""

import itertools
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.data import DataConfig, open_images, write_synth
from stylegen.data.cachefolder import LIMIT_NAME, data_cache
from stylegen.metrics.cache import (
    Origin,
    cached,
    digest_of,
    moments_of_tensors,
    moments_to_tensors,
)
from stylegen.metrics.moments import Moments


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(LIMIT_NAME, raising=False)
    return data_cache()


class Computing:
    """Gives another number each time it is asked."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> dict[str, Tensor]:
        self.times += 1
        return {"x": torch.full((3, 4), float(self.times), dtype=torch.float64)}


KEYS = ("features", "data", "protocol", "weights")


def test_one_origin_is_computed_once(folder: Path) -> None:
    compute = Computing()
    first = cached(*KEYS, compute)
    again = cached(*KEYS, compute)
    assert compute.times == 1
    assert torch.equal(first["x"], again["x"])
    assert again["x"].dtype == torch.float64
    (path,) = folder.iterdir()
    assert path.name.startswith("features-")


@pytest.mark.parametrize("changed", range(4))
def test_any_other_origin_is_computed_anew(changed: int) -> None:
    compute = Computing()
    cached(*KEYS, compute)
    other: Any = [*KEYS]
    other[changed] += "2"
    assert float(cached(*other, compute)["x"][0, 0]) == 2
    assert float(cached(*KEYS, compute)["x"][0, 0]) == 1
    assert compute.times == 2


def test_parts_do_not_run_together() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("abc", "-")]
    keys = {Origin(kind="k", data=a, protocol=b, weights="w").key for a, b in pairs}
    assert len(keys) == 3
    digests = [digest_of("ab", "c"), digest_of("a", "bc"), digest_of("abc"), digest_of(["ab", "c"])]
    assert len(set(digests)) == 4
    with pytest.raises(ValueError, match="digest of data is empty"):
        cached("k", "", "p", "w", Computing())


def test_a_changed_set_of_the_same_name_gives_no_old_number(tmp_path: Path) -> None:
    """Also where a file keeps its name, its size and its time of change."""
    path, compute = tmp_path / "set", Computing()
    write_synth(tmp_path / "set.zip", count=3, resolution=16)
    shutil.unpack_archive(tmp_path / "set.zip", path)
    file = sorted(path.rglob("*.png"))[0]
    at, size = file.stat(), file.stat().st_size

    def value() -> float:
        digest = open_images(DataConfig(path=str(path))).digest
        return float(cached("features", digest, "p", "w", compute)["x"][0, 0])

    assert [value(), value()] == [1, 1]
    content = bytearray(file.read_bytes())
    content[-1] ^= 1  # of the end's checksum: the picture still decodes
    file.write_bytes(content)
    os.utime(file, ns=(at.st_atime_ns, at.st_mtime_ns))
    assert file.stat().st_size == size
    assert value() == 2


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text"])
def test_a_damaged_file_is_computed_anew(
    folder: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    compute = Computing()
    cached(*KEYS, compute)
    (path,) = folder.iterdir()
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(
        {"flip": bytes(content), "cut": bytes(content[:-8]), "empty": b"", "text": b"x" * 99}[
            damage
        ]
    )
    with caplog.at_level(logging.WARNING):
        assert float(cached(*KEYS, compute)["x"][0, 0]) == 2
    assert "computed anew" in caplog.text
    assert float(cached(*KEYS, compute)["x"][0, 0]) == 2


def test_a_renamed_file_is_not_taken_for_another(folder: Path) -> None:
    compute = Computing()
    cached(*KEYS, compute)
    (first,) = folder.iterdir()
    content = first.read_bytes()
    cached("features", "other", "protocol", "weights", compute)
    (second,) = set(folder.iterdir()) - {first}
    second.write_bytes(content)
    found = cached("features", "other", "protocol", "weights", compute)
    assert float(found["x"][0, 0]) == 3


def test_what_fails_is_not_kept(folder: Path) -> None:
    def fail() -> dict[str, Tensor]:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError, match="no"):
        cached(*KEYS, fail)
    assert not folder.exists() or not list(folder.iterdir())
    assert float(cached(*KEYS, Computing())["x"][0, 0]) == 1


def test_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LIMIT_NAME, "0")
    compute = Computing()
    for _ in range(2):
        cached(*KEYS, compute)
    assert compute.times == 2
    monkeypatch.setenv(LIMIT_NAME, "0.001")  # a megabyte: two of these, and not three

    def large(value: float) -> dict[str, Tensor]:
        return {"x": torch.full((50_000,), value, dtype=torch.float64)}

    clock = itertools.count(1)
    for i in (1, 2, 3):
        cached("features", f"set {i}", "p", "w", lambda i=i: large(i))  # type: ignore[misc]
        for path in folder.iterdir():
            if path.stat().st_mtime > 1e6:
                os.utime(path, (next(clock),) * 2)
    assert sum(p.stat().st_size for p in folder.iterdir()) < 1e6
    assert len(list(folder.iterdir())) == 2
    for i in (3, 2):
        kept = cached("features", f"set {i}", "p", "w", lambda: large(-1))
        assert float(kept["x"][0]) == i


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert float(cached(*KEYS, Computing())["x"][0, 0]) == 1
    assert "is not kept" in caplog.text


def test_moments_come_back() -> None:
    x = torch.randn(20, 5, generator=torch.Generator().manual_seed(0))
    moments = Moments.of(x)
    found = moments_of_tensors(
        cached("moments", "d", "p", "w", lambda: moments_to_tensors(moments))
    )
    assert found.count == 20
    assert torch.equal(found.mean, moments.mean)
    assert torch.equal(found.covariance, moments.covariance)
