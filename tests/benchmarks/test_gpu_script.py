"""gpu.sh: its stages and their limits with an interpreter that only notes what it is told; once
in earnest, with tiny sizes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Script = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

FAKE = """#!/usr/bin/env bash
echo "$*" | head -n 1 >>"{log}"
[[ $* == *"-m benchmarks {failing} "* ]] && exit 3
exit 0
"""


def call(python: str, out: Path, *words: str, limit: int = 60) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), "--out", str(out), *words]
    environment = {**os.environ, "PYTHON": python}
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=limit, check=False
    )


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Run gpu.sh with the fake interpreter; the command ``failing`` fails."""

    def run(*words: str, failing: str = "none") -> subprocess.CompletedProcess[str]:
        fake = tmp_path / "python"
        fake.write_text(FAKE.format(log=tmp_path / "calls", failing=failing))
        fake.chmod(0o755)
        return call(str(fake), tmp_path / "out", *words)

    return run


def calls(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "calls").read_text().splitlines()
    return [" ".join(line.split()[1:3]) for line in lines if line.startswith("-m ")]


@pytest.mark.parametrize(
    ("what", "wanted"),
    [
        ((), ["build", "pytest", "ops", "standard", "train"]),
        (("ops",), ["build", "ops", "pytest"]),
        (("train",), ["build", "train", "profile", "generate"]),
        (("learn",), ["build", "learn"]),
    ],
)
def test_stages_of_each_run(
    script: Script, tmp_path: Path, what: tuple[str, ...], wanted: list[str]
) -> None:
    done = script("--rehearse", *what)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = [c.replace("benchmarks ", "") for c in calls(tmp_path) if not c.startswith("stylegen")]
    assert [c.split()[0] for c in ran] == wanted
    for name in wanted:
        assert f"{name}: passed" in done.stdout.replace("pytest -m gpu", "pytest")
    (log,) = (tmp_path / "out").glob("*.log")
    assert log.read_text() == done.stdout


def test_a_failed_stage_is_told_and_the_next_ones_run(script: Script, tmp_path: Path) -> None:
    done = script("--rehearse", "train", failing="train")
    assert done.returncode == 1
    assert "train: failed with 3" in done.stdout
    assert "generate: passed" in done.stdout


def test_logs_are_not_overwritten(script: Script, tmp_path: Path) -> None:
    for _ in range(2):
        assert script("--rehearse", "ops").returncode == 0
    first, second = sorted((tmp_path / "out").glob("*.log"), key=lambda p: len(p.name))
    assert second.stem == f"{first.stem}-2"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fast",), "unknown option --fast; wanted --rehearse or --out DIR"),
        (("cook",), "unknown run cook; wanted ops, train or learn"),
        (("learn",), "learn needs DATA and WEIGHTS"),
        (("learn", "no.zip", "no.pth"), "there is no no.zip"),
    ],
)
def test_bad_usage(script: Script, words: tuple[str, ...], message: str) -> None:
    done = script(*words)
    assert done.returncode == 2
    assert done.stderr.strip() == f"gpu.sh: {message}"


def test_missing_packages_are_named(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text('#!/usr/bin/env bash\necho "scipy tqdm"\n')
    fake.chmod(0o755)
    done = call(str(fake), tmp_path / "out", "--rehearse")
    assert done.returncode == 2
    assert done.stderr.strip() == "gpu.sh: these Python packages are missing: scipy tqdm"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_rehearsal_in_earnest(tmp_path: Path) -> None:
    done = call(sys.executable, tmp_path / "out", "--rehearse", "learn", limit=500)
    assert done.returncode == 0, done.stdout + done.stderr
    names = sorted(path.name.split("-cpu-")[-1] for path in (tmp_path / "out").iterdir())
    assert "learn-tiny.json" in names
    assert "learn-tiny-reals.png" in names
    assert len(names) <= 8
