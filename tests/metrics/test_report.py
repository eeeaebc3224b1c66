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
from stylegen.metrics.report import Metric
from stylegen.metrics.sides import Shown

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


def test_the_page_needs_nothing_else() -> None:
    text = render(make_report())
    page = Page(text)
    assert all((image["src"] or "").startswith("data:image/png;base64,") for image in page.images)
    assert "http" not in text
    assert "link" not in page.tags
    assert "12.50" in text
    assert "2.346" in text
    assert "± 0.2500" in text
    assert "5,000 against 60,000 images" in text
    assert "prefers-color-scheme: dark" in text


def test_the_json_is_the_report(tmp_path: Path) -> None:
    path = write_report(make_report(), tmp_path / "new" / "report")
    values = json.loads((path.parent / "report.json").read_text())
    assert values["schema_version"] == 1
    assert values["metrics"]["fid"] == {
        "name": "FID",
        "value": 12.5,
        "unit": "squared distance",
        "better": "lower",
        "images": {"a": 5000, "against": 60000},
    }
    assert values["metrics"]["is"]["std"] == 0.25
    assert sorted(p.name for p in path.parent.iterdir()) == ["report.html", "report.json"]


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_report(make_report(value=math.nan), tmp_path / "report")
    assert list((tmp_path / "report").iterdir()) == []


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
        (base, "none"),
        ([*base, "--metrics", "fid,ppl"], "known: fid, kid, is"),
        ([*base, "--resolution", "96by64"], "such as 96x64"),
        ([*base, "--features", "vgg"], "known: inception"),
        ([*base, "--features", "squeezenet", "--metrics", "is"], "gives none"),
        ([*base, "--features", "demo", "--inception-weights", "x"], "--features-weights"),
        ([*base, "--features-weights", "x", "--inception-weights", "x"], "twice"),
        ([*base, "--samples", "1"], "samples is 1"),
        (["none", "--against", "none", "--out", held], "--overwrite"),
        (["none", "--against", "none", "--out", held / "report.json"], "is a file"),
        (["none", "--out", held], "--against"),
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
