"""Folders and zips as image sets: names, pixels, sizes, broken files, errors."""

import io
import json
import os
import pickle
import shutil
import zipfile

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError

RNG = np.random.RandomState(0)


def png(size=8, mode="RGB", value=None):
    shape = (size, size, 3) if isinstance(size, int) else (size[1], size[0], 3)
    pixels = RNG.randint(0, 256, shape, np.uint8) if value is None else np.full(shape, value, "u1")
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(buffer, format="PNG")
    return buffer.getvalue()


FILES = {
    "b/2.png": png(value=20),
    "a/1.png": png(value=10),
    "c.PNG": png(value=30),
    ".hidden.png": png(),
    ".git/x.png": png(),
    "notes.txt": b"text",
}


def folder_of(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


def zip_of(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return path


@pytest.fixture(params=["folder", "zip"])
def make(request, tmp_path):
    """A function that puts files into a folder or a zip and gives its path."""
    if request.param == "folder":
        return lambda files, name="set": folder_of(tmp_path / name, files)
    return lambda files, name="set": zip_of(tmp_path / f"{name}.zip", files)


def opened(path, **options):
    return open_images(DataConfig(path=str(path), **options))


def test_names_are_sorted_and_hidden_files_left_out(make):
    images = opened(make(FILES))
    assert images.names == ("a/1.png", "b/2.png", "c.PNG")
    assert [int(images[i][0][0, 0, 0]) for i in range(3)] == [10, 20, 30]
    assert (images.name, images.resolution, images.channels) == ("set", 8, 3)
    assert (images.num_classes, images.class_names, images.skipped) == (0, (), [])
    with pytest.raises(IndexError):
        images[3]


def test_pixels_are_the_files(make):
    content = png(16)
    images = opened(make({"x.png": content}))
    expected = np.asarray(Image.open(io.BytesIO(content))).transpose(2, 0, 1)
    x, label = images[0]
    assert x.dtype == torch.uint8
    assert np.array_equal(x.numpy(), expected)
    assert label == 0


def test_load_all_equals_item_by_item(make):
    images = opened(make({f"{i}.png": png() for i in range(75)}))
    seen = []
    x, y = images.load_all(progress=lambda done, total: seen.append((done, total)))
    assert torch.equal(x, torch.stack([images[i][0] for i in range(75)]))
    assert torch.equal(y, torch.zeros(75, dtype=torch.int64))
    assert x.nelement() == images.num_bytes
    assert seen[-1] == (75, 75)


@pytest.mark.parametrize(("channels", "last"), [(1, None), (2, 255), (3, None), (4, 255)])
def test_channels(make, channels, last):
    x, _ = opened(make({"x.png": png(mode="L")}), channels=channels)[0]
    assert x.shape == (channels, 8, 8)
    assert last is None or (x[-1] == last).all()


def test_crop_resize_and_filter(make):
    pixels = RNG.randint(0, 256, (8, 12, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG")
    x, _ = opened(make({"x.png": buffer.getvalue()}), resolution=4, filter="box")[0]
    means = pixels[:, 2:10].reshape(4, 2, 4, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    assert np.abs(x.numpy() - means).max() <= 1


def test_background(make):
    buffer = io.BytesIO()
    Image.new("RGBA", (4, 4)).save(buffer, format="PNG")
    path = make({"x.png": buffer.getvalue()})
    assert opened(path)[0][0].unique().tolist() == [255]
    assert opened(path, background="#010203")[0][0][:, 0, 0].tolist() == [1, 2, 3]


def test_broken_files_are_skipped_with_their_reason(make):
    good = png(32)
    files = {"0.png": b"", "1.png": good, "2.png": good[:900], "3.png": b"<html>", "4.png": good}
    images = opened(make(files), resolution=32)
    x, y = images.load_all()
    assert len(images) == len(x) == len(y) == 2
    assert images.names == ("1.png", "4.png")
    reasons = dict(images.skipped)
    assert sorted(reasons) == ["0.png", "2.png", "3.png"]
    assert "truncated" in reasons["2.png"]
    assert "not a png" in reasons["3.png"]


def test_streaming_gives_the_next_image_for_a_broken_one(make, caplog):
    good = png(32)
    files = {"1.png": good, "2.png": good[:900], "3.png": png(32, value=7), "4.png": good[:900]}
    images = opened(make(files), resolution=32)
    assert len(images) == 4
    assert images[1][0].unique().tolist() == [7]
    assert torch.equal(images[3][0], images[0][0])
    assert torch.equal(images[1][0], images[2][0])
    assert [name for name, _ in images.skipped] == ["2.png", "4.png"]
    assert sum("took the next image" in r.message for r in caplog.records) == 2


def test_sizes_without_a_resolution(make):
    with pytest.raises(InputError, match=r"differ in size: 8x8 \(a.png\) and 9x9 \(c.png\); give"):
        opened(make({"a.png": png(8), "b.png": b"", "c.png": png(9)}, "differ"))
    images = opened(make({"a.png": png((8, 6)), "b.png": b""}, "oblong"))
    assert (images.width, images.height, images.names) == (8, 6, ("a.png",))
    with pytest.raises(InputError, match="read at 8x6 pixels; squares are wanted here"):
        assert images.resolution


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_rectangles_are_cropped_to_their_shape(make, channels):
    pixels = RNG.randint(0, 256, (8, 20, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("RGBA").save(buffer, format="PNG")
    images = opened(
        make({"x.png": buffer.getvalue()}), resolution=(6, 4), filter="box", channels=channels
    )
    x = images[0][0]
    assert x.shape == (channels, 4, 6)  # the middle 12 of 20 columns, halved
    assert images.num_bytes == channels * 24
    means = pixels[:, 4:16].reshape(4, 2, 6, 2, 3).mean((1, 3)).transpose(2, 0, 1)
    if channels > 2:
        assert np.abs(x[:3].numpy() - means).max() <= 1
    if channels in (2, 4):
        assert (x[-1] == 255).all()


def test_digest_depends_on_contents_not_on_place(make):
    files = {"a.png": png(), "b.png": png()}
    first, again = opened(make(files, "one")), opened(make(files, "two"))
    other = opened(make({**files, "b.png": png()}, "three"))
    renamed = opened(make({"a.png": files["a.png"], "c.png": files["b.png"]}, "four"))
    assert first.digest == again.digest
    assert len({first.digest, other.digest, renamed.digest}) == 3
    labelled = opened(make({**files, "dataset.json": b"{}"}, "five"))
    assert labelled.digest != first.digest


def test_sets_travel_to_worker_processes(make):
    images = opened(make({f"{i}.png": png(value=i) for i in range(6)}))
    copy = pickle.loads(pickle.dumps(images))
    assert torch.equal(copy[5][0], images[5][0])
    loader = torch.utils.data.DataLoader(images, batch_size=3, num_workers=1)
    values = torch.cat([x[:, 0, 0, 0] for x, _ in loader])
    assert values.tolist() == [0, 1, 2, 3, 4, 5]


def test_all_broken_and_empty(make):
    with pytest.raises(InputError, match=r"None of the 2 images in .* can be used \(a.png: "):
        opened(make({"a.png": b"x", "b.png": b"y"}, "broken"), resolution=8)
    with pytest.raises(InputError, match="None of the 1 images"):
        opened(make({"a.png": b"x"}, "broken1"))
    with pytest.raises(InputError, match="holds no image file; wanted at least one of png, jpg"):
        opened(make({"readme.txt": b"x"}, "empty"))


def test_files_that_vanish_after_opening(tmp_path):
    images = opened(folder_of(tmp_path / "set", {"a.png": png(), "b.png": png()}))
    shutil.rmtree(tmp_path / "set")
    with pytest.raises(InputError, match="is it still there"):
        images[0]


def test_paths_that_are_no_set(tmp_path):
    with pytest.raises(InputError, match=r"There is nothing at .*; give a folder"):
        opened(tmp_path / "none")
    (tmp_path / "a.png").write_bytes(png())
    with pytest.raises(InputError, match=r"neither a folder nor a \.zip file"):
        opened(tmp_path / "a.png")
    (tmp_path / "bad.zip").write_bytes(b"PK\x03\x04 not really")
    with pytest.raises(InputError, match="not a readable zip file"):
        opened(tmp_path / "bad.zip")
    whole = zip_of(tmp_path / "whole.zip", {"a.png": png(64)}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a readable zip file"):
        opened(tmp_path / "cut.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_damaged_zip_entries_are_skipped(tmp_path, method):
    files = {"a.png": png(32), "b.png": png(32)}
    path = zip_of(tmp_path / "x.zip", files, compression=method)
    data = bytearray(path.read_bytes())
    for at in range(200, 1200):
        data[at] ^= 0x5A
    path.write_bytes(data)
    images = opened(path, resolution=32)
    x, _ = images.load_all()
    assert len(x) == 1
    assert images.skipped[0][0] == "a.png"
    assert "broken in the zip" in images.skipped[0][1]


def test_links_are_followed_but_not_in_circles(tmp_path):
    folder_of(tmp_path / "set", {"a.png": png()})
    folder_of(tmp_path / "other", {"b.png": png()})
    os.symlink(tmp_path / "other", tmp_path / "set" / "linked")
    os.symlink(tmp_path / "set", tmp_path / "set" / "circle")
    os.symlink(tmp_path / "gone.png", tmp_path / "set" / "dangling.png")
    images = opened(tmp_path / "set", resolution=8)
    assert images.names == ("a.png", "dangling.png", "linked/b.png")
    images.load_all()
    assert images.skipped == [("dangling.png", "No such file or directory")]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"resolution": 0}, "resolution should be 1 to 8192 pixels, not 0"),
        ({"resolution": 10**6}, "not 1000000"),
        ({"resolution": (64, 0)}, "not 64x0"),
        ({"resolution": (64, 64, 3)}, r"a side or \(width, height\) in pixels, not \(64, 64, 3\)"),
        ({"resolution": (64, 2.5)}, "in pixels, not"),
        ({"channels": 5}, "1, 2, 3 or 4 channels, not 5"),
        ({"filter": "nearest"}, "one of lanczos, box, bicubic, not 'nearest'"),
        ({"background": "whitish"}, "A colour should be a name"),
    ],
)
def test_wrong_settings(make, options, sentence):
    with pytest.raises(InputError, match=sentence):
        opened(make({"a.png": png()}), **options)


def test_real_zips(shared):
    images = opened(shared / "data/images/noto_emoji_128.zip", resolution=32, channels=4)
    assert len(images) == 3583
    assert images[100][0].shape == (4, 32, 32)
    cifar = opened(shared / "data/images/cifar10_train_32.zip", resolution=32, labels=True)
    assert cifar.labels.bincount().tolist() == [5000] * 10
    assert cifar.class_names[:3] == ("airplane", "automobile", "bird")


def test_unreadable_json_names_the_set(make):
    files = {"a.png": png(), "dataset.json": json.dumps([1]).encode()}
    with pytest.raises(InputError, match=r"dataset.json of .*set.* should be an object"):
        opened(make(files), labels=True)
