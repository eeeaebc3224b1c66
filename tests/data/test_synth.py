import dataclasses
import json
import zipfile

import numpy as np
import pytest
import torch

from stylegen.data import (
    FACTORS,
    DataConfig,
    FaceFactors,
    open_images,
    render_face,
    sample_factors,
    synth_images,
    write_synth,
)
from stylegen.data.factors import BACKGROUND_COLORS, HAIR_STYLES, SHIRT_COLORS, SKIN_COLORS
from stylegen.errors import InputError
from stylegen.images import from_pil

MIDDLE = FaceFactors(hair_style="short", hair_color="blond")


def face(resolution=64, **changes):
    return from_pil(render_face(dataclasses.replace(MIDDLE, **changes), resolution)).int()


def test_a_face_does_not_depend_on_how_many_are_drawn():
    few, factors = synth_images(3, 32, seed=5)
    many, more = synth_images(70, 32, seed=5)
    assert torch.equal(many[:3], few)
    assert more[:3] == factors
    assert factors[2] == sample_factors(5, 2)
    assert not torch.equal(synth_images(3, 32, seed=6)[0], few)


def test_sampling_is_pinned():
    # Python keeps random.Random(str).random() the same: these must never change.
    f = sample_factors(0, 0)
    assert (f.hair_style, f.hair_color, f.glasses) == ("bun", "green", True)
    assert f.yaw == sample_factors(0, 0).yaw


@pytest.fixture(scope="module")
def drawn():
    return [sample_factors(0, i) for i in range(4000)]


def test_factors_are_uniform(drawn):
    for field in dataclasses.fields(FaceFactors):
        values = [getattr(f, field.name) for f in drawn]
        if "range" in field.metadata:
            low, high = field.metadata["range"]
            u = (np.array(values) - low) / (high - low)
            assert u.min() >= 0
            assert u.max() <= 1
            assert abs(u.mean() - 0.5) < 4 * (1 / 12 / 4000) ** 0.5
            assert abs(u.var() - 1 / 12) < 0.004
        else:
            wanted = field.metadata["values"]
            for value in set(wanted):
                share = wanted.count(value) / len(wanted)
                spread = (share * (1 - share) / 4000) ** 0.5
                assert abs(values.count(value) / 4000 - share) < 4 * spread


def test_factors_are_independent(drawn):
    names = [f.name for f in dataclasses.fields(FaceFactors)]
    codes = np.array(
        [[np.unique([getattr(f, n) for f in drawn], return_inverse=True)[1]] for n in names]
    ).squeeze(1)
    correlation = np.corrcoef(codes) - np.eye(len(names))
    assert np.abs(correlation).max() < 5 / 4000**0.5


@pytest.mark.parametrize("resolution", [16, 33, 128])
def test_any_resolution(resolution):
    image = render_face(MIDDLE, resolution)
    assert image.mode == "RGB"
    assert image.size == (resolution, resolution)


def test_small_and_large_faces_are_the_same_picture():
    small, large = face(32).float(), face(128).float()
    pooled = torch.nn.functional.avg_pool2d(large, 4)
    assert (small - pooled).abs().mean() < 4


def test_each_factor_shows():
    base = face()
    for factor in FACTORS:
        current = getattr(MIDDLE, factor["name"])
        others = [v for v in factor["values"] if v != current]
        for value in others:
            change = (face(**{factor["name"]: value}) - base).abs()
            assert change.amax() > 3, (factor["name"], value)


def test_colours_land_where_they_belong():
    for name, color in BACKGROUND_COLORS.items():
        corner = face(background_color=name)[:, 40, 1]
        assert (corner - torch.tensor(color)).abs().max() < 50
    for name, color in SKIN_COLORS.items():
        assert face(skin_color=name)[:, 36, 32].sub(torch.tensor(color)).abs().max() < 45
    for name, color in SHIRT_COLORS.items():
        assert face(shirt_color=name)[:, 62, 24].tolist() == pytest.approx(list(color), abs=2)


def test_colours_move_no_outline():
    change = (face(hair_color="pink") - face(hair_color="blue")).abs().sum(0)
    assert change[50:].max() == 0  # below the head nothing changes


def test_yaw_moves_the_eyes_sideways():
    def dark_middle(yaw):
        eyes = (face(128, yaw=yaw).sum(0) < 200)[66:75, 30:98]
        return eyes.nonzero()[:, 1].float().mean().item()

    left, middle, right = (dark_middle(yaw) for yaw in (-0.8, 0.0, 0.8))
    assert left + 4 < middle < right - 4


def test_hair_styles_differ_plainly():
    faces = torch.stack([face(32, hair_style=style) for style in HAIR_STYLES]).float()
    distance = torch.cdist(faces.flatten(1), faces.flatten(1)) / faces[0].numel() ** 0.5
    assert (distance + 1000 * torch.eye(len(HAIR_STYLES))).min() > 8


def test_zip_carries_labels_factors_and_pixels(tmp_path):
    seen = []
    write_synth(tmp_path / "faces.zip", 40, 16, 3, progress=lambda *a: seen.append(a))
    assert seen[-1] == (40, 40)
    images = open_images(DataConfig(path=str(tmp_path / "faces.zip"), labels=True))
    x, y = images.load_all()
    expected, factors = synth_images(40, 16, 3)
    assert torch.equal(x, expected)
    assert images.class_names == HAIR_STYLES
    assert [HAIR_STYLES[i] for i in y] == [f.hair_style for f in factors]
    with zipfile.ZipFile(tmp_path / "faces.zip") as file:
        values = json.loads(file.read("dataset.json"))
    assert values["factors"]["values"] == [dataclasses.asdict(f) for f in factors]
    assert [name for name, _ in values["labels"]] == list(images.names)
    described = {d["name"]: d for d in values["factors"]["description"]}
    assert set(described) == set(dataclasses.asdict(MIDDLE))
    assert described["yaw"]["kind"] == "continuous"
    assert described["hair_style"]["values"] == list(HAIR_STYLES)
    assert all(
        FaceFactors(**v) == f for v, f in zip(values["factors"]["values"], factors, strict=True)
    )


def test_same_bytes_each_time(tmp_path):
    for name in ("a.zip", "b.zip"):
        write_synth(tmp_path / name, 5, 16)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_wrong_requests(tmp_path):
    with pytest.raises(InputError, match="at least 1, not 0"):
        synth_images(0, 32)
    with pytest.raises(InputError, match="at least 1, not -1"):
        write_synth(tmp_path / "a.zip", -1)
    with pytest.raises(InputError, match="8 to 1024 pixels, not 4"):
        write_synth(tmp_path / "a.zip", 1, 4)
    assert not list(tmp_path.iterdir())
    write_synth(tmp_path / "a.zip", 1)
    with pytest.raises(InputError, match="exists already"):
        write_synth(tmp_path / "a.zip", 1)
