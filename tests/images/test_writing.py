import os

import numpy as np
import pytest
import torch
from PIL import Image

from stylegen.errors import InputError
from stylegen.files import atomic_path
from stylegen.images import read_image, save_image

X = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (3, 4, 5), np.uint8))


def test_saved_image_reads_back(tmp_path):
    save_image(X, tmp_path / "a.png")
    assert np.array_equal(np.asarray(read_image(tmp_path / "a.png")), X.permute(1, 2, 0).numpy())
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.bmp", "a.tiff"])
def test_other_formats(tmp_path, name):
    save_image(Image.new("RGB", (4, 4), "red"), tmp_path / name)
    with Image.open(tmp_path / name) as image:
        assert image.size == (4, 4)


def test_parents_only_when_asked(tmp_path):
    target = tmp_path / "new" / "deep" / "a.png"
    with pytest.raises(InputError, match="does not exist; create it first"):
        save_image(X, target)
    save_image(X, target, parents=True)
    assert target.is_file()


def test_failure_leaves_the_old_file(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_refusals(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"should end in one of \.png"):
        save_image(X, tmp_path / "a.xyz")
    with pytest.raises(InputError, match="cannot hold transparency"):
        save_image(Image.new("RGBA", (2, 2)), tmp_path / "a.jpg")
    (tmp_path / "b.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        save_image(X, tmp_path / "b.png")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not be written"):
        save_image(X, tmp_path / "a.png")
