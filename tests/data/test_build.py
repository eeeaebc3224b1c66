import io
import json
import os
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.data import DataConfig, build, open_images
from stylegen.errors import InputError

RNG = np.random.RandomState(0)


def png(width=12, height=8, mode="RGB"):
    buffer = io.BytesIO()
    pixels = RNG.randint(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).convert(mode).save(buffer, format="PNG")
    return buffer.getvalue()


def built(src, dst, resolution=None, *, overwrite=False, progress=None, **options):
    config = DataConfig(path=str(src), resolution=resolution, **options)
    return build(config, dst, overwrite=overwrite, progress=progress)


@pytest.fixture
def src(tmp_path):
    files = {"cat/1.png": png(), "cat/2.png": png(20, 9), "dog/1.png": png(mode="L")}
    for name, content in {**files, "dog/broken.png": b"x"}.items():
        (tmp_path / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "src" / name).write_bytes(content)
    return tmp_path / "src"


def read_json(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("dataset.json"))


def test_built_set_holds_what_reading_the_source_gives(src, tmp_path):
    seen = []
    report = built(src, tmp_path / "dst.zip", 4, progress=lambda *a: seen.append(a))
    assert (report.count, report.resolution, report.class_names) == (3, 4, ("cat", "dog"))
    assert [name for name, _ in report.skipped] == ["dog/broken.png"]
    assert seen[-1] == (4, 4)
    direct = open_images(DataConfig(path=str(src), resolution=4, labels=True)).load_all()
    result = open_images(DataConfig(path=str(tmp_path / "dst.zip"), labels=True))
    assert result.resolution == 4
    assert result.class_names == ("cat", "dog")
    for ours, theirs in zip(result.load_all(), direct, strict=True):
        assert torch.equal(ours, theirs)


def test_provenance(src, tmp_path):
    built(src, tmp_path / "dst.zip", 4, filter="box", channels=1, background="black")
    values = read_json(tmp_path / "dst.zip")
    assert values["labels"] == [["cat/1.png", 0], ["cat/2.png", 0], ["dog/1.png", 1]]
    assert values["class_names"] == ["cat", "dog"]
    source = open_images(DataConfig(path=str(src), resolution=4))
    assert values["provenance"] == {
        "made_by": "stylegen data build",
        "source": "src",
        "source_digest": source.digest,
        "resolution": 4,
        "channels": 1,
        "background": "black",
        "crop": "centre square",
        "filter": "box",
        "count": 3,
        "skipped": [["dog/broken.png", "not a png, jpg, webp, bmp or tiff image"]],
    }
    assert str(tmp_path) not in json.dumps(values)


def test_stored_and_the_same_bytes_each_time(src, tmp_path):
    for name in ("one.zip", "two.zip"):
        built(src, tmp_path / name, 4)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "one.zip") as file:
        assert {i.compress_type for i in file.infolist()} == {zipfile.ZIP_STORED}
        assert file.testzip() is None


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "LA"), (3, "RGB"), (4, "RGBA")])
def test_channels(src, tmp_path, channels, mode):
    built(src, tmp_path / "dst.zip", 4, channels=channels)
    with zipfile.ZipFile(tmp_path / "dst.zip") as file, file.open("cat/1.png") as entry:
        assert Image.open(entry).mode == mode


def test_names_that_would_collide(tmp_path):
    (tmp_path / "src").mkdir()
    for name in ("a.png", "a.bmp", "a.bmp.png", "ä.png"):
        Image.new("RGB", (4, 4), (RNG.randint(256), 0, 0)).save(tmp_path / "src" / name)
    report = built(tmp_path / "src", tmp_path / "dst.zip")
    result = open_images(DataConfig(path=str(tmp_path / "dst.zip")))
    assert report.count == len(set(result.names)) == 4


def test_loose_images_are_unlabelled(tmp_path):
    (tmp_path / "src" / "cat").mkdir(parents=True)
    for name in ("a.png", "cat/b.png"):
        (tmp_path / "src" / name).write_bytes(png())
    assert built(tmp_path / "src", tmp_path / "dst.zip", 4).class_names == ()
    assert read_json(tmp_path / "dst.zip")["labels"] is None


def test_overwriting_only_when_asked(src, tmp_path):
    target = tmp_path / "dst.zip"
    target.write_bytes(b"precious")
    with pytest.raises(InputError, match="exists already; give another name or --overwrite"):
        built(src, target, 4)
    assert target.read_bytes() == b"precious"
    built(src, target, 4, overwrite=True)
    built(target, target, 2, overwrite=True)  # even onto itself
    assert open_images(DataConfig(path=str(target))).resolution == 2


def test_failure_leaves_nothing(src, tmp_path):
    (src / "dataset.json").write_text("{")
    with pytest.raises(InputError, match="not valid JSON"):
        built(src, tmp_path / "dst.zip", 4)
    assert os.listdir(tmp_path) == ["src"]


def test_wrong_targets(src, tmp_path):
    with pytest.raises(InputError, match=r"should end in \.zip"):
        built(src, tmp_path / "dst.tar", 4)
    with pytest.raises(InputError, match="does not exist; create it first"):
        built(src, tmp_path / "none" / "dst.zip", 4)
    with pytest.raises(InputError, match="differ in size"):
        built(src, tmp_path / "dst.zip")


def test_rectangles(src, tmp_path):
    report = built(src, tmp_path / "dst.zip", (6, 4))
    assert report.resolution == (6, 4)
    images = open_images(DataConfig(path=str(tmp_path / "dst.zip")))  # one size: none to be named
    assert (images.width, images.height) == (6, 4)
    assert images.load_all()[0].shape == (3, 3, 4, 6)
    provenance = read_json(tmp_path / "dst.zip")["provenance"]
    assert (provenance["resolution"], provenance["crop"]) == ([6, 4], "centre 3:2")
    direct = open_images(DataConfig(path=str(src), resolution=(6, 4))).load_all()[0]
    assert torch.equal(images.load_all()[0], direct)
