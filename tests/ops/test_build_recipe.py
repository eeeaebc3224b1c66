"""Which C++ compiler is taken, what it is asked, and what a build's key is made of."""

import shutil

import pytest
import torch

from stylegen.ops import build, host_compiler, recipe

REAL = shutil.which("c++") or shutil.which("g++")
pytestmark = pytest.mark.skipif(REAL is None, reason="no C++ compiler")


@pytest.fixture(autouse=True)
def _no_compiler_is_named(monkeypatch):
    monkeypatch.delenv("CXX", raising=False)


@pytest.fixture
def sources(tmp_path, monkeypatch):
    folder = tmp_path / "csrc"
    (folder / "cpu").mkdir(parents=True)
    (folder / "answer.h").write_text("#define ANSWER 42\n")
    (folder / "cpu" / "bindings.cpp").write_text("")
    monkeypatch.setattr(build, "SOURCES", folder)
    return folder


def script(path, text):
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(0o755)
    return path


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """Make a script the compiler."""
    return lambda text: monkeypatch.setenv("CXX", str(script(tmp_path / "bin" / "c++", text)))


def test_the_key_holds_all_that_the_library_depends_on(sources, monkeypatch, compiler):
    keys = [build.recipe_for("cpu").key]

    def is_new():
        keys.append(build.recipe_for("cpu").key)
        return keys[-1] not in keys[:-1]

    assert not is_new()
    (sources / "cuda").mkdir()
    (sources / "cuda" / "other.cu").touch()
    assert not is_new()  # the other kind's sources do not matter
    (sources / "answer.h").write_text("#define ANSWER 43\n")
    assert is_new()
    (sources / "cpu" / "bindings.cpp").write_text("other")
    assert is_new()
    (sources / "cpu" / "new.h").touch()
    assert is_new()
    compiler(f'exec {REAL} "$@"')
    assert is_new()  # another path
    compiler(f'case "$*" in *--version*) echo 99;; *) exec {REAL} "$@";; esac')
    assert is_new()  # another version
    compiler(f'case "$*" in *--version*) echo 99;; *) exec {REAL} "$@" -DAVX999;; esac')
    assert is_new()  # other instructions
    monkeypatch.setattr(torch.version, "git_version", "other")
    assert is_new()
    monkeypatch.setattr(recipe, "_CXX_FLAGS", ("-O0", "-fPIC"))
    assert is_new()


def test_no_compiler_at_all(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"^no C\+\+ compiler: install one, such as g\+\+"):
        host_compiler.find_host_compiler()


def test_a_compiler_named_but_absent(monkeypatch):
    monkeypatch.setenv("CXX", "icpx-of-2031")
    with pytest.raises(RuntimeError, match="CXX names icpx-of-2031, which is not there"):
        host_compiler.find_host_compiler()


def test_a_broken_compiler_says_its_last_word(compiler):
    compiler('echo "starting" >&2; echo "c++: error: the licence has expired" >&2; exit 1')
    with pytest.raises(RuntimeError, match=r"does not work: c.*the licence has expired"):
        host_compiler.find_host_compiler()


def test_one_that_works_is_taken_before_one_that_does_not(monkeypatch, tmp_path):
    script(tmp_path / "bin" / "c++", "exit 1")
    script(tmp_path / "bin" / "g++", f'exec {REAL} "$@"')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    found = host_compiler.find_host_compiler()
    assert found.command == (str(tmp_path / "bin" / "g++"),)
    assert found.origin == "g++ on PATH"


def test_a_wrapper_and_flags_may_be_named_with_it(monkeypatch):
    monkeypatch.setenv("CXX", f"env {REAL} -DX=1")
    found = host_compiler.find_host_compiler()
    assert found.command == (shutil.which("env"), REAL, "-DX=1")
    assert found.program == REAL


@pytest.mark.parametrize(
    ("refused", "flags"),
    [
        ("-march=native", ("-fopenmp",)),
        ("-fopenmp", ("-march=native",)),
        ("-march=native*|*-fopenmp", ()),
    ],
)
def test_flags_that_it_does_not_know_are_left_out(compiler, refused, flags, sources):
    complain = 'echo "unknown flag" >&2; exit 1'
    compiler(f'case "$*" in *{refused}*) {complain};; esac; exec {REAL} "$@"')
    assert host_compiler.find_host_compiler().flags == flags
    ninja = build.recipe_for("cpu", sources=sources).ninja
    for flag in ("-march=native", "-fopenmp"):
        assert (flag in ninja) == (flag in flags)


def test_no_sources_is_a_broken_installation(sources):
    (sources / "cpu" / "bindings.cpp").unlink()
    with pytest.raises(RuntimeError, match=r"there are no sources in .*: install stylegen anew"):
        build.recipe_for("cpu")


def test_other_kinds_are_refused():
    with pytest.raises(ValueError, match="kind is 'tpu'; wanted one of cpu, cuda"):
        build.recipe_for("tpu")


def test_an_open_quote_in_cxx_is_one_sentence(monkeypatch):
    monkeypatch.setenv("CXX", '"g++')
    with pytest.raises(RuntimeError, match="which is no command: No closing quotation"):
        host_compiler.find_host_compiler()
