"""The real images of the steps: which, how many, whose, and what happens to workers."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from stylegen.data import DataConfig, ImageSet, open_images
from stylegen.data.orders import BalancedOrder, EpochOrder
from stylegen.errors import InputError
from stylegen.images import to_uint8
from stylegen.training import feed
from stylegen.training.feed import Feed

CPU = torch.device("cpu")


def all_of(batch: int) -> feed.Plan:
    return lambda position: (batch, None)


@pytest.fixture(params=["memory", "stream"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "stream":
        monkeypatch.setattr(feed, "MEMORY_BYTES", 0)
    return str(request.param)


@pytest.fixture
def images(make_config: Any) -> ImageSet:
    return open_images(make_config(labels=True).data)


def test_batches_are_the_images_in_order(images: ImageSet, way: str) -> None:
    expected = EpochOrder(40, 5).take(8, 18).split(6)
    with Feed(images, all_of(6), 5, 8, CPU) as batches:
        for indices in expected:
            pixels, labels = next(batches)
            assert (pixels.dtype, pixels.shape) == (torch.float32, (6, 3, 16, 16))
            assert torch.equal(to_uint8(pixels), torch.stack([images[i][0] for i in indices]))
            assert torch.equal(labels, images.labels[indices])
        assert batches.position == 26
        assert batches.wait_sec > 0
        assert torch.equal(batches.labels, images.labels)
    with pytest.raises(StopIteration):
        next(batches)


def growing(position: int) -> tuple[int, Tensor | None]:
    """Batches of 4 up to 20 images shown, then of 8."""
    return (4 if position < 20 else 8), None


def test_the_plan_gives_the_batch_and_any_position_can_be_gone_on_from(
    images: ImageSet, way: str
) -> None:
    with Feed(images, growing, 1, 0, CPU) as whole:
        seen = [next(whole)[0] for _ in range(8)]
        assert [len(x) for x in seen] == [4] * 5 + [8] * 3
        assert whole.position == 44
    for start, step in ((8, 2), (20, 5), (36, 7)):
        with Feed(images, growing, 1, start, CPU) as rest:
            assert torch.equal(next(rest)[0], seen[step])


@pytest.mark.parametrize("balanced", [False, True])
def test_processes_take_their_rows_of_the_same_batches(
    images: ImageSet, way: str, balanced: bool
) -> None:
    rows = (torch.tensor([0, 3, 4]), torch.tensor([5, 1, 2]))
    with Feed(images, all_of(6), 2, 0, CPU, balanced) as whole:
        expected = [next(whole) for _ in range(2)]
    for own in rows:
        with Feed(images, lambda _, own=own: (6, own), 2, 0, CPU, balanced) as part:  # type: ignore[misc]
            for pixels, labels in expected:
                mine = next(part)
                assert torch.equal(mine[0], pixels[own])
                assert torch.equal(mine[1], labels[own])
            assert part.position == 12


def test_balanced_batches_follow_their_order(images: ImageSet, way: str) -> None:
    classes = len(images.labels.unique())
    with Feed(images, all_of(classes), 2, 0, CPU, balanced=True) as batches:
        for i in range(3):
            indices = BalancedOrder(images.labels, 2).take(i * classes, classes)
            labels = next(batches)[1]
            assert torch.equal(labels, images.labels[indices])
            assert labels.unique().numel() == classes


def test_an_empty_batch_is_refused(images: ImageSet, way: str) -> None:
    with pytest.raises(ValueError, match="the batch at 0 images is 0; wanted at least 1"):
        next(Feed(images, all_of(0), 0, 0, CPU))


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    for i in range(20):
        Image.new("RGB", (8, 8), (i, 0, 0)).save(tmp_path / f"{i:02d}.png")
    for i in (3, 11):
        (tmp_path / f"{i:02d}.png").write_bytes(b"not an image")
    return tmp_path


def test_broken_files_are_known_in_this_process(
    damaged: Path, way: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Feed(
        open_images(DataConfig(path=str(damaged), resolution=8)), all_of(10), 0, 0, CPU
    ) as batches:
        red = [to_uint8(next(batches)[0])[:, 0, 0, 0].tolist() for _ in range(2)]
        assert [name for name, _ in batches.skipped] == ["03.png", "11.png"]
        assert all("not a png" in reason for _, reason in batches.skipped)
    shown = red[0] + red[1]
    assert not {3, 11} & set(shown)
    if way == "stream":  # the next one stands in
        order = EpochOrder(20, 0).take(0, 20).tolist()
        assert shown == [{3: 4, 11: 12}.get(i, i) for i in order]
        assert sum("took the next image" in r.message for r in caplog.records) == 2


def test_images_that_vanish_end_the_stream_in_one_sentence(
    damaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MEMORY_BYTES", 0)
    images = open_images(DataConfig(path=str(damaged), resolution=8))
    for file in damaged.iterdir():
        file.unlink()
    batches = Feed(images, all_of(4), 0, 0, CPU)
    with pytest.raises(InputError, match="is it still there") as caught:
        next(batches)
    assert "\n" not in str(caught.value)
    assert len(batches.skipped) == 20
    assert not multiprocessing.active_children()


def test_the_stream_draws_no_random_numbers_of_the_run(images: ImageSet, way: str) -> None:
    before = torch.get_rng_state()
    with Feed(images, all_of(4), 0, 0, CPU) as batches:
        next(batches)
    assert torch.equal(torch.get_rng_state(), before)


def test_closing_ends_the_workers(images: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "MEMORY_BYTES", 0)
    batches = Feed(images, all_of(4), 0, 0, CPU)
    next(batches)
    assert multiprocessing.active_children()
    batches.close()
    batches.close()
    assert not multiprocessing.active_children()


SCRIPT = """
import multiprocessing, signal, sys, torch
from stylegen.data import DataConfig, open_images
from stylegen.training import feed
if __name__ == "__main__":
    multiprocessing.set_start_method(sys.argv[2])
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it
    feed.MEMORY_BYTES = 0
    images = open_images(DataConfig(path=sys.argv[1]))
    batches = feed.Feed(images, lambda p: (8, None), 0, 0, torch.device("cpu"))
    next(batches)
    print(*(p.pid for p in multiprocessing.active_children()), flush=True)
    while True:
        next(batches)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
@pytest.mark.parametrize(
    ("number", "start"),
    [(signal.SIGINT, "fork"), (signal.SIGKILL, "fork"), (signal.SIGKILL, "forkserver")],
)
def test_no_worker_outlives_its_process(faces: Path, number: signal.Signals, start: str) -> None:
    """A fork server, Python's usual way from 3.14 on, is the parent of the workers in its place."""
    command = [sys.executable, "-c", SCRIPT, str(faces), start]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    pids = [process.pid]
    try:
        assert process.stdout is not None
        pids += [int(word) for word in process.stdout.readline().split()]
        assert len(pids) > 1
        process.send_signal(number)
        end = time.monotonic() + 20
        while (process.poll() is None or any(map(is_alive, pids))) and time.monotonic() < end:
            time.sleep(0.1)
        left = [pid for pid in pids if is_alive(pid)]
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
        process.communicate()
    assert not left


@pytest.mark.gpu
def test_batches_arrive_on_a_gpu(images: ImageSet, way: str) -> None:
    device = torch.device("cuda")
    with (
        Feed(images, all_of(6), 5, 0, CPU) as here,
        Feed(images, all_of(6), 5, 0, device) as there,
    ):
        for _ in range(12):
            expected, got = next(here), next(there)
            assert all(x.device.type == "cuda" for x in got)
            assert all(torch.equal(x, y.cpu()) for x, y in zip(expected, got, strict=True))
