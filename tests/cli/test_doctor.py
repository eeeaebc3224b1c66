"""What ``stylegen doctor`` finds, and when it fails."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from stylegen import doctor
from stylegen.cli import main
from stylegen.devices import has_bfloat16
from stylegen.ops import build, cache

COMPILER = shutil.which("c++") or shutil.which("g++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STYLEGEN_OPS", "TORCH_EXTENSIONS_DIR", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["doctor", *words])


def findings() -> dict[str, Any]:
    result = run("--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.output)
    return found


def on_cpu(found: dict[str, Any]) -> set[str]:
    return {row["runs"] for row in found["operators"] if row["device"] == "cpu"}


def test_what_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    found = findings()
    versions = found["versions"]
    assert versions["python"] == platform.python_version()
    assert versions["torch"] == torch.__version__
    assert versions["cuda"] == torch.version.cuda
    cpu = found["devices"][0]
    assert cpu["device"] == "cpu"
    assert cpu["precision"] == ("bf16" if has_bfloat16(torch.device("cpu")) else "fp32")
    assert (found["without_cuda"] is None) == torch.cuda.is_available()
    assert [row["operator"] for row in found["operators"] if row["device"] == "cpu"] == list(
        doctor.OPERATORS
    )
    assert found["threads"]["OMP_NUM_THREADS"] == "7"
    assert found["threads"]["torch"] == torch.get_num_threads()
    assert found["cache"] == {
        "folder": str(tmp_path / "cache"), "writable": True, "builds": 0, "size_bytes": 0,
    }  # fmt: skip
    assert not (tmp_path / "cache").exists()


def test_the_text_says_the_same() -> None:
    found = findings()
    text = run().output
    for title in ("Versions", "Devices", "Operators", "Compilers", "Threads"):
        assert f"{title}\n" in text
    for row in found["operators"]:
        assert row["runs"] in text
    for row in found["weights"]:
        assert row["weights"] in text
    assert f"precision auto is {found['devices'][0]['precision']}: " in text
    assert "problem" not in text


@needs_compiler
def test_the_life_of_a_build() -> None:
    library = build.library_path(build.recipe_for("cpu"))
    (said,) = on_cpu(findings())
    assert said.startswith("compiled kernels, to be built on first use, by ")
    library.parent.mkdir(parents=True)
    (library.parent / "build.log").write_text("x.cpp:3: error: no such thing\nmore\n")
    (said,) = on_cpu(findings())
    assert "the last build failed: x.cpp:3: error: no such thing" in said
    library.write_bytes(bytes(4096))
    found = findings()
    assert on_cpu(found) == {f"compiled kernels, which lie in {library}"}
    assert found["cache"]["builds"] == 1
    assert found["cache"]["size_bytes"] == sum(f.stat().st_size for f in library.parent.iterdir())


def test_no_compiler_at_all_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = findings()
    (said,) = on_cpu(found)
    assert said.startswith("torch operations, since kernels cannot be built: no C++ compiler")
    assert found["compilers"][0] == {
        "language": "C++",
        "problem": "no C++ compiler: install one, such as g++, or name it in CXX",
    }


@pytest.mark.parametrize(
    ("forced", "problem"),
    [
        ("cpu", "STYLEGEN_OPS is cpu, but its kernels cannot be had: no C++ compiler"),
        ("triton", "STYLEGEN_OPS is 'triton'; wanted one of auto, reference, cpu, cuda"),
    ],
)
def test_what_is_forced_and_cannot_work_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, forced: str, problem: str
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("STYLEGEN_OPS", forced)
    result = run()
    assert result.exit_code == 1
    assert f"problem: {problem}" in result.output
    result = run("--json")
    assert result.exit_code == 1
    assert json.loads(result.output)["problems"][0].startswith(problem)


def test_cuda_forced_without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("STYLEGEN_OPS", "cuda")
    result = run()
    assert result.exit_code == 1
    assert "problem: STYLEGEN_OPS is cuda, but its kernels cannot be had: there is no" in (
        result.output
    )
    assert f"{', '.join(doctor.OPERATORS)}: an error, since STYLEGEN_OPS is cuda" in result.output


def test_the_reference_can_always_be_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STYLEGEN_OPS", "reference")
    assert on_cpu(findings()) == {"plain torch, forced by STYLEGEN_OPS"}


def test_weights_that_lie_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylegen.perceptual.weights_table import weights_facts

    file = weights_facts("inception")
    said = {row["network"]: row["weights"] for row in findings()["weights"]}
    assert said["inception"].startswith("absent: downloaded to ")
    assert said["demo"] == f"absent: fitted once, to {tmp_path / 'cache'}"
    inception = tmp_path / "hub" / "checkpoints" / file.file
    inception.parent.mkdir(parents=True)
    inception.write_bytes(bytes(40))  # cut off
    assert findings()["weights"][0]["weights"] == f"cut off: {inception}"
    with inception.open("wb") as whole:
        whole.truncate(file.size_bytes)
    demo = tmp_path / "cache" / "demo-features-0123.safetensors"
    demo.parent.mkdir()
    demo.touch()
    said = {row["network"]: row["weights"] for row in findings()["weights"]}
    assert said["inception"] == f"found: {inception}"
    assert said["demo"] == f"found: {demo}"


def test_a_package_that_does_not_load_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nmore")

    monkeypatch.setattr(doctor.importlib, "import_module", fail)
    assert doctor._package("torchvision").endswith(
        ", does not load: operator torchvision::nms does not exist"
    )
    assert doctor._package("no-such-package") == "missing"


def test_an_unwritable_cache_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STYLEGEN_CACHE", str(tmp_path / "file" / "below"))
    assert "it cannot be written: each process builds anew" in run().output


def test_an_operator_without_kernels_for_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "OPERATORS", {"both": ("cpu", "cuda"), "one": ("cuda",)})
    both, one = (row["runs"] for row in findings()["operators"] if row["device"] == "cpu")
    assert "kernel of it" not in both
    assert one == "torch operations, since there is no kernel of it for this device"


def test_the_operators_are_those_that_ask_for_kernels() -> None:
    """Those whose source calls kernels_for, and no others."""
    names = set()
    for path in Path(cache.__file__).parent.glob("*.py"):
        text = path.read_text()
        names |= {part.split('"')[1] for part in text.split("kernels_for(")[1:] if part[0] == '"'}
    assert names == set(doctor.OPERATORS)
