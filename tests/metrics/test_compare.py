"""Reports side by side: what is noise, what cannot be compared, and what is said of it."""

import copy
import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from stylegen.errors import InputError
from stylegen.metrics.compare import compare, judge, read_report
from stylegen.metrics.compare_protocols import count_obstacle, obstacles, unknowns
from stylegen.metrics.compare_text import letter, text
from stylegen.metrics.page_compare import render
from stylegen.metrics.protocols import Protocol
from tests.metrics.synthetic_report import full_report

T_9_BLOCKS = 2.262157  # 97.5 % quantile of Student's t with 9 degrees of freedom, from tables


@pytest.fixture(scope="module")
def base() -> dict[str, Any]:
    values: dict[str, Any] = full_report().to_dict()
    return values


def write(path: Path, report: dict[str, Any]) -> Path:
    path.mkdir()
    (path / "report.json").write_text(json.dumps(report))
    return path


def changed(base: dict[str, Any], **places: Any) -> dict[str, Any]:
    """A copy with other values at places such as ``protocol__psi``."""
    report = copy.deepcopy(base)
    for place, value in places.items():
        *way, last = place.split("__")
        part = report
        for name in way:
            part = part[name]
        part[last] = value
    return report


def metric(value: float, error: float | None = None, **fields: Any) -> dict[str, Any]:
    return {"value": value, "error": error, "better": "lower", "images": {"a": 9}, **fields}


def test_unpaired_differences_take_both_errors() -> None:
    found = judge(metric(10.0, 0.3), metric(11.0, 0.4), paired=False)
    assert found.error == pytest.approx(0.5)
    assert found.z == pytest.approx(2.0)
    assert found.outcome == "worse"
    assert judge(metric(10.0, 0.3), metric(10.9, 0.4), paired=False).outcome == "noise"  # z 1.8
    assert judge(metric(11.0, 0.3), metric(10.0, 0.4), paired=False).outcome == "better"
    higher = judge(metric(10.0, 0.3), metric(11.0, 0.4, better="higher"), paired=False)
    assert higher.outcome == "worse"  # the first says which way is better


def blocks(moved: float, spread: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """Two metrics of 10 blocks whose differences have this mean and standard error."""
    noise = np.random.RandomState(0).normal(size=10)
    noise = (noise - noise.mean()) / noise.std(ddof=1) * spread * math.sqrt(10)
    shared = np.random.RandomState(1).normal(size=10) * 5
    first = metric(20.0, 1.6, pseudo_values=(20 + shared).tolist())
    second = metric(20.0 + moved, 1.6, pseudo_values=(20 + shared + moved + noise).tolist())
    return first, second


@pytest.mark.parametrize(("factor", "outcome"), [(0.999, "noise"), (1.001, "worse")])
def test_paired_differences_lose_what_is_shared(factor: float, outcome: str) -> None:
    first, second = blocks(factor * T_9_BLOCKS * 0.1, 0.1)
    found = judge(first, second, paired=True)
    assert found.paired
    assert found.error == pytest.approx(0.1)
    assert found.outcome == outcome
    apart = judge(first, second, paired=False)
    assert not apart.paired
    assert apart.error == pytest.approx(math.hypot(1.6, 1.6))
    assert apart.outcome == "noise"


def test_the_paired_test_is_students() -> None:
    first, second = blocks(0.25, 0.1)
    t, p = scipy.stats.ttest_rel(second["pseudo_values"], first["pseudo_values"])
    found = judge(first, second, paired=True)
    assert found.z == pytest.approx(t)
    assert (found.outcome == "worse") == (p < 0.05)


def test_noise_passes_for_a_difference_one_time_in_twenty() -> None:
    stream, count, paired, apart = np.random.RandomState(3), 2000, 0, 0
    for _ in range(count):
        values = stream.normal(size=(2, 10))
        pair = [
            metric(v.mean(), v.std(ddof=1) / math.sqrt(10), pseudo_values=v.tolist())
            for v in values
        ]
        paired += judge(*pair, paired=True).outcome != "noise"
        apart += judge(*pair, paired=False).outcome != "noise"
    sd = math.sqrt(0.05 * 0.95 / count)
    assert paired / count == pytest.approx(0.05, abs=3 * sd)
    assert apart / count == pytest.approx(0.05, abs=3 * sd)


def test_what_has_no_error_gets_no_verdict() -> None:
    assert judge(metric(1.0), metric(2.0, 0.1), paired=False).outcome == "unknown"
    assert judge(metric(1.0), metric(1.0), paired=False).outcome == "same"
    undefined = judge(metric(1.0, 0.1), {**metric(0.0, 0.1), "value": None}, paired=False)
    assert undefined.outcome == "unknown"
    assert undefined.difference is None


@pytest.mark.parametrize(
    ("places", "field", "short", "kept"),
    [
        ({"protocol__psi": 0.7}, "protocol.psi", "psi", ()),
        ({"protocol__resize": "clean"}, "protocol.resize", "resize", ("ppl_w",)),
        (
            {"protocol__covariance_divisor": "N"},
            "protocol.covariance_divisor",
            "covariance divisor",
            ("kid", "recall"),
        ),
        ({"protocol__reals": 1000}, "protocol.reals", "reals", ("is", "ppl_w")),
        ({"protocol__an_unknown_field": 3}, "protocol.an_unknown_field", "an unknown field", ()),
        ({"features__name": "vgg16"}, "features.name", "feature network", ("ppl_w",)),
        (
            {"features__weights_sha256": "00"},
            "features.weights_sha256",
            "network's weights",
            ("ppl_w",),
        ),
        (
            {"sides__against__sha256": "00"},
            "sides.against.sha256",
            "compared images",
            ("is", "ppl_w"),
        ),
        (
            {"sides__against__sha256": None},
            "sides.against.sha256",
            "compared images unknown",
            ("is", "ppl_w"),
        ),
        (
            {"sides__against__resize": "centre crop and box, where the size differs"},
            "sides.against.resize",
            "resize",
            ("is", "ppl_w"),
        ),
        ({"protocol__seed_against": 1}, "protocol.seed_against", "seed against", ("is", "ppl_w")),
        (
            {"sides__against__resolution_px": 128},
            "sides.against.resolution_px",
            "resolution px",
            ("is", "ppl_w"),
        ),
        ({"sides__against__channels": 1}, "sides.against.channels", "channels", ("is", "ppl_w")),
        (
            {"sides__against__background": "black"},
            "sides.against.background",
            "background",
            ("is", "ppl_w"),
        ),
        (
            {"sides__a__resolution_px": 128, "sides__against__resolution_px": 128},
            "sides.a.resolution_px",
            "resolution px",
            (),
        ),
        (
            {"metrics__fid__images": {"a": 50_000, "against": 9_988}},
            "metrics.fid.images",
            "number of images",
            ("kid", "recall"),
        ),
    ],
)
def test_protocols_that_differ_are_named_and_get_no_verdict(
    base: dict[str, Any],
    tmp_path: Path,
    places: dict[str, Any],
    field: str,
    short: str,
    kept: tuple[str, ...],
) -> None:
    other = changed(base, **places)
    found = compare([write(tmp_path / "a", base), write(tmp_path / "b", other)])
    assert [o.field for o in found.obstacles[0]] == [field]
    verdicts = {row.key: row.verdicts[0] for row in found.rows}
    fid = verdicts["fid"]
    assert fid is not None
    assert fid.outcome == "incomparable"
    assert fid.obstacles == (short,)
    for key in kept:
        verdict = verdicts[key]
        assert verdict is not None
        assert verdict.outcome == "same", key
    said = short if short.endswith(" unknown") else f"{short} differs"
    assert f"not comparable: {said}" in text(found)
    assert field in text(found)


@pytest.mark.parametrize("place", ["protocol__seed", "protocol__batch", "protocol__name",
                                   "protocol__held_out_sha256"])  # fmt: skip
def test_draws_and_names_do_not_matter(base: dict[str, Any], place: str) -> None:
    assert obstacles(base, changed(base, **{place: "another"})) == []


def test_settings_of_metrics_that_were_not_taken_do_not_matter(base: dict[str, Any]) -> None:
    other = changed(base, protocol__kernel_subsets=100, protocol__inception_score_splits=10)
    assert obstacles(base, other) == []
    assert obstacles(other, changed(other, protocol__kernel_subsets=50))[0].concerns("kid")


def test_known_fields_have_their_reason(base: dict[str, Any]) -> None:
    (found,) = obstacles(base, changed(base, protocol__psi=0.7))
    assert found.why.startswith("Truncation psi is 1 here and 0.7 there")
    (found,) = obstacles(base, changed(base, protocol__resize="clean"))
    assert "moves FID by" in found.why
    (found,) = obstacles(base, changed(base, protocol__resize="a way of tomorrow"))
    assert found.why == "resize is tf1 here and a way of tomorrow there."


@pytest.mark.parametrize("value", ["of tomorrow", -1, 0.5, None, True, [], {}, [1, {}]])
def test_values_that_are_not_known_are_told_as_they_are(base: dict[str, Any], value: Any) -> None:
    for field in (f.name for f in dataclasses.fields(Protocol)):
        name = "covariance_divisor" if field == "divisor" else field
        for found in obstacles(base, changed(base, **{f"protocol__{name}": value})):
            assert found.field == f"protocol.{name}"
            assert found.why.endswith(".")


def test_how_images_are_drawn_is_no_matter_of_folders(base: dict[str, Any]) -> None:
    folder = changed(base, sides__a__kind="images")
    for name in ("psi", "noise", "labels", "quantisation", "samples"):
        del folder["protocol"][name]
    assert obstacles(base, folder) == []


def test_unknown_images_are_never_the_same(base: dict[str, Any], tmp_path: Path) -> None:
    drawn = changed(base, sides__against__kind="function", sides__against__sha256=None)
    found = compare([write(tmp_path / "a", drawn), write(tmp_path / "b", copy.deepcopy(drawn))])
    assert [(o.field, o.known) for o in found.obstacles[0]] == [("sides.against.sha256", False)]
    assert "same images is not known" in found.obstacles[0][0].why
    verdicts = {row.key: row.verdicts[0] for row in found.rows}
    assert verdicts["fid"] is not None
    assert verdicts["fid"].outcome == "incomparable"
    assert verdicts["is"] is not None
    assert verdicts["is"].outcome == "same"
    assert "FID of B against A; not comparable: compared images unknown." in render(found)


def test_a_filter_that_was_not_needed_does_not_matter(base: dict[str, Any]) -> None:
    none = changed(base, sides__against__resize="none: the images have this size")
    assert obstacles(base, none) == obstacles(none, base) == []
    others = changed(none, sides__against__sha256="00")
    fields = [o.field for o in obstacles(base, others)]
    assert fields == ["sides.against.sha256", "sides.against.resize"]
    larger = changed(none, sides__against__resolution_px=128)
    fields = [o.field for o in obstacles(base, larger)]
    assert fields == ["sides.against.resolution_px", "sides.against.resize"]


def reference(base: dict[str, Any], **facts: Any) -> dict[str, Any]:
    """The report against stored statistics of the same images."""
    told = {"kind": "reference", "path": "r.npz", "sha256": "of the file", "images": 9_988}
    told["data_sha256"] = base["sides"]["against"]["sha256"]
    report = changed(base, sides__against={**told, **facts})
    del report["protocol"]["background"]
    return report


def test_statistics_of_the_same_images_are_compared_with_a_note(
    base: dict[str, Any], tmp_path: Path
) -> None:
    own = reference(base)
    assert obstacles(base, own) == obstacles(own, base) == []
    found = compare([write(tmp_path / "a", base), write(tmp_path / "b", own)])
    row = next(row for row in found.rows if row.key == "fid")
    assert row.verdicts[0] is not None
    assert row.verdicts[0].outcome == "same"
    ((resize, background),) = found.notes
    assert resize.startswith("The resize of the images compared with is known of one report only")
    assert background.startswith("The background behind transparent pixels of")
    assert f"Note on A and B: {resize}" in text(found)
    assert f"A and B: {resize}" in render(found)
    assert unknowns(own, own) == []
    (first, _) = unknowns(own, reference(base, sha256="another file"))
    assert "is known of neither report" in first


@pytest.mark.parametrize(("digest", "known"), [("of others", True), (None, False), ("", False)])
def test_statistics_of_other_or_unknown_images_are_not(
    base: dict[str, Any], digest: str | None, known: bool
) -> None:
    own = reference(base, data_sha256=digest)
    assert [(o.field, o.known) for o in obstacles(base, own)] == [("sides.against.sha256", known)]
    assert obstacles(own, own) == []  # the same file
    assert unknowns(base, own) == []


LPIPS = {
    "lpips": "vgg", "lpips_weights_sha256": "00", "path_samples": 100, "path_epsilon": 1e-4,
    "crop": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("field", "value", "lpips"),
    [
        ("lpips", "alex", True), ("lpips_weights_sha256", "11", True),
        ("path_samples", 50, False), ("path_epsilon", 1e-3, False), ("crop", True, False),
    ],
)  # fmt: skip
def test_settings_of_lpips_are_those_of_its_metrics(
    base: dict[str, Any], field: str, value: Any, lpips: bool
) -> None:
    first = changed(base, protocol={**base["protocol"], **LPIPS})
    second = changed(first, **{f"protocol__{field}": value})
    without = copy.deepcopy(first)
    del without["protocol"][field]
    for other in (second, without):
        for found in (obstacles(first, other), obstacles(other, first)):
            assert [o.field for o in found] == [f"protocol.{field}"]
            assert found[0].concerns("ppl_w")
            assert found[0].concerns("ppl2_wend")
            assert found[0].concerns("lpips") == lpips
            assert not any(found[0].concerns(key) for key in ("fid", "kid", "is", "psnr"))
    assert obstacles(first, copy.deepcopy(first)) == []


def test_unbiased_metrics_may_have_other_numbers_of_images() -> None:
    few, many = metric(1.0, name="M"), metric(1.0, name="M", images={"a": 50_000})
    for key in ("kid", "kid_full", "ppl2_wend", "psnr", "fid_infinity"):
        assert count_obstacle(key, few, many) is None
    for key in ("fid", "fd_demo", "is", "precision", "coverage"):
        found = count_obstacle(key, few, many)
        assert found is not None
        assert "9 images here and of 50,000 there" in found.why


def test_pairs_need_the_same_draws(base: dict[str, Any], tmp_path: Path) -> None:
    better = full_report(shift=-0.6).to_dict()
    paths = [write(tmp_path / name, report) for name, report in
             (("a", base), ("b", better), ("c", changed(better, draws="others")),
              ("d", changed(better, draws=None)))]  # fmt: skip
    found = compare(paths)
    row = next(row for row in found.rows if row.key == "fid")
    assert [v.paired for v in row.verdicts if v is not None] == [True, False, False]
    assert [v.outcome for v in row.verdicts if v is not None] == ["better"] * 3
    page = render(found)
    assert "FID of B against A" in page
    assert "http" not in page
    assert "4 reports side by side" in page


def test_metrics_of_one_report_only(base: dict[str, Any], tmp_path: Path) -> None:
    other = copy.deepcopy(base)
    other["metrics"] = {"fid": other["metrics"]["fid"], "new": {**other["metrics"]["kid"],
                                                                "name": "New"}}  # fmt: skip
    found = compare([write(tmp_path / "a", base), write(tmp_path / "b", other)])
    verdicts = {row.key: row.verdicts[0] for row in found.rows}
    assert verdicts["new"] is None
    assert verdicts["kid"] is None
    assert verdicts["fid"] is not None
    assert "New" in text(found)
    assert render(found)


def test_nothing_in_common_is_said(base: dict[str, Any], tmp_path: Path) -> None:
    other = {**copy.deepcopy(base), "metrics": {}}
    found = compare([write(tmp_path / "a", base), write(tmp_path / "b", other)])
    assert "B and A have no metric in common." in render(found)


def test_what_reports_say_is_escaped(base: dict[str, Any], tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    other = changed(base, metrics__fid__name=evil, protocol__psi=evil, sides__a__path=evil,
                    metrics__kid__better=evil, features__name=evil)  # fmt: skip
    first = changed(other, protocol__psi=1.0)
    paths = [write(tmp_path / "a", first), write(tmp_path / "b", other)]
    assert "<script" not in render(compare(paths))


def test_reports_of_the_first_schema_are_read(base: dict[str, Any], tmp_path: Path) -> None:
    old = changed(base, schema_version=1)
    del old["sections"], old["undefined"], old["draws"]
    for found in old["metrics"].values():
        del found["error"], found["pseudo_values"]
    comparison = compare([write(tmp_path / "a", old), write(tmp_path / "b", base)])
    row = next(row for row in comparison.rows if row.key == "fid")
    assert row.values[0] == (12.34, None)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no report"),
        ('{"schema_version": 2, "metrics": []}', "no report"),
        ('{"schema_version": 99, "metrics": {}, "protocol": {}, "features": {}, "sides": {}}',
         "update it"),
        ('{"schema_version": 2, "metrics": {}, "protocol": {}, "features": {}, "sides": {}}',
         "report.created is missing"),
    ],
)  # fmt: skip
def test_files_that_are_no_reports(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=said):
        read_report(tmp_path)


def test_one_report_alone(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two or more"):
        compare([tmp_path])
    with pytest.raises(InputError, match="does not exist"):
        compare([tmp_path / "none", tmp_path])


def test_letters_go_on() -> None:
    assert [letter(i) for i in (0, 25, 26)] == ["A", "Z", "#27"]
