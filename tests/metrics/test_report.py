"""Reports: valid JSON without NaN, a page that needs nothing else, folders that are respected."""

import dataclasses
import json
import math
import os
from html.parser import HTMLParser
from pathlib import Path

import click.testing
import pytest
import torch

from stylegen.cli import main
from stylegen.errors import InputError
from stylegen.metrics import Report, check_folder, write_report
from stylegen.metrics.page import render
from stylegen.metrics.report import SCHEMA_VERSION, Metric
from stylegen.metrics.report_plain import plain_of
from stylegen.metrics.report_sections import Sections
from stylegen.metrics.schema import NEWEST, problems, schema
from stylegen.metrics.sides import Shown
from tests.metrics.schema_from_types import GUIDE, MARK, PLACE, build, tables, text_of
from tests.metrics.synthetic_report import full_report

MALICIOUS = '"><script>alert(1)</script><img src=x onerror=alert(2)>.png'


def make_report(name: str = "0.png", value: float = 12.5) -> Report:
    images = torch.arange(2 * 3 * 8 * 8).reshape(2, 3, 8, 8).to(torch.uint8)
    side = {"kind": "images", "path": f"/somewhere/{name}", "sha256": "ab" * 32, "resolution_px": 8}
    return Report(
        metrics={
            "fid": Metric(
                name="FID", value=value, unit="squared distance", better="lower",
                images={"a": 5000, "against": 60000},
            ),
            "is": Metric(
                name="IS", value=2.345678, unit="classes", better="higher", images={"a": 5000},
                std=0.25, std_over="10 splits",
            ),
        },
        protocol={"seed": 0, "psi": 1.0},
        features={"name": "inception"},
        sides={"a": side, "against": {**side, "skipped": [{"name": name, "reason": name}]}},
        notes=(f"Mind {name}.",),
        seconds={"open": 0.1},
        environment={"stylegen": "0.1.0", "torch": None},
        created="2026-01-02T03:04:05+00:00",
        shown={k: Shown(images, [name, "1.png"], "In order.") for k in ("a", "against")},
    )  # fmt: skip


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag == "img":
            self.images.append(dict(attrs))


def test_what_comes_from_outside_is_escaped() -> None:
    text = render(make_report(MALICIOUS))
    page = Page(text)
    assert "script" not in page.tags
    assert "onerror" not in page.attributes
    assert len(page.images) == 4
    assert page.images[0]["alt"] == MALICIOUS


def test_a_report_without_sections_or_errors_is_whole() -> None:
    text = render(make_report())
    page = Page(text)
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.images)
    assert "http" not in text
    assert "link" not in page.tags
    assert "12.50" in text
    assert "2.35" in text
    assert "± 0.25" in text
    assert "5,000 against 60,000 images" in text
    assert "standard deviation over 10 splits" in text


def test_the_json_is_the_report(tmp_path: Path) -> None:
    path = write_report(make_report(), tmp_path / "new" / "report")
    values = json.loads((path.parent / "report.json").read_text())
    assert values["schema_version"] == 2
    assert {k: v for k, v in values["metrics"]["fid"].items() if v is not None} == {
        "name": "FID",
        "value": 12.5,
        "unit": "squared distance",
        "better": "lower",
        "images": {"a": 5000, "against": 60000},
    }
    assert values["metrics"]["is"]["std"] == 0.25
    assert {p.name for p in path.parent.iterdir()} >= {"report.html", "report.json"}


def test_a_written_report_follows_the_schema(tmp_path: Path) -> None:
    for i, report in enumerate((full_report(), make_report())):
        path = write_report(report, tmp_path / str(i)).parent / "report.json"
        assert problems(json.loads(path.read_text())) == []


def test_the_schema_is_that_of_the_typed_contents() -> None:
    assert PLACE.read_text(encoding="utf-8") == text_of(build())
    assert build()["properties"]["schema_version"]["enum"] == [SCHEMA_VERSION] == [NEWEST]


def test_the_guide_lists_every_key() -> None:
    assert GUIDE.read_text(encoding="utf-8").partition(MARK)[2] == tables(schema())


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("created", None, "report.created is null; wanted string"),
        ("draws", 3, "report.draws is 3; wanted string or null"),
        ("metrics", {"fid": {}}, "report.metrics.fid.name is missing"),
        ("notes", ["a", 1], "report.notes[1] is 1; wanted string"),
        ("schema_version", 3, "report.schema_version is 3; wanted one of [2]"),
        ("wall_time_sec", {"open": True}, "report.wall_time_sec.open is true; wanted number"),
        ("surplus", 1, "report.surplus is not known"),
        ("not_taken", [], "report.not_taken is []; wanted object"),
    ],
)
def test_what_does_not_follow_the_schema_is_named(place: str, value: object, said: str) -> None:
    report = full_report().to_dict()
    report[place] = value
    assert said in problems(report)


def test_nested_faults_are_named() -> None:
    report = full_report().to_dict()
    report["sections"]["snapshots"]["points"][3]["kimg"] = "many"
    del report["sections"]["classes"]["rows"][0]["small"]
    found = problems(report)
    assert any("snapshots.points[3].kimg" in fault for fault in found)
    assert any("classes.rows[0].small is missing" in fault for fault in found)
    assert problems({**full_report().to_dict(), "later": 1}, allow_unknown=True) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [(math.nan, "not a number"), (math.inf, "infinite"), (-math.inf, "infinite")],
)
def test_numbers_that_json_does_not_know_are_null_with_a_reason(
    tmp_path: Path, value: float, reason: str
) -> None:
    path = write_report(make_report(value=value), tmp_path / "report").parent / "report.json"
    values = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert values["metrics"]["fid"]["value"] is None
    assert values["undefined"] == [{"where": "metrics.fid.value", "reason": reason}]


def test_the_reason_given_is_the_one_written() -> None:
    values = full_report().to_dict()
    assert values["metrics"]["density"]["value"] is None
    assert values["undefined"][0]["where"] == "metrics.density.value"
    assert values["undefined"][0]["reason"].startswith("Five real images are the same")


def test_plain_values_have_no_pictures_and_no_surprises() -> None:
    values = full_report().to_dict()
    row = values["sections"]["neighbours"]["rows"][0]
    assert sorted(row) == ["flagged", "neighbours", "sample"]
    assert values["sections"]["fid_against_n"]["counts"][:2] == [3000, 3500]
    assert plain_of({"a": (1, None, math.nan)}) == (
        {"a": [1, None, None]}, [("a.2", "not a number")],
    )  # fmt: skip
    with pytest.raises(TypeError, match=r"a\.0 is a Tensor"):
        plain_of({"a": [torch.zeros(1)]})


def test_sections_that_are_not_taken_have_names() -> None:
    reason = {"psi_sweep": "There is nothing to truncate."}
    assert Sections(not_taken=reason).psi_sweep is None
    with pytest.raises(InputError, match="not_taken names psi_sweeps"):
        Sections(not_taken={"psi_sweeps": "x"})
    with pytest.raises(InputError, match="not_taken names colour"):
        Sections(colour={}, not_taken={"colour": "x"})


def test_another_report_is_kept(tmp_path: Path) -> None:
    write_report(make_report(), tmp_path)
    with pytest.raises(InputError, match=r"already holds a report .*--overwrite"):
        write_report(make_report(value=3.0), tmp_path)
    write_report(make_report(value=3.0), tmp_path, overwrite=True)
    assert json.loads((tmp_path / "report.json").read_text())["metrics"]["fid"]["value"] == 3.0


def test_folders_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        check_folder(tmp_path / "file")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="cannot be written to"):
        check_folder(tmp_path / "sealed")


def run(*arguments: object) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["evaluate", *map(str, arguments)])


def test_bad_commands_give_one_sentence_and_code_2(tmp_path: Path) -> None:
    held = tmp_path / "held"
    write_report(make_report(), held)
    base: list[object] = ["none", "--against", "none", "--out", tmp_path / "out"]
    cases: list[tuple[list[object], str]] = [
        ([*base, "--metrics", "fid,nix"], "known: fid, kid, is"),
        ([*base, "--resolution", "96by64"], "such as 96x64"),
        ([*base, "--features", "nix"], "known: inception"),
        ([*base, "--features", "squeezenet", "--metrics", "is"], "gives none"),
        ([*base, "--features", "demo", "--inception-weights", "x"], "--features-weights"),
        ([*base, "--features-weights", "x", "--inception-weights", "x"], "twice"),
        ([*base, "--samples", "1"], "samples is 1"),
        (["none", "--against", "none", "--out", held], "--overwrite"),
        (["none", "--against", "none", "--out", held / "report.json"], "is a file"),
    ]
    for arguments, said in cases:
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert said in result.output
        assert "Traceback" not in result.output


def test_every_field_of_a_metric_is_written_or_absent() -> None:
    metric = make_report().metrics["is"]
    assert set(make_report().to_dict()["metrics"]["is"]) == {
        field.name for field in dataclasses.fields(metric)
    }
