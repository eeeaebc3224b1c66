"""The report: readings of faces whose factors are known, and directions of known effect."""

import dataclasses
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.data import FaceFactors, render_face, sample_factors, synth_images
from stylegen.editing.directions import (
    BoundaryConfig,
    Direction,
    FactorReader,
    NetworkSpace,
    ReportConfig,
    from_factor,
    report_directions,
    report_table,
)
from stylegen.editing.directions.judging import factor_changes, purity
from stylegen.editing.directions.reading import Factor
from stylegen.editing.latents import Latents
from stylegen.errors import InputError
from stylegen.images import from_pil
from stylegen.perceptual.demo import Demo
from tests.editing.directions.small import make_generator
from tests.editing.directions.test_pathlength import Pixels

SMALL = ReportConfig(samples=3, path_samples=4)


@pytest.fixture(scope="module")
def reader(weights: str) -> FactorReader:
    return FactorReader(Demo(weights), faces=700)


def render(faces: list[FaceFactors]) -> Tensor:
    return torch.stack([from_pil(render_face(face, 32)) for face in faces])


def test_the_readings_of_new_faces(reader: FactorReader) -> None:
    images, faces = synth_images(200, 32, seed=99)
    read = reader(images)
    for name, least in (("yaw", 0.9), ("face_width", 0.7)):
        column = read[:, reader.find(name).columns][:, 0]
        truth = torch.tensor([getattr(face, name) for face in faces], dtype=torch.float64)
        assert float(torch.corrcoef(torch.stack([column, truth]))[0, 1]) > least
        assert reader.find(name).quality > least**2 - 0.1
    assert {"brow", "shirt_shade"} <= set(reader.left_out)
    hair = reader.find("hair_style")
    guessed = [hair.values[i] for i in read[:, hair.columns].argmax(1).tolist()]
    right = sum(a == face.hair_style for a, face in zip(guessed, faces, strict=True))
    assert right > 150
    assert [factor.name for factor in reader.factors][:2] == ["yaw", "face_width"]
    assert not {"shift_x", "brow"} & {factor.name for factor in reader.factors}


def test_spreads_are_those_of_the_set(reader: FactorReader) -> None:
    # uniform on [-1, 1]: 1 / sqrt 3; six equal values, one-hot: sqrt(6 * 1/6 * 5/6)
    assert reader.find("yaw").spread == pytest.approx(3**-0.5, rel=0.05)
    assert reader.find("hair_style").spread == pytest.approx((5 / 6) ** 0.5, rel=0.05)


@pytest.mark.parametrize(
    ("name", "low", "high", "toward"),
    [
        ("yaw", -1.0, 1.0, "more"),
        ("eye_open", 1.0, 0.0, "less"),
        ("hair_color", "black", "blond", "blond"),
        ("background_color", "teal", "rose", "rose"),
    ],
)
def test_a_change_of_one_factor_is_told(
    reader: FactorReader, name: str, low: Any, high: Any, toward: str
) -> None:
    faces = [sample_factors(5, i) for i in range(60)]
    ends = [
        reader(render([dataclasses.replace(face, **{name: value}) for face in faces]))
        for value in (low, high)
    ]
    changes = factor_changes(ends[0], ends[1], reader.factors)
    assert (changes[0].factor, changes[0].toward) == (name, toward)
    share = purity(changes)
    assert share is not None
    assert share > 0.6
    assert changes[0].movement >= changes[0].change
    whole = abs(high - low) if isinstance(low, float) else 2**0.5
    truth = whole / reader.find(name).spread
    assert 0.6 * truth < changes[0].change < 1.1 * truth  # what is unsure is read as less


def test_changes_of_made_up_readings() -> None:
    factors = [
        Factor(name="size", values=(), first=0, spread=0.5),
        Factor(name="colour", values=("red", "blue"), first=1, spread=2.0),
    ]
    low = torch.zeros(2, 3, dtype=torch.float64)
    high = torch.tensor([[-1.0, 3, -4], [0, -3, 4]], dtype=torch.float64)
    size, colour = factor_changes(low, high, factors)
    assert (size.factor, size.change, size.toward, size.movement) == ("size", 1.0, "less", 1.0)
    # the two seeds change colour by 5 / 2 each, in opposite ways
    assert (colour.change, colour.movement) == (0.0, 2.5)
    assert purity([size, colour]) == 1
    assert purity(factor_changes(low, low, factors)) is None
    assert purity([]) is None


def test_faces_are_usual_and_noise_is_odd(reader: FactorReader) -> None:
    assert reader.oddness(synth_images(150, 32, seed=8)[0]) == pytest.approx(1, abs=0.3)
    noise = torch.randint(0, 256, (50, 3, 32, 32), dtype=torch.uint8)
    assert reader.oddness(noise) > 5


def test_a_report_of_rgb_networks(reader: FactorReader) -> None:
    network = make_generator()
    along = Direction(vector=torch.eye(8)[0], name="first", unit=0.7, method="pca")
    seen: list[tuple[int, int]] = []
    found = report_directions(
        network, [along, dataclasses.replace(along, name="short", unit=0.35)],
        NetworkSpace(reader.network), reader=reader, config=SMALL,
        progress=lambda *done: seen.append(done),
    )  # fmt: skip
    assert seen == [(1, 2), (2, 2)]
    first, short = found.directions
    assert first.rate == pytest.approx(4 * short.rate, rel=0.01)  # twice as fast, squared
    assert len(first.changes) == len(reader.factors)
    assert [c.change for c in first.changes] == sorted(c.change for c in first.changes)[::-1]
    assert found.oddness is not None
    assert found.oddness > 5
    assert "unlike the built-in faces" in found.notes[0]
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["directions"][0]["changes"][0]["factor"] == first.changes[0].factor
    assert plain["path"]["space"] == "demo"
    table = report_table(found)
    assert "first" in table
    assert f"{first.changes[0].factor} {first.changes[0].toward}" in table
    assert "path length in W" in table
    assert f"oddness {found.oddness:.1f} (built-in faces: 1)" in table


@pytest.mark.parametrize(
    "changes", [{"img_channels": 1}, {"img_channels": 4, "base_size": (3, 5)}, {"c_dim": 3}]
)
def test_a_report_of_other_networks_has_no_factors(changes: dict[str, Any]) -> None:
    network = make_generator(**changes)
    found = report_directions(network, [Direction(vector=torch.eye(8)[0])], Pixels(), config=SMALL)
    assert found.directions[0].changes == ()
    assert found.directions[0].purity is None
    assert found.directions[0].rate > 0
    assert found.path.w > 0
    assert "Factors were not read" in found.notes[0]
    assert "Factors were not read" in report_table(found)


def test_a_report_on_chosen_latents() -> None:
    network, along = make_generator(), [Direction(vector=torch.eye(8)[0])]
    seeds = report_directions(network, along, Pixels(), config=SMALL)
    again = report_directions(network, along, Pixels(), config=SMALL, sources="0-2")
    assert seeds == again
    assert seeds.sources == ("0", "1", "2")
    other = report_directions(network, along, Pixels(), config=SMALL, sources=[7, 8])
    assert other.sources == ("7", "8")
    assert other.directions[0].rate != seeds.directions[0].rate
    assert other.path == seeds.path
    strange = Latents(w=torch.zeros(1, 8, 8), sources=("x",))
    with pytest.raises(InputError, match="latents of 8 layers"):
        report_directions(network, along, Pixels(), config=SMALL, sources=strange)


def test_what_cannot_be_reported(reader: FactorReader) -> None:
    along = Direction(vector=torch.eye(8)[0])
    with pytest.raises(InputError, match="no direction to report on"):
        report_directions(make_generator(), [], Pixels())
    with pytest.raises(InputError, match="have 4 channels"):
        report_directions(make_generator(img_channels=4), [along], Pixels(), reader=reader)
    with pytest.raises(InputError, match=r"shape \(8,\)"):
        report_directions(make_generator(w_dim=9), [along], Pixels())
    with pytest.raises(InputError, match="no factor 'age' can be read; these can: yaw"):
        reader.find("age")
    with pytest.raises(InputError, match="too few"):
        FactorReader(reader.network, faces=600)


@pytest.mark.parametrize("values", [{"strength": 0.0}, {"samples": 1}, {"epsilon": 1.0}])
def test_impossible_settings(values: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(values))):
        ReportConfig(**values)


class Faces(torch.nn.Module):
    """Draws a built-in face: w's first number is its yaw, the second opens its eyes."""

    def forward(self, ws: Tensor, noise: str) -> Tensor:
        faces = [
            dataclasses.replace(
                sample_factors(1, int(w[5].abs() * 1e5)),
                yaw=float(w[0].clamp(-1, 1)),
                eye_open=float((w[1] / 2 + 0.5).clamp(0, 1)),
            )
            for w in ws[:, 0]
        ]
        return render(faces).float() / 127.5 - 1


def test_directions_of_known_effect_from_end_to_end(reader: FactorReader) -> None:
    network = make_generator()
    network.synthesis = Faces()  # type: ignore[assignment]
    first, second = (
        Direction(vector=torch.eye(8)[i], name=str(i), unit=0.4, network="") for i in (0, 1)
    )
    found = report_directions(
        network, [first, second], Pixels(), reader=reader,
        config=ReportConfig(samples=40, path_samples=4),
    )  # fmt: skip
    assert [d.changes[0].factor for d in found.directions] == ["yaw", "eye_open"]
    assert all(d.changes[0].toward == "more" for d in found.directions)
    assert all(d.purity is not None and d.purity > 0.5 for d in found.directions)
    assert found.notes == ()
    yaw = from_factor(network, reader, "yaw", config=BoundaryConfig(samples=300))
    assert float(yaw.vector[0]) > 0.9
    assert yaw.accuracy is not None
    assert yaw.accuracy > 0.9
