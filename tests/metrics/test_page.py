"""The page: self-contained, readable without sight, honest about what is not there."""

import base64
import dataclasses
import io
import itertools
import math
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from PIL import Image

from stylegen.metrics.page import render
from stylegen.metrics.page_charts import (
    against_n_chart,
    brightness_charts,
    snapshot_charts,
    spectrum_charts,
)
from stylegen.metrics.page_cite import citation
from stylegen.metrics.page_numbers import estimate, in_words, percent
from stylegen.metrics.page_parts import label_of, picture, resource
from stylegen.metrics.page_pictures import neighbours
from stylegen.metrics.report import Metric, Report
from stylegen.metrics.report_files import figure_files, snapshot_lines
from stylegen.metrics.report_sections import SECTIONS, FidAgainstN, Sections
from tests.metrics.synthetic_report import Faces, full_report

VOID = {"meta", "img", "br", "hr", "link", "input"}
MALICIOUS = '"><script>alert(1)</script><img src=x onerror=alert(2)>.png'


class Page(HTMLParser):
    """Tags, attributes and text of a page; notes what is not closed as it was opened."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def report() -> Report:
    return full_report()


@pytest.fixture(scope="module")
def page(report: Report) -> Page:
    return Page(render(report))


def test_the_page_is_well_formed(page: Page) -> None:
    assert page.faults == []
    assert page.open == []
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))


def test_every_section_is_there_and_linked(page: Page) -> None:
    wanted = {
        "metrics", "protocol", "protocols", "against-n", "snapshots", "psi", "shown-a",
        "shown-against", "classes-shown", "neighbours", "best-worst", "missed", "classes",
        "path-length", "spectrum", "sanity", "provenance",
    }  # fmt: skip
    assert {a["id"] for a in page.named("section") if "id" in a} == wanted
    links = {(a["href"] or "")[1:] for a in page.named("a")}
    assert links == {"main"} | (wanted - {"metrics"})


def test_it_can_be_read_without_sight(page: Page) -> None:
    assert all(image["alt"] for image in page.named("img"))
    assert all(svg["aria-label"] and svg["role"] == "img" for svg in page.named("svg"))
    assert all(th.get("scope") for th in page.named("th"))
    assert len(page.named("caption")) == len(page.named("table"))
    levels = [int(name[1]) for name, _ in page.tags if re.fullmatch(r"h[1-6]", name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    scrolling = [a for _, a in page.tags if "scroll" in (a.get("class") or "").split()]
    assert scrolling
    assert all(a["tabindex"] == "0" and a["role"] == "region" for a in scrolling)


def test_it_needs_nothing_else(report: Report) -> None:
    text = render(report)
    page = Page(text)
    assert all((i["src"] or "").startswith("data:image/png;base64,") for i in page.named("img"))
    assert not {"script", "link", "iframe", "object"} & {name for name, _ in page.tags}
    assert "http" not in text
    assert "url(" not in text
    assert "@import" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_headline_numbers_come_with_their_errors(page: Page) -> None:
    text = " ".join(" ".join(page.text).split())
    assert "12.34 ± 0.15" in text
    assert "Bias-corrected 11.43. 95 % interval 11.08 to 11.77." in text
    assert "0.00431 ± 0.00011" in text
    assert "0.7132 ± 0.0046" in text
    assert "Five real images are the same" in text  # why density is not finite
    assert "nan" not in text.split()
    assert "inf" not in text.split()


def test_the_sentence_to_cite_says_what_a_reader_needs(page: Page) -> None:
    (place,) = [i for i, (_, a) in enumerate(page.tags) if a.get("class") == "cite"]
    assert place
    text = " ".join(" ".join(page.text).split())
    cited = text[text.index("To cite these numbers") :].split("stylegen 0.1.0")[0]
    for words in ("FID 12.34 ± 0.15", "10,000 against 9,988 images", "protocol torch-fidelity",
                  "psi 1", "seed 0", "features inception"):  # fmt: skip
        assert words in cited


def cited(report: Report, metrics: dict[str, Metric] | None = None, **fields: object) -> str:
    protocol = {**report.protocol, "divisor": "N", "labels": "data", **fields}
    taken = {key: value for key, value in protocol.items() if value != "left out"}
    return citation(dataclasses.replace(report, protocol=taken, metrics=metrics or report.metrics))


def test_the_sentence_to_cite_names_what_deviates(report: Report) -> None:
    full = {"name": "fid50k_full", "samples": 50_000}
    assert "; protocol fid50k_full; psi 1; seed 0; features inception;" in cited(report, **full)
    few = cited(report, **full | {"samples": 60, "network": "squeezenet", "resize": None})
    assert "; protocol fid50k_full but 60 samples, features squeezenet; psi 1;" in few
    other = cited(report, **full, psi=0.7, reals=1000, mirror=True)
    assert "fid50k_full but 1,000 reals, reals mirrored, psi 0.7; seed 0;" in other
    resized = cited(report, **full | {"resize": "clean"})
    assert "fid50k_full but resize clean; psi 1" in resized
    assert "protocol stylegen; psi 1" in cited(report, name="stylegen", samples=60)
    folder = cited(report, name="fid50k_full", samples="left out", psi="left out", seed=7)
    assert "fid50k_full but 10,000 images; seed 7;" in folder


def test_deviations_over_subsets_are_not_cited_as_errors(report: Report) -> None:
    kid = dataclasses.replace(report.metrics["kid"], error=None, interval=None)
    text = cited(report, {"kid": kid})
    assert text.startswith("KID 0.00431 (standard deviation over 100 subsets of 1,000 0.00070) (")
    assert "±" not in text
    assert cited(report, {"kid": dataclasses.replace(kid, error=0.00011)}).startswith(
        "KID 0.00431 ± 0.00011 ("
    )


@pytest.mark.parametrize("value", [math.inf, math.nan])
def test_equal_pairs_are_said_to_be_equal(report: Report, value: float) -> None:
    images = {"a": 5, "against": 5}
    psnr = Metric(name="PSNR", value=value, unit="dB", better="higher", images=images,
                  error=math.nan, error_kind="over pairs")  # fmt: skip
    text = render(dataclasses.replace(report, metrics={"psnr": psnr}))
    assert text.count("all pairs are equal") == 3  # large, in the table, and cited
    assert "Not a finite number" not in text
    assert "over pairs" not in " ".join(Page(text).text)
    assert '<p class="hero words">all pairs are equal</p>' in text
    none = dataclasses.replace(psnr, images={"a": 0, "against": 0})
    assert "all pairs are equal" not in render(dataclasses.replace(report, metrics={"psnr": none}))


def with_snapshots(report: Report, **changes: object) -> str:
    assert report.sections.snapshots is not None
    found = dataclasses.replace(report.sections.snapshots, **changes)
    return render(dataclasses.replace(report, sections=Sections(snapshots=found)))


def test_snapshots_are_told_apart_only_where_that_was_tested(report: Report) -> None:
    assert report.sections.snapshots is not None
    assert "All others are worse by more than the noise." in with_snapshots(report, tied=())
    untested = with_snapshots(report, tied=None, paired=False)
    assert "Whether others differ in FID by more than noise was not tested." in untested
    assert "the noise" not in untested
    assert "z counts" not in untested
    for tied in ((), None):
        one = report.sections.snapshots.points[:1]
        alone = with_snapshots(report, points=one, best=0, tied=tied)
        assert "is the only snapshot with FID" in alone
        assert "All others" not in alone
        assert "not tested" not in alone


def test_halves_of_the_real_images_are_no_bound(page: Page) -> None:
    text = " ".join(" ".join(page.text).split())
    assert "noise of 4,994 against 4,994 images, and values of larger numbers may lie" in text
    assert "nothing can be judged" not in text


def test_what_is_missing_is_said_or_left_out(report: Report) -> None:
    reason = "The judged side is a folder: there is nothing to truncate."
    sections = Sections(not_taken={"psi_sweep": reason})
    text = render(dataclasses.replace(report, sections=sections))
    page = Page(text)
    kept = {a["id"] for a in page.named("section") if "id" in a}
    assert kept == {"metrics", "protocol", "shown-a", "shown-against", "provenance", "left-out"}
    assert reason in text


@pytest.mark.parametrize("name", SECTIONS)
def test_each_section_can_be_absent_alone(report: Report, name: str) -> None:
    sections = dataclasses.replace(report.sections, **{name: None})
    assert not Page(render(dataclasses.replace(report, sections=sections))).faults


def test_what_comes_from_outside_is_escaped(report: Report) -> None:
    found = report.sections
    assert found.neighbours is not None
    assert found.classes is not None
    assert found.snapshots is not None
    row = dataclasses.replace(found.neighbours.rows[0], sample=MALICIOUS, flagged=True)
    rows = tuple(dataclasses.replace(r, name=MALICIOUS) for r in found.classes.rows)
    points = tuple(dataclasses.replace(p, file=MALICIOUS) for p in found.snapshots.points)
    sections = dataclasses.replace(
        found,
        neighbours=dataclasses.replace(found.neighbours, rows=(row,), verdict=MALICIOUS),
        classes=dataclasses.replace(found.classes, rows=rows),
        snapshots=dataclasses.replace(found.snapshots, points=points),
    )
    evil = {side: {**facts, "path": MALICIOUS} for side, facts in report.sides.items()}
    page = Page(render(dataclasses.replace(report, sections=sections, sides=evil)))
    assert not page.faults
    assert "script" not in {name for name, _ in page.tags}
    assert "onerror" not in {key for _, a in page.tags for key in a}
    assert any(a["alt"] == f"sample, {MALICIOUS}, flagged" for a in page.named("img"))


def test_undefined_numbers_do_not_stop_the_page(report: Report) -> None:
    found = report.sections
    assert found.snapshots is not None
    first, *rest = found.snapshots.points
    broken = dataclasses.replace(first, values={k: e._replace(value=math.nan) for k, e in
                                                first.values.items()})  # fmt: skip
    points = (broken, *rest)
    snapshots = dataclasses.replace(found.snapshots, points=points)
    sections = dataclasses.replace(found, snapshots=snapshots)
    page = Page(render(dataclasses.replace(report, sections=sections)))
    assert not page.faults
    assert "nan" not in " ".join(page.text).lower().split()


def test_a_protocol_says_what_its_nulls_mean(page: Page) -> None:
    assert page.text[page.text.index("Reals") + 1] == "all"


def test_the_judged_side_has_its_colour_in_any_order(report: Report) -> None:
    spectrum, colour = report.sections.spectrum, report.sections.colour
    assert spectrum is not None
    assert colour is not None
    swapped = dataclasses.replace(spectrum, power=dict(reversed(spectrum.power.items())))
    assert spectrum_charts(swapped) == spectrum_charts(spectrum)
    sections = dataclasses.replace(report.sections, colour=dict(reversed(colour.items())))
    other = dataclasses.replace(report, sections=sections)
    assert brightness_charts(other) == brightness_charts(report)


def test_suspicion_is_seen_and_said() -> None:
    text = render(full_report(suspicious=True))
    assert "Suspicious." in text
    assert text.count('class="row flagged"') == 3
    assert "No sign of copying" not in text


@pytest.mark.parametrize(
    ("finding", "suspicious", "said", "kind"),
    [
        ("copies", True, "Suspicious.", "verdict warn"),
        ("near", False, "Close to the training images.", "verdict warn"),
        ("clear", False, "No sign of copying.", "verdict"),
        (None, True, "Suspicious.", "verdict warn"),
        (None, False, "No sign of copying.", "verdict"),
    ],
)
def test_an_audit_has_the_colour_of_its_finding(
    report: Report, finding: str | None, suspicious: bool, said: str, kind: str
) -> None:
    assert report.sections.neighbours is not None
    found = dataclasses.replace(report.sections.neighbours, finding=finding, suspicious=suspicious)
    assert f'<p class="{kind}"><strong>{said}</strong>' in neighbours(found)


def test_the_line_meets_infinity_at_its_intercept() -> None:
    found = FidAgainstN(metric="fid", counts=(100, 200), values=(12.0, 11.0), slope=200.0,
                        intercept=10.0, error=0.5)  # fmt: skip
    chart = against_n_chart(found, "FID")
    assert "10.00 ± 0.50" in chart.caption
    places = re.findall(r'class="ln c1 da" points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"', chart.svg)
    x0, y0, x1, y1 = map(float, places[-1])
    dots = re.findall(r'class="dt f0" cx="([\d.]+)" cy="([\d.]+)"', chart.svg)
    for x, y in ((float(x), float(y)) for x, y in dots):  # both subsets lie on the line
        assert y == pytest.approx(y0 + (y1 - y0) * (x - x0) / (x1 - x0), abs=0.3)


def test_snapshots_are_drawn_by_each_metric_and_marked_at_the_best(report: Report) -> None:
    assert report.sections.snapshots is not None
    charts = snapshot_charts(report.sections.snapshots, report.metrics)
    assert list(charts) == [
        "snapshots_fid", "snapshots_kid", "snapshots_precision", "snapshots_recall",
        "precision_recall",
    ]  # fmt: skip
    assert "best: 1,400" in charts["snapshots_fid"].svg
    assert "best" not in charts["snapshots_kid"].svg.split("<title>")[0]


@pytest.mark.parametrize(
    ("value", "error", "written"),
    [
        (12.3456, 0.1523, ("12.35", "0.15")),
        (12.3456, 1.523, ("12.3", "1.5")),
        (1234.5, 152.3, ("1,234", "152")),
        (0.00431, 0.000112, ("0.00431", "0.00011")),
        (12.3456, None, ("12.35", "")),
        (0.0, 0.0, ("0.0000", "")),
        (3e-9, 2e-10, ("3.0000e-09", "2.0e-10")),
        (347926.0, 5.643e-11, ("347,926.00", "5.6e-11")),
        (math.nan, 1.0, ("-", "")),
        (None, None, ("-", "")),
    ],
)
def test_errors_have_two_digits(
    value: float | None, error: float | None, written: tuple[str, str]
) -> None:
    assert estimate(value, error) == written


def test_words_of_numbers_and_keys() -> None:
    assert in_words(1.5, 0.25) == "1.50 ± 0.25"
    assert in_words(1.5) == "1.500"
    assert [percent(v) for v in (0.0, 0.0012, 0.5, None)] == ["0.0 %", "0.12 %", "50.0 %", "-"]
    assert label_of("weights_sha256") == "Weights SHA-256"
    assert label_of("remaining_px") == "Remaining (px)"


def test_large_pictures_are_made_smaller_and_small_ones_kept() -> None:
    image = Faces(1, 64)(1)[0]
    for largest, size in ((256, (64, 64)), (32, (32, 32))):
        source = re.search(r'base64,([^"]+)"', picture(image, "x", largest))
        assert source is not None
        assert Image.open(io.BytesIO(base64.b64decode(source[1]))).size == size


def test_figures_are_files_that_stand_alone(report: Report) -> None:
    files = figure_files(report)
    assert {name.rsplit(".")[-1] for name in files} == {"svg", "png"}
    wanted = "fid_against_n.svg snapshots_fid.svg precision_recall.svg samples.png neighbours.png"
    assert set(files) >= {*wanted.split(), "classes.png", "spectrum.svg", "path_length.svg"}
    for name, content in files.items():
        if name.endswith(".svg"):
            assert b"<style>" in content
            assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"
        else:
            with Image.open(io.BytesIO(content)) as image:
                image.load()
    with Image.open(io.BytesIO(files["neighbours.png"])) as image:
        assert image.size == (6 * 32, 8 * 32)
    assert figure_files(dataclasses.replace(report, sections=Sections())).keys() == {
        "samples.png", "compared_with.png",
    }  # fmt: skip


def test_a_line_for_each_snapshot(report: Report) -> None:
    lines = snapshot_lines(report)
    assert len(lines) == 8
    assert '"kimg": 1400, "file": "snapshot-001400.safetensors"' in lines[6]
    assert '"is_best": true' in lines[6]
    (line,) = snapshot_lines(dataclasses.replace(report, sections=Sections()))
    assert '"kimg": 1400.0' in line
    assert '"density": {"value": null' in line


def test_names_and_verdicts_of_a_comparison_wrap_between_words() -> None:
    rules = dict(re.findall(r"^([^{}@\n]+) \{([^}]*)\}", resource("report.css"), re.MULTILINE))
    assert "overflow-wrap: break-word" in rules["#metrics .scroll tbody th"]
    assert "white-space: normal" in rules["td > .tag:last-child"]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio, WCAG 2.2: 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palettes(name: str, selector: str) -> list[dict[str, str]]:
    """The colours of a style, light and dark."""
    rules = re.findall(selector + r" \{([^}]*)\}", resource(name))[:2]
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", rule)) for rule in rules)
    return [light, {**light, **dark}]


@pytest.mark.parametrize("dark", [0, 1])
def test_words_stand_out_from_what_is_behind_them(dark: int) -> None:
    colours = palettes("report.css", ":root")[dark]
    for ink in ("ink", "soft", "accent"):
        for behind in ("paper", "sheet"):
            assert contrast(colours[ink], colours[behind]) >= 4.5, (ink, behind)
    for name in ("accent", "warn", "good"):
        assert contrast(colours[name], colours[f"{name}-soft"]) >= 4.5, name
        assert contrast(colours["ink"], colours[f"{name}-soft"]) >= 7, name
    assert contrast(colours["ink"], colours["line"]) >= 4.5  # of tags


@pytest.mark.parametrize("dark", [0, 1])
def test_lines_stand_out_from_their_sheet(dark: int) -> None:
    colours = palettes("plots.css", r"svg\.plot")[dark]
    for name in ("c0", "c1", "c2", "c3"):
        assert contrast(colours[name], colours["sheet"]) >= 4.5, name
    for name in ("ink", "soft"):
        assert contrast(colours[name], colours["sheet"]) >= 4.5, name
