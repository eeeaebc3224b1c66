"""Mended copies: what is in them, what is left out, and that nothing else is touched."""

import importlib.util
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegen.data import DataConfig, check, mend, open_images
from stylegen.data.archive import new_folder
from stylegen.errors import InputError

_spec = importlib.util.spec_from_file_location("drawn", Path(__file__).with_name("drawn.py"))
assert _spec is not None
assert _spec.loader is not None
drawn = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(drawn)
encoded, pattern, write = drawn.encoded, drawn.pattern, drawn.write

GREY16 = Image.fromarray(np.asarray(pattern(51).convert("L")).astype(np.uint16) * 257)
FILES = {
    "cat/1.png": encoded(pattern(1)),
    "cat/2.jpg": encoded(pattern(2), "JPEG", quality=90),
    "cat/2.png": encoded(pattern(9).quantize(200)),
    "cat/3.png": encoded(pattern(1)),
    "cat/4.png": b"broken",
    "dog/1.png": encoded(pattern(3).convert("RGBA")),
    "dog/2.jpg": encoded(pattern(4).convert("CMYK"), "JPEG", quality=95),
    "dog/3.png": encoded(pattern(5), "JPEG"),
    "dog/4.tif": encoded(GREY16, "TIFF"),
    "dog/5.png": encoded(pattern(6)),
}


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "set", FILES)


def content(path):
    if path.is_dir():
        return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if not p.is_dir()}
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.mark.parametrize("name", ["copy", "copy.zip"])
def test_a_mended_copy(source, tmp_path, name):
    report = check(source)
    mended = mend(report, tmp_path / name)
    assert content(source) == FILES
    assert (mended.count, mended.converted, mended.channels) == (8, 5, 3)
    assert dict(mended.left_out) == {
        "cat/3.png": "the same as cat/1.png",
        "cat/4.png": "not a png, jpg, webp, bmp or tiff image",
    }
    files = content(tmp_path / name)
    metadata = json.loads(files.pop("dataset.json"))
    for unchanged in ("cat/1.png", "cat/2.jpg", "dog/5.png"):
        assert files[unchanged] == FILES[unchanged]
    assert sorted(files) == [
        "cat/1.png", "cat/2.jpg", "cat/2.png",
        "dog/1.png", "dog/2.png", "dog/3.png", "dog/4.png", "dog/5.png",
    ]  # fmt: skip
    assert metadata["class_names"] == ["cat", "dog"]
    assert dict(metadata["labels"]) == {n: int(n.startswith("dog")) for n in files}
    assert metadata["provenance"]["left_out"] == [list(pair) for pair in mended.left_out]
    again = check(tmp_path / name)
    assert {f.kind for f in again.findings} == {"labels"}  # two small classes, as before
    assert again.kinds == {"RGB": 8}
    kept = [n for n in report.source.names if n not in dict(mended.left_out)]
    before = open_images(DataConfig(path=str(source), resolution=32))
    after = open_images(DataConfig(path=str(tmp_path / name), labels=True))
    for old, new in zip(kept, after.names, strict=True):
        assert np.array_equal(before.decode(old), after.decode(new))


def test_sizes_channels_and_background(source, tmp_path):
    mended = mend(
        check(source), tmp_path / "copy", (24, 16), channels=4, background="black", filter="box"
    )
    assert (mended.count, mended.converted) == (8, 8)
    after = open_images(DataConfig(path=str(tmp_path / "copy"), channels=4))
    assert (after.width, after.height) == (24, 16)
    config = DataConfig(path=str(source), resolution=(24, 16), channels=4, filter="box")
    before = open_images(config)
    assert np.array_equal(after.decode("dog/4.png"), before.decode("dog/4.tif"))


def test_most_files_say_what_the_copy_holds(tmp_path):
    grey = {f"{i}.png": encoded(pattern(i).convert("L")) for i in range(3)}
    folder = write(tmp_path / "grey", grey | {"x.png": encoded(pattern(8))})
    assert mend(check(folder), tmp_path / "a").channels == 1
    clear = pattern(1).convert("RGBA")
    clear.putalpha(0)
    clear.putpixel((3, 3), (1, 2, 3, 200))
    folder = write(tmp_path / "clear", {"a.png": encoded(clear)})
    mended = mend(check(folder), tmp_path / "b")
    assert (mended.channels, mended.converted) == (4, 0)


def test_turned_and_several_pictures_are_stored_anew(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    files = {
        "a.jpg": encoded(pattern(1, 20, 30), "JPEG", exif=exif),
        "b.webp": encoded(pattern(2), "WEBP", save_all=True, append_images=[pattern(3)]),
    }
    mended = mend(check(write(tmp_path / "set", files)), tmp_path / "copy")
    assert mended.converted == 2
    with Image.open(tmp_path / "copy" / "a.png") as image:
        assert image.size == (30, 20)


def test_files_without_a_class_are_left_out_of_a_labelled_set(source, tmp_path):
    (source / "labels.csv").write_text("cat/1.png,tabby\ndog/5.png,pug\n")
    mended = mend(check(source), tmp_path / "copy")
    assert mended.count == 2
    assert dict(mended.left_out)["dog/1.png"] == "has no class"
    images = open_images(DataConfig(path=str(tmp_path / "copy"), labels=True))
    assert (images.class_names, images.labels.tolist()) == (("pug", "tabby"), [1, 0])


def test_nothing_is_replaced_and_the_source_not_written(source, tmp_path):
    report = check(source)
    (tmp_path / "there").mkdir()
    (tmp_path / "there.zip").write_bytes(b"precious")
    for name in ("there", "there.zip", "set"):
        with pytest.raises(InputError, match="exists already; give another name"):
            mend(report, tmp_path / name)
    with pytest.raises(InputError, match=r"lies in .*set, which is not to be touched"):
        mend(report, source / "cat" / "copy.zip")
    with pytest.raises(InputError, match="1, 2, 3 or 4 channels, not 5"):
        mend(report, tmp_path / "new", channels=5)
    with pytest.raises(InputError, match="does not exist; create it first"):
        mend(report, tmp_path / "none" / "copy")
    assert content(source) == FILES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["set", "there", "there.zip"]


def test_no_image_is_left(tmp_path):
    report = check(write(tmp_path / "set", {"a.png": b"x"}))
    for name in ("copy", "copy.zip"):
        with pytest.raises(InputError, match=r"No image of .* is left to write"):
            mend(report, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["set"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    def fail():
        with new_folder(tmp_path / "new") as folder:
            folder.add("a/b.txt", b"x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert not list(tmp_path.iterdir())
