"""What a check finds in sets with known faults."""

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen.data import check
from stylegen.data.telling import findings, summary, write_json
from stylegen.errors import InputError

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None
assert _spec.loader is not None
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)
encoded, pattern, write = drawn.encoded, drawn.pattern, drawn.write


@pytest.fixture
def clean(tmp_path):
    return write(tmp_path / "set", {f"{i:02d}.png": encoded(pattern(i)) for i in range(12)})


def found(report, kind):
    return [(f.names, f.detail) for f in report.of_kind(kind)]


def kinds(report):
    return {finding.kind for finding in report.findings}


def test_a_clean_set(clean):
    seen = []
    report = check(clean, progress=lambda *a: seen.append(a))
    assert report.is_clean
    assert seen[-1] == (12, 12)
    assert (report.count, report.usable, report.classes, report.others) == (12, 12, {}, ())
    assert (report.sizes, report.kinds, report.formats) == (
        {(32, 32): 12}, {"RGB": 12}, {"PNG": 12}
    )  # fmt: skip
    assert report.suggested_channels == 3
    pixels = np.stack([np.asarray(pattern(i)) for i in range(12)]).reshape(-1, 3).astype(float)
    assert list(report.channels) == ["red", "green", "blue"]
    for c, (mean, std) in enumerate(report.channels.values()):
        assert mean == pytest.approx(pixels[:, c].mean(), abs=1e-3)
        assert std == pytest.approx(pixels[:, c].std(), abs=1e-3)
    assert "nothing found" in list(findings(report))


def test_broken_and_doubled(clean):
    write(clean, {
        "a.png": b"", "b.jpg": encoded(pattern(90), "JPEG")[:200],
        "copy.png": encoded(pattern(3)), "copy2.bmp": encoded(pattern(3), "BMP"),
        "near.jpg": encoded(pattern(4), "JPEG", quality=70),
        "turned.png": encoded(pattern(5).transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        "white.png": encoded(Image.new("RGB", (32, 32), "white")),
    })  # fmt: skip
    report = check(clean)
    assert (report.count, report.usable) == (19, 17)
    assert [names for names, _ in found(report, "broken")] == [("a.png",), ("b.jpg",)]
    assert all(detail for _, detail in found(report, "broken"))
    assert found(report, "exact duplicates") == [(("03.png", "copy.png", "copy2.bmp"), "")]
    assert found(report, "near duplicates") == [
        (("04.png", "near.jpg"), ""), (("05.png", "turned.png"), "mirrored")
    ]  # fmt: skip
    assert found(report, "one colour") == [(("white.png",), "shows nothing")]
    assert kinds(report) == {"broken", "exact duplicates", "near duplicates", "one colour"}


def test_kinds_of_pixels(clean):
    image = pattern(50)
    grey16 = Image.fromarray(np.asarray(pattern(51).convert("L")).astype(np.uint16) * 257)
    write(clean, {
        "cmyk.jpg": encoded(pattern(52).convert("CMYK"), "JPEG"), "deep.png": encoded(grey16),
        "grey.png": encoded(pattern(53).convert("L")), "palette.png": encoded(image.quantize(64)),
        "alpha.png": encoded(pattern(54).convert("RGBA")), "jpeg.png": encoded(pattern(55), "JPEG"),
        "film.webp": encoded(
            pattern(56), "WEBP", save_all=True, append_images=[pattern(57)], lossless=True
        ),
    })  # fmt: skip
    usual = "where RGB is usual"
    assert found(check(clean), "odd kind") == [
        (("alpha.png",), f"RGBA, {usual}"),
        (("cmyk.jpg",), f"CMYK, {usual}"),
        (("deep.png",), f"16-bit grey, {usual}"),
        (("film.webp",), "holds 2 pictures, of which the first is read"),
        (("grey.png",), f"grey, {usual}"),
        (("jpeg.png",), "is a JPEG file"),
        (("palette.png",), f"palette, {usual}"),
    ]


def test_sizes_among_each_other(clean):
    write(clean, {"small.png": encoded(pattern(60, 15, 15)), "w.png": encoded(pattern(61, 40, 32))})
    report = check(clean)
    assert found(report, "too small") == [(("small.png",), "15x15, where 32 px is usual")]
    assert found(report, "odd size") == [
        (("small.png",), "15x15, where 32x32 is usual"), (("w.png",), "40x32, where 32x32 is usual")
    ]  # fmt: skip


def test_sizes_without_a_usual_one(tmp_path):
    files = {f"{i}.png": encoded(pattern(i, 30 + i, 30)) for i in range(4)}
    report = check(write(tmp_path, files))
    assert found(report, "odd size") == [
        ((), "the files have 4 sizes; training needs --resolution")
    ]


def test_sizes_against_a_wanted_one(tmp_path):
    sizes = {"fits": (96, 64), "larger": (200, 130), "low": (96, 63), "tall": (96, 300)}
    files = {f"{n}.png": encoded(pattern(i, *s)) for i, (n, s) in enumerate(sizes.items())}
    report = check(write(tmp_path, files), (96, 64))
    assert found(report, "too small") == [(("low.png",), "96x63, would be enlarged by 2%")]
    assert found(report, "odd size") == [(("tall.png",), "96x300, the crop keeps 21% of it")]


def test_labels(tmp_path):
    files = {f"{c}{i:02d}.png": encoded(pattern(100 * c + i)) for c in (1, 2) for i in range(11)}
    rare = {"rare.png": encoded(pattern(1)), "same.png": encoded(pattern(100)),
            "bare.png": encoded(pattern(2))}  # fmt: skip
    folder = write(tmp_path, files | rare)
    labels = [[name, name[0] == "2"] for name in files]
    labels = [[name, int(is_two)] for name, is_two in labels]
    labels += [["rare.png", 2], ["same.png", 1], ["gone.png", 0]]
    names = ["one", "two", "three", "four"]
    (folder / "dataset.json").write_text(json.dumps({"labels": labels, "class_names": names}))
    report = check(folder)
    assert found(report, "labels") == [
        (("bare.png",), "has no class"), (("gone.png",), "has a class, but is not there"),
        ((), "class three has 1 image"), ((), "class four has no images"),
    ]  # fmt: skip
    assert found(report, "exact duplicates") == [
        (("100.png", "same.png"), "in 2 classes: one, two")
    ]
    assert report.classes == {"one": 11, "two": 12, "three": 1, "four": 0}


def test_channels_that_suffice(tmp_path):
    grey = write(tmp_path / "grey", {
        f"{i}.png": encoded(pattern(i).convert("L").convert("RGB")) for i in range(3)
    })  # fmt: skip
    assert check(grey).suggested_channels == 1
    clear = pattern(1).convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.uint8([0, 255]), (32, 16))))
    report = check(write(tmp_path / "clear", {"a.png": encoded(clear)}), background="black")
    assert report.suggested_channels == 4
    assert report.channels["alpha"] == (127.5, 127.5)
    red = np.asarray(pattern(1))[:, 1::2, 0].sum() / 1024
    assert report.channels["red"][0] == pytest.approx(red, abs=1e-3)


def test_files_that_are_not_read(clean):
    write(clean, {"notes.txt": b"", "x/a.gif": b"", "labels.csv": b"", ".hidden": b""})
    assert check(clean).others == ("notes.txt", "x/a.gif")


def test_a_set_without_any_good_file(tmp_path):
    report = check(write(tmp_path, {"a.png": b"x", "b.png": b"y"}))
    assert (report.usable, kinds(report)) == (0, {"broken"})
    assert list(summary(report))


def test_a_zip_gives_what_its_folder_gives(clean, tmp_path):
    write(clean, {"x.png": b"", "y.png": encoded(pattern(1))})
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for path in clean.iterdir():
            file.write(path, path.name)
    report, zipped = check(clean), check(tmp_path / "set.zip")
    assert zipped.findings == report.findings
    assert {**zipped.to_dict(), "path": ""} == {**report.to_dict(), "path": ""}


def test_json_holds_all(clean, tmp_path):
    write(clean, {"x.png": b""})
    report = check(clean)
    write_json(report, tmp_path / "report.json")
    values = json.loads((tmp_path / "report.json").read_text())
    assert values == json.loads(json.dumps(report.to_dict()))
    assert values["findings"][0]["names"] == ["x.png"]
    assert values["sizes"] == [{"width": 32, "height": 32, "files": 12}]


def test_text_is_cut_off_where_asked(clean):
    write(clean, {f"x{i}.png": b"" for i in range(5)})
    report = check(clean)
    lines = list(findings(report, 2))
    assert lines[0] == "broken: 5"
    assert lines[-1] == "  and 3 more"
    assert len(list(findings(report, 0))) == 6


def test_wrong_requests(clean):
    with pytest.raises(InputError, match=r"similarity is 0.1; wanted 0.5 to 1"):
        check(clean, similarity=0.1)
    with pytest.raises(InputError, match="1 to 8192 pixels"):
        check(clean, 0)
    with pytest.raises(InputError, match="There is nothing at"):
        check(clean / "none")
