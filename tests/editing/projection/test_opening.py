"""Which distances a report gives."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.editing.projection import opening
from stylegen.editing.projection.distances import Pyramid
from stylegen.editing.projection.opening import open_distances
from stylegen.editing.projection.perceptual import lpips_at_hand
from stylegen.errors import InputError
from tests.editing.projection import small

SQUEEZENET = "data/weights/squeezenet1_1_caffe_features.pth"


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of torch.hub without weights."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    return tmp_path / "hub" / "checkpoints"


def names(tmp_path: Path, *asked: Any, channels: int = 3, **more: Any) -> list[str]:
    g = small.generator(img_channels=channels)
    d = small.discriminator(g)
    path = tmp_path / "s.safetensors"
    save_snapshot(path, g, d, SnapshotInfo(generator=g.config, discriminator=d.config))
    return [distance.name for distance in open_distances(path, g, *asked, **more)]


def test_the_discriminators_is_always_reported(tmp_path: Path) -> None:
    assert names(tmp_path, "discriminator") == ["discriminator"]
    assert names(tmp_path, "pyramid") == ["pyramid", "discriminator"]
    assert names(tmp_path, "discriminator", ("pyramid", "discriminator")) == [
        "discriminator", "pyramid",
    ]  # fmt: skip


def test_lpips_is_reported_where_its_weights_lie(
    tmp_path: Path, empty_hub: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    assert not lpips_at_hand()
    for name in ("weights-vgg16-lpips.pth", "vgg16-397923af.pth"):
        assert names(tmp_path, "discriminator") == ["discriminator"]
        (empty_hub / name).write_text("no weights")
    assert lpips_at_hand()

    def broken(device: torch.device) -> None:
        raise InputError("the distance lpips-vgg could not get its weights")

    monkeypatch.setattr(opening, "LpipsDistance", broken)
    assert names(tmp_path, "pyramid") == ["pyramid", "discriminator"]
    assert "lpips-vgg is not reported: the distance lpips-vgg could not" in caplog.text
    lpips = type("Lpips", (Pyramid,), {"name": "lpips-vgg"})
    monkeypatch.setattr(opening, "LpipsDistance", lambda device: lpips())
    assert names(tmp_path, "pyramid") == ["pyramid", "discriminator", "lpips-vgg"]
    assert names(tmp_path, "discriminator", channels=4) == ["discriminator"]


def test_squeezenet_is_reported_where_its_weights_are_given(tmp_path: Path, shared: Path) -> None:
    weights = shared / SQUEEZENET
    assert names(tmp_path, "pyramid", weights=weights) == [
        "pyramid", "discriminator", "squeezenet",
    ]  # fmt: skip
    assert names(tmp_path, "squeezenet", weights=weights) == ["squeezenet", "discriminator"]


def test_what_cannot_be_reported_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights file at"):
        names(tmp_path, "discriminator", weights=tmp_path / "absent.pth")
    with pytest.raises(InputError, match="squeezenet compares grey or RGB images, but this"):
        names(tmp_path, "discriminator", weights=tmp_path / "absent.pth", channels=4)
    with pytest.raises(InputError, match="lpips-vgg compares grey or RGB images, but this"):
        names(tmp_path, "discriminator", ("lpips-vgg",), channels=2)
