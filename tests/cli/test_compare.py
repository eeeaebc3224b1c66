"""``stylegen compare`` as users call it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from stylegen.cli import main
from tests.metrics.synthetic_report import full_report


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three reports: the second is better, the third has another psi."""
    folder = tmp_path_factory.mktemp("reports")
    first = full_report()
    third = full_report(protocol={**first.protocol, "psi": 0.7})
    for name, report in (("a", first), ("b", full_report(shift=-0.6)), ("c", third)):
        (folder / name).mkdir()
        (folder / name / "report.json").write_text(json.dumps(report.to_dict(), allow_nan=False))
    return [str(folder / name) for name in "abc"]


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["compare", *map(str, words)])


def test_values_differences_and_reasons_are_told(reports: list[str]) -> None:
    result = run(*reports)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    fid = next(i for i, line in enumerate(lines) if line.startswith("FID"))
    values = ("12.34 ± 0.15", "11.74 ± 0.15", "12.34 ± 0.15")
    assert " ".join(lines[fid].split()) == " ".join(("FID", *values))
    assert "same latents; better, by more than the noise" in lines[fid + 1]
    assert "C - A: not comparable: psi differs" in lines[fid + 2]
    assert 'A ("here") and C ("there") differ:' in lines
    assert "protocol.psi: Truncation psi is 1 here and 0.7 there" in result.output


def test_a_page_is_written_once(reports: list[str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert run(*reports[:2], "--out", page).exit_code == 0
    before = page.read_bytes()
    assert b"<h1>2 reports side by side</h1>" in before
    result = run(*reports, "--out", page)
    assert result.exit_code == 2
    assert "--overwrite" in result.output
    assert page.read_bytes() == before
    assert run(*reports, "--out", page, "--overwrite").exit_code == 0
    assert b"<h1>3 reports side by side</h1>" in page.read_bytes()


def test_mistakes_are_told_in_one_sentence(reports: list[str], tmp_path: Path) -> None:
    for words, said in (
        ([reports[0]], "two or more"),
        ([reports[0], tmp_path / "none"], "does not exist"),
        ([*reports, "--out", tmp_path / "page.txt"], "ends in .html"),
        ([*reports, "--out", tmp_path / "no" / "page.html"], "create it first"),
    ):
        result = run(*words)
        assert result.exit_code == 2
        assert said in result.output
        assert "Traceback" not in result.output


def test_reading_reports_needs_no_torch(reports: list[str]) -> None:
    code = (
        "import sys; from click.testing import CliRunner; from stylegen.cli import main; "
        f"r = CliRunner().invoke(main, ['compare', {reports[0]!r}, {reports[1]!r}]); "
        "assert r.exit_code == 0, r.output; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
