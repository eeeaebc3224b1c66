"""Decoded sets that are kept between runs, and everything that may go wrong with them."""

import json
import logging
import multiprocessing
import os
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.data import DataConfig, cachefolder, decoded, digests, load_decoded, open_images
from stylegen.data.cachefolder import make_room
from stylegen.errors import InputError

RNG = np.random.RandomState(0)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of the test's own, in which everything is worth keeping."""
    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(cachefolder.LIMIT_NAME, raising=False)
    monkeypatch.setattr(decoded, "WORTH_SEC", 0.0)
    monkeypatch.setattr(digests, "WORTH_SEC", 0.0)
    return tmp_path / "cache" / "data"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "set").mkdir()
    for i in range(6):
        pixels = RNG.randint(0, 256, (8, 12, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "set" / f"{i}.png")
    return tmp_path / "set"


def opened(path, **options):
    return open_images(DataConfig(path=str(path), **options))


def loaded(path, **options):
    """The set's pixels, and whether any file was decoded for them."""
    images, calls = opened(path, **options), []
    pixels, labels = load_decoded(images, lambda *a: calls.append(a))
    assert len(pixels) == len(labels) == len(images)
    return pixels, bool(calls)


def entries(cache, suffix):
    return sorted(cache.glob(f"*{suffix}"))


def test_the_second_run_decodes_nothing(folder, cache):
    expected, _ = opened(folder).load_all()
    first, second = loaded(folder), loaded(folder)
    assert (first[1], second[1]) == (True, False)
    assert expected.shape == (6, 3, 8, 12)
    assert torch.equal(first[0], expected)
    assert torch.equal(second[0], expected)
    (file,) = entries(cache, ".u8")
    assert np.array_equal(np.fromfile(file, np.uint8), expected.numpy().ravel())
    assert not entries(cache, ".lock")


def test_writing_to_the_pixels_changes_no_file(folder):
    expected, _ = loaded(folder)
    expected = expected.clone()
    loaded(folder)[0].zero_()
    assert torch.equal(loaded(folder)[0], expected)


@pytest.mark.parametrize(
    "options",
    [{"resolution": 8}, {"resolution": (6, 4)}, {"channels": 4}, {"channels": 1},
     {"background": "black"}, {"filter": "box", "resolution": 8}],
)  # fmt: skip
def test_what_changes_pixels_is_kept_apart(folder, options):
    loaded(folder, **({"resolution": 8} if "filter" in options else {}))
    assert loaded(folder, **options)[1]
    assert not loaded(folder, **options)[1]


def test_labels_and_mirroring_share_the_pixels(folder):
    loaded(folder)
    assert not loaded(folder, xflip=True)[1]


def test_a_changed_file_is_seen(folder):
    before, _ = loaded(folder)
    Image.new("RGB", (12, 8), "red").save(folder / "3.png")
    after, anew = loaded(folder)
    assert anew
    assert after[3, :, 0, 0].tolist() == [255, 0, 0]
    assert torch.equal(before[:3], after[:3])


def test_broken_files_stay_known(folder, caplog):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:90])
    settle(folder)
    loaded(folder)
    images = opened(folder)
    pixels, _ = load_decoded(images, lambda *_: pytest.fail("decoded again"))
    assert len(pixels) == len(images) == 5
    assert [name for name, _ in images.skipped] == ["2.png"]
    assert "2.png" not in images.names


def settle(path):
    """Date everything back, so that it does not look as if it were being written."""
    for file in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(file, (1e9, 1e9))


@pytest.fixture(autouse=True)
def _no_time_of_change(monkeypatch):
    """Leave out ctime, which no program can set, for tests that date files back."""
    real = os.stat

    class Dated:
        def __init__(self, path):
            at = real(path)
            self.st_size, self.st_ino, self.st_mode = at.st_size, at.st_ino, at.st_mode
            self.st_mtime_ns = self.st_ctime_ns = at.st_mtime_ns

    class FakeOs:
        stat = staticmethod(Dated)

        def __getattr__(self, name):
            return getattr(os, name)

    from stylegen.data import sources

    monkeypatch.setattr(sources, "os", FakeOs())


def test_a_zip_that_was_copied_again_is_read_again(folder, tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in sorted(os.listdir(folder)):
            file.write(folder / name, name)
    whole = path.read_bytes()
    at = whole.index(b"IDAT", whole.index(b"2.png"))
    path.write_bytes(whole[: at + 8] + b"\0\0\0\0" + whole[at + 12 :])
    settle(path)
    assert len(loaded(path)[0]) == 5
    assert not loaded(path)[1]
    path.write_bytes(whole)  # the directory is the same: sizes and checksums
    pixels, anew = loaded(path)
    assert anew
    assert len(pixels) == 6


@pytest.mark.parametrize("part", [".u8", ".json"])
@pytest.mark.parametrize("how", ["cut", "flip", "empty", "gone"])
def test_a_damaged_cache_is_made_anew(folder, cache, part, how, caplog):
    expected, _ = loaded(folder)
    expected = expected.clone()
    (file,) = entries(cache, part)
    content = file.read_bytes()
    flipped = bytes([content[0] ^ 1]) + content[1:]
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes({"cut": content[:-3], "flip": flipped, "empty": b""}[how])
    pixels, anew = loaded(folder)
    assert anew
    assert torch.equal(pixels, expected)
    assert ("damaged" in caplog.text) == (how != "gone")
    assert not loaded(folder)[1]


def test_metadata_of_another_shape(folder, cache):
    loaded(folder)
    (file,) = entries(cache, ".json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "shape": [6, 3, 12, 8]}))
    assert loaded(folder)[1]


@pytest.mark.parametrize("way", ["file", "refused", "full"])
def test_a_cache_that_cannot_be_written_costs_nothing_but_a_line(
    folder, cache, way, monkeypatch, caplog
):
    if way == "file":
        cache.parent.write_text("in the way")
    else:

        def fail(*_):
            raise OSError(28 if way == "full" else 13, "No space left on device")

        monkeypatch.setattr(decoded, "_facts", fail)
    with caplog.at_level(logging.WARNING):
        pixels, _ = loaded(folder)
    assert torch.equal(pixels, opened(folder).load_all()[0])
    assert sum("is not kept decoded" in r.message for r in caplog.records) == 1
    if way != "file":
        assert not [p for p in cache.iterdir() if p.suffix == ".part"]
        assert loaded(folder)[1]


def test_what_is_decoded_at_once_is_not_kept(folder, cache, monkeypatch):
    monkeypatch.setattr(decoded, "WORTH_SEC", 1e6)
    loaded(folder)
    assert not entries(cache, ".u8")


def test_the_limit(folder, cache, monkeypatch, caplog):
    monkeypatch.setenv(cachefolder.LIMIT_NAME, "0")
    loaded(folder)
    assert not cache.exists()
    monkeypatch.setenv(cachefolder.LIMIT_NAME, "1e-7")  # 100 bytes
    loaded(folder)
    assert not entries(cache, ".u8")
    for wrong in ("much", "-1", "nan"):
        monkeypatch.setenv(cachefolder.LIMIT_NAME, wrong)
        with pytest.raises(InputError, match=r"STYLEGEN_DATA_CACHE_GB is .*; wanted a number"):
            loaded(folder)


def test_the_longest_unused_goes_first(tmp_path, monkeypatch):
    monkeypatch.setenv(cachefolder.LIMIT_NAME, "1e-6")  # 1000 bytes
    for i, name in enumerate("abcd"):
        (tmp_path / name).write_bytes(bytes(250))
        os.utime(tmp_path / name, (1e9 + 10 * i, 1e9 + 10 * i))
    cachefolder.mark_used(tmp_path / "a")
    assert make_room(tmp_path, 400)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a", "d"]
    assert not make_room(tmp_path, 1001)
    assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == ["a", "d"]


def test_what_dead_processes_left_goes_after_a_day(tmp_path):
    for name, age in (("old.part", 0), ("new.part", None)):
        (tmp_path / name).write_bytes(b"x")
        if age is not None:
            os.utime(tmp_path / name, (age, age))
    make_room(tmp_path, 1)
    assert [p.name for p in tmp_path.iterdir() if p.is_file()] == ["new.part"]


def _load(path, results):
    decoded.WORTH_SEC, decoded._LOCKED_FROM = 0.0, 1
    pixels, anew = loaded(path)
    results.put((int(pixels.sum()), anew))


def test_processes_at_once(folder, cache):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [context.Process(target=_load, args=(folder, results)) for _ in range(4)]
    for worker in workers:
        worker.start()
    got = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert {total for total, _ in got} == {int(opened(folder).load_all()[0].sum())}
    assert sum(anew for _, anew in got) == 1  # the others waited for it
    assert not entries(cache, ".lock")


def test_digests_are_remembered_until_a_file_changes(folder, cache, monkeypatch):
    settle(folder)
    first = opened(folder).digest
    assert len(entries(cache, ".digest")) == 1
    monkeypatch.setattr(
        "stylegen.data.sources.FolderSource.digest", lambda _: pytest.fail("read again")
    )
    assert opened(folder).digest == first
    monkeypatch.undo()
    monkeypatch.setenv("STYLEGEN_CACHE", str(cache.parent))
    shutil.copy(folder / "0.png", folder / "1.png")
    assert opened(folder).digest != first


def test_digests_of_files_just_written_are_not_remembered(folder, cache):
    assert opened(folder).digest
    assert not entries(cache, ".digest")
