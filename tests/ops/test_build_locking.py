"""The lock that builds take turns by."""

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
import threading

import pytest

from stylegen.ops import cache, locking

HOLD = """
import sys, time
from pathlib import Path
from stylegen.ops.locking import alone
with alone(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_one_after_the_other(tmp_path, caplog):
    entered = threading.Event()

    def second():
        with locking.alone(tmp_path / "lock") as held:
            assert held
            entered.set()

    with locking.alone(tmp_path / "lock") as held:
        assert held
        assert locking.is_held(tmp_path / "lock")
        thread = threading.Thread(target=second)
        thread.start()
        assert not entered.wait(0.4)
    assert entered.wait(10)
    thread.join()
    assert not locking.is_held(tmp_path / "lock")
    (message,) = caplog.messages
    assert message.startswith(f"waiting for process {os.getpid()} on ")
    assert message.endswith(f"which is building in {tmp_path}")


def test_a_dead_holder_is_followed_at_once(tmp_path, holder, caplog):
    lock = tmp_path / "lock"
    assert locking.is_held(lock)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert not locking.is_held(lock)
    with locking.alone(lock) as held:
        assert held
    (message,) = caplog.messages
    assert message.startswith(f"process {holder.pid} on ")
    assert message.endswith(f"did not finish its build in {tmp_path}; taking over")
    caplog.clear()
    with locking.alone(lock):
        pass
    assert not caplog.messages


def test_a_holder_that_never_ends_is_not_waited_for_for_ever(tmp_path, holder, caplog):
    with locking.alone(tmp_path / "lock", limit_sec=0.3) as held:
        assert not held
    first, last = caplog.messages
    assert first.startswith("waiting for process")
    assert last.startswith(f"not waiting any longer for process {holder.pid}")


def test_the_wait_is_recalled(tmp_path, holder, caplog, monkeypatch):
    monkeypatch.setattr(locking, "_REMIND_EVERY_SEC", 0.2)
    with locking.alone(tmp_path / "lock", limit_sec=0.7):
        pass
    assert 3 <= sum(message.startswith("waiting for") for message in caplog.messages) <= 4


def test_a_file_system_without_locks_is_no_hindrance(tmp_path, monkeypatch, caplog):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (
        caplog.at_level(logging.INFO, logger="stylegen.ops"),
        locking.alone(tmp_path / "lock") as held,
    ):
        assert not held
    assert "No locks available" in caplog.text


def test_a_lock_that_was_removed_is_no_lock(tmp_path):
    with locking.alone(tmp_path / "lock"):
        (tmp_path / "lock").unlink()
        with locking.alone(tmp_path / "lock", limit_sec=5) as held:
            assert held


def test_cleaning_sees_what_is_in_use(tmp_path):
    unfinished = tmp_path / "ops-cpu-0123456789abcdef"
    old = tmp_path / "ops-0123456789abcdef"  # of an earlier version of this package
    for folder in (unfinished, old, tmp_path / "ops-else", tmp_path / "stylegen"):
        folder.mkdir()
    (unfinished / "sub").mkdir()
    (unfinished / "sub" / "a").write_bytes(bytes(1000))
    (old / "lib.so").write_bytes(bytes(24))
    with locking.alone(unfinished / cache.LOCK):
        lock_bytes = (unfinished / cache.LOCK).stat().st_size
        builds = cache.cached_builds(tmp_path)
    found = {build.path.name: (build.size_bytes, build.in_use) for build in builds}
    assert found == {unfinished.name: (1000 + lock_bytes, True), old.name: (24, False)}
    for build in builds:
        cache.remove_build(build)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ops-else", "stylegen"]


def test_an_absent_cache_is_empty(tmp_path):
    assert cache.cached_builds(tmp_path / "absent") == []
