"""One process at a time in a run's folder, and where there are no locks."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.checkpoints import read_header, read_tensors
from stylegen.data import open_images
from stylegen.errors import InputError
from stylegen.training import loop, resume, train
from stylegen.training.claiming import claimed
from stylegen.training.folder import RunFolder
from stylegen.training.world import World

ALONE = World(device=torch.device("cpu"))


def test_a_run_is_claimed_before_its_state_is_read(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = train(make_config(kimg=0.008), tmp_path).folder
    asked: list[str] = []

    def slowly(config: Any) -> Any:
        with pytest.raises(InputError, match=r"another process is training in .*00000-run; stop"):
            resume(folder, kimg=0.016)
        asked.append(config.path)
        return open_images(config)

    monkeypatch.setattr(loop, "open_images", slowly)
    assert resume(folder, kimg=0.024).kimg == 0.024
    assert len(asked) == 1


def test_what_was_saved_until_the_claim_goes_on(
    make_config: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(make_config(kimg=0.048, keep_snapshots=7), tmp_path / "whole")
    folder = train(make_config(kimg=0.016), tmp_path / "run").folder
    real = loop.claimed

    @contextmanager
    def late(path: Path, world: World) -> Iterator[None]:
        monkeypatch.setattr(loop, "claimed", real)
        resume(folder, kimg=0.032, keep_snapshots=7)  # the other process ends in this moment
        with claimed(path, world):
            yield

    monkeypatch.setattr(loop, "claimed", late)
    resume(folder, kimg=0.048)
    expected, actual = (read_tensors(RunFolder(f).state) for f in (whole.folder, folder))
    assert [k for k in expected if not torch.equal(expected[k], actual[k])] == []
    assert read_header(RunFolder(folder).state)["images_shown"] == 48
    assert RunFolder(folder).read_config().loop.keep_snapshots == 7


@pytest.mark.skipif(sys.platform == "win32", reason="no such locks")
@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EINVAL])
def test_where_there_are_no_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    import fcntl

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    left = tmp_path / ".0123456789ab.part"
    left.touch()
    with claimed(tmp_path, ALONE):
        assert left.exists()  # it may be another's
    (warning,) = caplog.messages
    assert warning == (
        f"files cannot be locked in {tmp_path} ([Errno {number}] {os.strerror(number)}): see to it "
        "that no other process trains there"
    )


def test_a_claim_ends_with_its_block(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    left = tmp_path / ".0123456789ab.part"
    left.touch()
    for _ in range(2):
        with claimed(tmp_path, ALONE):
            assert not left.exists()
            with pytest.raises(InputError, match="another process"), claimed(tmp_path, ALONE):
                pass
    assert not caplog.messages


ORPHANS = """
import os, sys, time, torch
from pathlib import Path
from stylegen.training.claiming import claimed
from stylegen.training.world import World
with claimed(Path(sys.argv[1]), World(device=torch.device("cpu"))):
    if child := os.fork():
        print(child, flush=True)
        os._exit(0)
    os.close(1)
    time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_a_worker_that_outlives_its_run_holds_no_claim(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHANS, str(tmp_path)],
        stdout=subprocess.PIPE, check=True, text=True, timeout=60,
    )  # fmt: skip
    worker = int(done.stdout)
    try:
        os.kill(worker, 0)  # it lives
        with claimed(tmp_path, ALONE):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
