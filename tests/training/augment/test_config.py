"""Configurations: the published numbers, ranges, and the way through JSON."""

import json
import subprocess
import sys
from typing import Any

import pytest

from stylegen.configs import from_dict, to_dict
from stylegen.errors import InputError
from stylegen.training.augment import AugmentConfig, Magnitudes
from stylegen.training.augment.config import PIPES


def test_pipes_are_the_published_unions() -> None:
    six = ("blit", "geom", "color", "filter", "noise", "cutout")
    assert {name: groups for name, groups in PIPES.items() if len(groups) == 1} == {
        name: (name,) for name in six
    }
    unions = ("bg", "bgc", "bgcf", "bgcfn", "bgcfnc")
    assert [PIPES[name] for name in unions] == [six[:count] for count in (2, 3, 4, 5, 6)]
    assert len(PIPES) == 11


def test_published_magnitudes() -> None:
    assert to_dict(Magnitudes()) == {
        "xint_max": 0.125, "scale_std": 0.2, "rotate_max": 1.0, "aniso_std": 0.2,
        "xfrac_std": 0.125, "brightness_std": 0.2, "contrast_std": 0.5, "hue_max": 1.0,
        "saturation_std": 1.0, "imgfilter_bands": (1.0, 1.0, 1.0, 1.0), "imgfilter_std": 1.0,
        "noise_std": 0.1, "cutout_size": 0.5,
    }  # fmt: skip


def test_through_json() -> None:
    magnitudes = Magnitudes(imgfilter_bands=(1.0, 0.5, 0.0, 1.0), scale_std=0.1)
    config = AugmentConfig(kind="ada", pipe="bgcf", policy=("cutout",), magnitudes=magnitudes)
    assert from_dict(AugmentConfig, json.loads(json.dumps(to_dict(config)))) == config


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "APA"}, "kind is 'APA'; wanted one of none, fixed, ada, diffaug"),
        ({"pipe": "gbc"}, "pipe is 'gbc'; wanted one of blit"),
        ({"p": 1.5}, "p is 1.5; wanted a number from 0 to 1"),
        ({"max_p": -0.1}, "max_p is -0.1"),
        ({"target": 2}, "target is 2; wanted a number from -1 to 1"),
        ({"speed_kimg": 0}, "speed_kimg is 0"),
        ({"interval": 0}, "interval is 0; wanted an int of at least 1"),
        ({"policy": ("colour",)}, "wanted some of color, translation, cutout"),
        ({"policy": ("color", "color")}, "wanted some of color, translation, cutout"),
    ],
)
def test_what_is_out_of_range_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        AugmentConfig(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"xint_max": 1.1}, {"scale_std": -1}, {"noise_std": float("nan")}, {"cutout_size": "half"},
     {"imgfilter_bands": (1.0,)}, {"imgfilter_bands": (1.0, 1.0, 1.0, 2.0)}],
)  # fmt: skip
def test_magnitudes_out_of_range_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes))):
        Magnitudes(**changes)


def test_configuration_and_controller_need_no_torch() -> None:
    code = (
        "import sys; from stylegen.training.augment import AdaController, AugmentConfig; "
        "AdaController(AugmentConfig()); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
