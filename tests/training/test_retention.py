"""Which snapshots stay, and what a full disk does."""

import errno
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from stylegen.checkpoints import write_tensors
from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.training.retention import (
    Retention,
    is_disk_full,
    other_bytes,
    partial_files,
    remove_partial_files,
    try_write,
)


def paths(*numbers: int) -> list[Path]:
    return [Path(f"snapshot-{n:06d}.safetensors") for n in numbers]


def sized(*numbers: int, gb: float = 1.0) -> list[tuple[Path, int]]:
    return [(p, int(gb * 1e9)) for p in paths(*numbers)]


@pytest.mark.parametrize(
    ("retention", "best", "gone"),
    [
        (Retention(), None, ()),
        (Retention(keep_last=2), None, (0, 1, 2, 3)),
        (Retention(keep_last=2), 1, (0, 2, 3)),
        (Retention(keep_last=2), 5, (0, 1, 2, 3)),
        (Retention(keep_last=2), 99, (0, 1, 2, 3)),
        (Retention(keep_last=2, keep_best=False), 1, (0, 1, 2, 3)),
        (Retention(keep_last=9), 1, ()),
        (Retention(quota_gb=3.0), None, (0, 1, 2)),
        (Retention(quota_gb=3.0), 1, (0, 2, 3)),
        (Retention(quota_gb=3.999), 0, (1, 2, 3)),
        (Retention(keep_last=4, quota_gb=3.0), 0, (1, 2, 3)),
        (Retention(keep_last=4, quota_gb=100.0), 0, (1,)),
        (Retention(quota_gb=0.5), 2, (0, 1, 3, 4)),
        (Retention(quota_gb=0.5, keep_best=False), 2, (0, 1, 2, 3, 4)),
    ],
)
def test_what_goes_of_six(retention: Retention, best: int | None, gone: tuple[int, ...]) -> None:
    best_path = None if best is None else paths(best)[0]
    assert retention.plan(sized(0, 1, 2, 3, 4, 5), best_path) == paths(*gone)


def test_sizes_and_reserves_count() -> None:
    snapshots = [*sized(0, gb=5.0), *sized(1, 2, gb=1.0)]
    assert Retention(quota_gb=7.0).plan(snapshots, None) == []
    assert Retention(quota_gb=7.0).plan(snapshots, None, 1_000_000) == paths(0)
    assert Retention(quota_gb=2.5).plan(snapshots, None, 1_000_000_000) == paths(0, 1)
    assert Retention(quota_gb=2.5).plan([], None) == []


def test_poor_settings() -> None:
    with pytest.raises(InputError, match="keep_last is 0"):
        Retention(keep_last=0)
    for quota in (0.0, -1.0, float("nan")):
        with pytest.raises(InputError, match="quota_gb is"):
            Retention(quota_gb=quota)


def test_whether_there_is_room(tmp_path: Path) -> None:
    own = [snapshot(tmp_path / p.name) for p in paths(0, 1, 2)]
    one = own[0].stat().st_size + own[0].with_suffix(".json").stat().st_size
    tight = Retention(quota_gb=(2 * one + 10) / 1e9)
    assert tight.has_room(own, own[0], 10)
    assert not tight.has_room(own, own[0], 11)
    assert tight.has_room(own, None, one + 10)  # the newest alone has to stay
    assert tight.has_room(own, own[2], one + 10)
    assert Retention().has_room(own, own[0], 10**15)


def snapshot(path: Path, kind: str = "stylegen snapshot") -> Path:
    write_tensors(path, {"a": torch.zeros(250)}, {"kind": kind})
    return path


def test_only_the_runs_own_files_go(tmp_path: Path) -> None:
    own = [snapshot(tmp_path / p.name) for p in paths(0, 10, 20, 30)]
    own.insert(1, snapshot(tmp_path / "snapshot-000004.500.safetensors"))
    renamed = snapshot(tmp_path / "snapshot-nice.safetensors")
    state = snapshot(tmp_path / "snapshot-000001.safetensors", kind="stylegen training state")
    text = tmp_path / "snapshot-000002.safetensors"
    text.write_text("my notes")
    elsewhere = snapshot(tmp_path.with_name(tmp_path.name + "-other.safetensors"))
    link = tmp_path / "snapshot-000003.safetensors"
    link.symlink_to(elsewhere)
    (tmp_path / "snapshot-000005.safetensors").mkdir()
    others = [renamed, state, text, link, tmp_path / "snapshot-000005.safetensors"]
    (tmp_path / "fakes000000.png").write_text("")
    gone = Retention(keep_last=2).prune([*own, *others], own[0])
    # the newest of the six snapshots given is 30; the others do not count
    assert gone == [own[1], own[2]]
    for path in (own[0], own[3], own[4], *others, elsewhere, tmp_path / "fakes000000.png"):
        assert path.exists(), path
    for path in own:
        assert path.with_suffix(".json").exists() == path.exists()


def test_the_quota_counts_sidecars(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    own = [snapshot(tmp_path / p.name) for p in paths(0, 1)]
    one = own[0].stat().st_size + own[0].with_suffix(".json").stat().st_size
    assert Retention(quota_gb=2 * one / 1e9).prune(own, None) == []
    assert Retention(quota_gb=(2 * one - 1) / 1e9).prune(own, None) == [own[0]]
    assert not caplog.records
    assert Retention(quota_gb=(one - 1) / 1e9).prune(own[1:], None) == []
    sizes = f"takes {one / 1e3:.4g} KB, more than the quota of {(one - 1) / 1e3:.4g} KB"
    assert sizes in caplog.text
    caplog.clear()
    assert Retention(quota_gb=1e-9).prune(own[1:], None) == []
    assert "more than the quota of 1 B" in caplog.text


def test_grids_go_with_their_snapshots_where_there_is_a_quota(tmp_path: Path) -> None:
    own = [snapshot(tmp_path / p.name) for p in paths(0, 1)]
    grids = [tmp_path / f"fakes{n:06d}.png" for n in (0, 1, 7)]
    for grid in grids:
        grid.write_bytes(bytes(5000))
    (tmp_path / "notes").write_text("nine byte")
    (tmp_path / "fakes.png").write_text("")
    assert other_bytes(tmp_path, own) == 9 + 5000
    Retention().prune_grids(tmp_path)
    assert grids[2].exists()
    one = own[0].stat().st_size + own[0].with_suffix(".json").stat().st_size
    quota = Retention(quota_gb=(2 * one + 5000) / 1e9)
    quota.prune_grids(tmp_path)
    assert [g.exists() for g in grids] == [True, True, False]
    assert quota.prune(own, None) == [own[0]]
    assert [g.exists() for g in grids] == [False, True, False]
    assert (tmp_path / "fakes.png").exists()


def test_what_cannot_be_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = [snapshot(tmp_path / p.name) for p in paths(0, 1)]

    def refuse(path: Path) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "unlink", refuse)
    assert Retention(keep_last=1).prune(own, None) == []
    assert "snapshot-000000.safetensors cannot be deleted" in caplog.text


def full(number: int) -> Callable[[], None]:
    def action() -> None:
        raise OSError(number, os.strerror(number))

    return action


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_told_once(number: int, caplog: pytest.LogCaptureFixture) -> None:
    assert not try_write(full(number), "snapshot-000020.safetensors", "snapshot-000010.safetensors")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert "snapshot-000020.safetensors is not written" in message
    assert "snapshot-000010.safetensors is kept" in message


def test_other_errors_are_not_a_full_disk() -> None:
    for number in (errno.EACCES, errno.EIO, errno.EROFS):
        with pytest.raises(OSError, match=os.strerror(number)):
            try_write(full(number), "it")
    with pytest.raises(InputError):
        try_write(lambda: Retention(keep_last=0), "it")
    assert try_write(lambda: None, "it")


def test_full_disks_behind_other_errors() -> None:
    def wrapped() -> None:
        try:
            full(errno.ENOSPC)()
        except OSError as error:
            raise RuntimeError("no") from error

    assert not try_write(wrapped, "it")
    assert is_disk_full(OSError("Error while serializing: No space left (os error 28)"))
    assert not is_disk_full(OSError("Error while serializing: Permission denied (os error 13)"))
    hidden = OSError(errno.EACCES, "")
    hidden.__context__, hidden.__suppress_context__ = OSError(errno.ENOSPC, ""), True
    assert not is_disk_full(hidden)


def test_partial_files_go_and_the_old_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "snapshot-000010.safetensors"
    target.write_text("old")
    other = tmp_path / ".0123456789ab.safetensors.part"
    other.write_text("of another write")

    def half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("ne")
            (tmp_path / ".aaaaaaaaaaaa.part").write_text("left behind")
            raise OSError(errno.ENOSPC, "full")

    assert not try_write(half, "it", folder=tmp_path)
    assert target.read_text() == "old"
    assert partial_files(tmp_path) == {other}
    (tmp_path / ".hidden.part").write_text("")
    assert remove_partial_files(tmp_path) == [other]
    assert {p.name for p in tmp_path.iterdir()} == {target.name, ".hidden.part"}


LIMITED = """
import resource, sys
from pathlib import Path
import torch
from stylegen.checkpoints import write_tensors
from stylegen.training.retention import try_write

path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
big = {"a": torch.zeros(250_000)}
print(try_write(lambda: write_tensors(path, big, {}), "the snapshot", "the old one", path.parent))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files there")
def test_the_system_refuses_to_write_on(tmp_path: Path) -> None:
    """The process may write files of 64 KiB; one of 1 MB must leave the older one whole."""
    path = tmp_path / "snapshot-000010.safetensors"
    write_tensors(path, {"a": torch.zeros(10)}, {"kind": "old"})
    before = path.read_bytes()
    command = [sys.executable, "-c", LIMITED, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "the snapshot is not written; the old one is kept" in done.stderr
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} == {path.name, "snapshot-000010.json"}
