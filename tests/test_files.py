"""Files that a power cut leaves whole, and sizes that people can read."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.files import atomic_path, check_writable, refuse_replacing, size_words


class Recorder:
    """Notes what reaches the disk, and when a name is given."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, fails: dict[int, int] | None = None
    ) -> None:
        self.events: list[tuple[str, Any]] = []
        self.fails = fails or {}
        self._sync, self._replace = os.fsync, os.replace
        monkeypatch.setattr(os, "fsync", self.sync)
        monkeypatch.setattr(os, "replace", self.replace)

    def sync(self, handle: int) -> None:
        self.events.append(("sync", os.fstat(handle).st_ino))
        if number := self.fails.get(len(self.events)):
            raise OSError(number, os.strerror(number))
        self._sync(handle)

    def replace(self, source: Path, target: Path) -> None:
        self.events.append(("replace", os.stat(source).st_size))
        self._replace(source, target)


@pytest.mark.skipif(os.name != "posix", reason="folders cannot be synchronised there")
def test_the_content_is_on_the_disk_before_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Recorder(monkeypatch)
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("12345")
    file, folder = (tmp_path / "a.txt").stat().st_ino, tmp_path.stat().st_ino
    assert seen.events == [("sync", file), ("replace", 5), ("sync", folder)]
    seen.events.clear()
    with atomic_path(tmp_path / "a.txt", durable=False) as temporary:
        temporary.write_text("123")
    assert seen.events == [("replace", 3)]


def test_a_disk_that_refuses_late_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    Recorder(monkeypatch, {1: errno.ENOSPC})
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)), atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_system_that_cannot_say_is_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Recorder(monkeypatch, {1: errno.EINVAL, 3: errno.ENOTSUP})
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new"


def test_writing_is_refused_beforehand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_writable(tmp_path / "a.txt")
    with pytest.raises(InputError, match="does not exist; create it first"):
        check_writable(tmp_path / "none" / "a.txt")
    with pytest.raises(InputError, match="is a folder"):
        check_writable(tmp_path)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not be written"):
        check_writable(tmp_path / "a.txt")


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"), (1, "1 B"), (999, "999 B"), (1000, "1 KB"), (1536, "1.536 KB"),
        (999_999, "1 MB"), (2_500_000, "2.5 MB"), (20e9, "20 GB"), (1.23456e12, "1235 GB"),
    ],
)  # fmt: skip
def test_sizes_in_words(count: float, words: str) -> None:
    assert size_words(count) == words


def test_what_is_read_is_not_replaced_by_whatever_path(tmp_path: Path) -> None:
    photo, other = tmp_path / "photo.png", tmp_path / "other.png"
    photo.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path)
    os.link(photo, tmp_path / "twin.png")
    read = {photo: "one of the photos", tmp_path / "absent.png": "the network"}
    refuse_replacing([other, tmp_path / "absent.png"], read)
    for path in (photo, tmp_path / "link" / "photo.png", tmp_path / "twin.png"):
        with pytest.raises(InputError, match=f"{path.name} is one of the photos; take another"):
            refuse_replacing([other, path], read)


def test_folders_that_will_be_made(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b" / "c.png", parents=True)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file; wanted a folder"):
        check_writable(tmp_path / "file" / "b" / "c.png", parents=True)
    with pytest.raises(InputError, match="does not exist; create it first"):
        check_writable(tmp_path / "a" / "c.png")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
