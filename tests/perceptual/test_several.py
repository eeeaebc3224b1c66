"""Several networks fed at once give what each gives alone, and share what they can."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.errors import InputError
from stylegen.perceptual import open_features
from stylegen.perceptual.several import FeatureKey, full_key, open_several
from tests.perceptual.published import smooth_pictures

SQUEEZENET = "data/weights/squeezenet1_1_caffe_features.pth"


def test_one_inception_for_three_resizes(inception: tuple[str, Any], shared: Path) -> None:
    keys = [
        FeatureKey("inception"),
        FeatureKey("inception", "clean"),
        FeatureKey("inception", "tf1"),
        FeatureKey("squeezenet"),
    ]
    files: dict[str, str | Path] = {"inception": inception[0], "squeezenet": shared / SQUEEZENET}
    networks = open_several(keys, files)
    assert list(networks.networks) == [
        ("inception", "tf1", "fp32"), ("inception", "clean", "fp32"), ("squeezenet", None, "fp32"),
    ]  # fmt: skip
    assert networks[keys[0]] is networks[keys[2]]
    weights = {id(p) for p in networks[keys[0]].parameters()}
    assert weights == {id(p) for p in networks[keys[1]].parameters()}
    images = smooth_pictures(2, seed=1)[:, :1]
    with torch.inference_mode():
        found = networks(images)
        expected = inception[1](images.repeat(1, 3, 1, 1))[0]
        assert torch.equal(found[full_key(keys[0])].pool, expected)
        for name, resize in (("inception", "clean"), ("squeezenet", None)):
            alone = open_features(name, files[name], resize=resize)  # type: ignore[arg-type]
            assert torch.equal(found[full_key(FeatureKey(name, resize))].pool, alone(images).pool)  # type: ignore[arg-type]
    assert not torch.equal(found[full_key(keys[1])].pool, expected)


def test_keys_are_checked() -> None:
    with pytest.raises(InputError, match="in its own way"):
        open_several([FeatureKey("squeezenet", "clean")])
    with pytest.raises(InputError, match="no feature network is called"):
        full_key(FeatureKey("vgg"))
