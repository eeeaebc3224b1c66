"""The build of the CPU kernels, with a real compiler on small sources, and all that can go wrong.

Compilers in these tests are shell scripts before the real one: they count their calls, wait, or
fail.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from stylegen.ops import build

REAL = shutil.which("c++") or shutil.which("g++")
pytestmark = pytest.mark.skipif(REAL is None, reason="no C++ compiler")

SOURCE = """
#include <Python.h>
#include "answer.h"
static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "stylegen_cpu"};
PyMODINIT_FUNC __attribute__((visibility("default"))) PyInit_stylegen_cpu() {
  PyObject* module = PyModule_Create(&definition);
  PyModule_AddIntConstant(module, "answer", ANSWER);
  return module;
}
"""
COUNTED = 'case "$*" in *" -c "*) echo called >> {calls};; esac\n'
PROCESS = """
import logging, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job may ignore it
from stylegen.ops import build
logging.basicConfig(level=logging.INFO, format="%(message)s")
build.SOURCES = build.Path(sys.argv[1])
print(build.kernels("cpu").answer)
"""


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """Nothing was tried yet in this process, and no compiler is named."""
    monkeypatch.setattr(build, "_outcomes", {})
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    """Small sources in the place of the package's, whose path has all that paths may have."""
    folder = tmp_path / "the $sources: small"
    (folder / "cpu").mkdir(parents=True)
    (folder / "answer.h").write_text("#define ANSWER 42\n")
    (folder / "cpu" / "bindings.cpp").write_text(SOURCE)
    monkeypatch.setattr(build, "SOURCES", folder)
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "my cache"
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(folder))
    return folder


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Make a script the compiler; it counts its compilations."""
    calls = tmp_path / "calls"
    calls.touch()

    def use(script):
        path = tmp_path / "bin" / "c++"
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\n" + COUNTED.format(calls=calls) + script)
        path.chmod(0o755)
        monkeypatch.setenv("CXX", str(path))
        return lambda: calls.read_text().count("called")

    return use


def start(sources):
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, sources],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(path, process, limit_sec=60):
    end = time.monotonic() + limit_sec
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.usefixtures("sources")
def test_it_is_built_once(cache, compiler, caplog):
    calls = compiler(f'exec {REAL} "$@"')
    assert build.kernels("cpu").answer == 42
    assert build.kernels("cpu") is build.kernels("cpu")
    (message,) = [r.message for r in caplog.records if r.levelno >= logging.WARNING]
    assert message.startswith(f"building the CPU kernels in {cache}")
    build._outcomes.clear()  # as another process
    assert build.kernels("cpu").answer == 42
    assert calls() == 1
    (library,) = cache.glob("ops-cpu-*/*.so")
    assert {path.name for path in library.parent.iterdir()} == {library.name, "in_use"}
    assert build.build("cpu") == library


@pytest.mark.usefixtures("sources")
def test_ahead_of_time_in_another_folder(tmp_path):
    library = build.build("cpu", folder=tmp_path / "ahead")
    assert library == build.library_path(build.recipe_for("cpu"), tmp_path / "ahead")
    assert library.read_bytes()[:4] == b"\x7fELF"


@pytest.mark.usefixtures("sources")
def test_a_failed_build_is_remembered_and_told_in_one_line(compiler, cache, caplog):
    fail = 'echo "a.cpp:1: error: first" >&2; echo "a.cpp:7: error: no more" >&2; exit 1'
    calls = compiler(f'case "$*" in *" -c "*) {fail};; *) exec {REAL} "$@";; esac')
    messages = set()
    for _ in range(3):
        with pytest.raises(RuntimeError) as failure:
            build.kernels("cpu")
        messages.add(str(failure.value))
    assert calls() == 1
    (log,) = cache.glob("ops-cpu-*/build.log")
    assert messages == {f"a.cpp:7: error: no more (all of it in {log})"}
    assert "a.cpp:1: error: first" in log.read_text()
    assert len(caplog.records) == 1  # that it is being built
    with pytest.raises(
        RuntimeError, match=r"a\.cpp:7: error: no more"
    ):  # asked for anew, tried anew
        build.build("cpu")
    assert calls() == 2
    assert not list(cache.rglob("scratch-*"))


@pytest.mark.usefixtures("sources")
def test_garbage_is_not_kept(compiler, cache):
    script = 'case "$*" in *--version*|*-E*) exec {real} "$@";; esac\n{work}'
    write = 'while [ "$1" != -o ]; do shift; done; echo garbage > "$2"'
    compiler(script.format(real=REAL, work=write))
    with pytest.raises(
        RuntimeError, match=r"what was built does not load: .*invalid ELF|too short"
    ):
        build.kernels("cpu")
    assert not list(cache.rglob("*.so"))
    build._outcomes.clear()
    compiler(script.format(real=REAL, work=f'exec {REAL} "$@"'))
    assert build.kernels("cpu").answer == 42


@pytest.mark.usefixtures("sources")
def test_a_library_that_became_garbage_is_built_again(cache, caplog):
    library = build.library_path(build.recipe_for("cpu"))
    library.parent.mkdir(parents=True)
    library.write_text("garbage, and more of it, so that it is no header of anything")
    assert build.kernels("cpu").answer == 42
    assert "does not load" in caplog.text
    assert str(cache) in caplog.text


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize("obstacle", ["a file in its place", "a lock that cannot be opened"])
def test_an_unwritable_cache_is_said_and_does_without(cache, caplog, obstacle):
    library = build.library_path(build.recipe_for("cpu"))
    if obstacle == "a file in its place":
        cache.touch()
        reason = "Not a directory|File exists"
    else:
        (library.parent / "in_use").mkdir(parents=True)
        reason = "Is a directory"
    with pytest.raises(OSError, match=reason):  # ahead of time, it is an error
        build.build("cpu")
    assert build.kernels("cpu").answer == 42
    told = [r.message for r in caplog.records if "builds cannot be kept" in r.message]
    assert len(told) == 1
    assert str(cache) in told[0]
    assert "STYLEGEN_CACHE names another folder" in told[0]
    assert not library.exists()


@pytest.mark.usefixtures("sources")
def test_a_cache_that_was_filled_need_not_be_writable(cache, caplog):
    (cache_lock,) = build.build("cpu").parent.glob("in_use")
    cache_lock.unlink()
    cache_lock.mkdir()  # no lock can be taken here any more
    caplog.clear()
    assert build.kernels("cpu").answer == 42
    assert not caplog.records
    assert cache in cache_lock.parents


@pytest.mark.usefixtures("cache")
def test_sources_that_change_meanwhile_are_not_mistaken(sources, compiler):
    change = f"case \"$*\" in *' -c '*) echo '#define ANSWER 7' > '{sources}/answer.h';; esac\n"
    compiler(f'{change} exec {REAL} "$@"')
    with pytest.raises(RuntimeError, match="the sources changed while they were compiled"):
        build.kernels("cpu")


@pytest.mark.usefixtures("sources", "cache")
def test_threads_build_once(compiler):
    calls = compiler(f'exec {REAL} "$@"')
    got = []
    threads = [threading.Thread(target=lambda: got.append(build.kernels("cpu"))) for _ in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [module.answer for module in got] == [42, 42, 42]
    assert calls() == 1


@pytest.mark.usefixtures("cache")
def test_two_processes_at_once_build_once(sources, compiler, tmp_path):
    """One compiles, and goes on only when the other has said that it waits."""
    started, go = tmp_path / "started", tmp_path / "go"
    wait = f"touch {started}; for _ in $(seq 300); do [ -e {go} ] && break; sleep 0.1; done"
    calls = compiler(f'case "$*" in *" -c "*) {wait};; esac; exec {REAL} "$@"')
    first = start(sources)
    wait_for(started, first)
    second = start(sources)
    said = ""
    while "waiting for" not in said:
        said = second.stderr.readline()
        assert said, "the second ended without a word"
    assert f"waiting for process {first.pid} on" in said
    go.touch()
    assert first.communicate(timeout=60)[0] == second.communicate(timeout=60)[0] == "42\n"
    assert calls() == 1


def test_a_build_that_was_killed_is_taken_over(sources, cache, compiler, tmp_path, caplog):
    started, go = tmp_path / "started", tmp_path / "go"
    wait = f"touch {started}; for _ in $(seq 300); do [ -e {go} ] && break; sleep 0.1; done"
    compiler(f'case "$*" in *" -c "*) {wait};; esac; exec {REAL} "$@"')
    process = start(sources)
    wait_for(started, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (left,) = cache.glob("ops-cpu-*/scratch-*")
    go.touch()  # its compiler goes on, and finds its folder gone
    assert build.kernels("cpu").answer == 42
    assert f"process {process.pid} on" in caplog.text
    assert "did not finish its build" in caplog.text
    assert not left.exists()


def test_the_compiler_goes_when_the_process_is_interrupted(sources, cache, compiler, tmp_path):
    beats = tmp_path / "beats"
    beat = f"for _ in $(seq 200); do echo >> {beats}; sleep 0.05; done"
    compiler(f'case "$*" in *" -c "*) {beat};; esac; exec {REAL} "$@"')
    process = start(sources)
    wait_for(beats, process)
    os.kill(process.pid, signal.SIGINT)
    assert "KeyboardInterrupt" in process.communicate(timeout=20)[1]
    size = beats.stat().st_size
    time.sleep(0.5)
    assert beats.stat().st_size == size
    assert not list(cache.rglob("scratch-*"))
    (lock,) = cache.rglob("in_use")
    assert lock.read_text() == ""
