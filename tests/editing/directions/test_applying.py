"""Moving latents: strength 0 is the source bit for bit; a strength of 1 is one deviation of w."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.editing.directions import (
    Direction,
    Spread,
    applying,
    frames,
    measure_spread,
    move,
    parse_strengths,
    pca,
    plane,
    sheet,
    step,
    strengths,
    strip,
    with_units,
)
from stylegen.editing.latents import Latents
from stylegen.editing.sampling import draw, generate, sample_w
from stylegen.errors import InputError
from stylegen.images import make_grid
from stylegen.networks import Generator
from tests.editing.directions.small import make_generator, make_latents


def along(axis: int, **changes: Any) -> Direction:
    vector = torch.zeros(8)
    vector[axis] = 1
    return Direction(**{"vector": vector, "unit": 0.5, "name": f"w{axis}", **changes})


@pytest.mark.parametrize("noise", ["const", "random", "none"])
@pytest.mark.parametrize("changes", [{}, {"img_channels": 4, "base_size": (3, 5)}, {"c_dim": 3}])
def test_strength_zero_is_the_source_bit_for_bit(noise: Any, changes: dict[str, Any]) -> None:
    network = make_generator(**changes)
    latents = make_latents(network, [3, 8])
    images = strip(network, latents, along(1), [-2, 0, 2], noise=noise)
    assert torch.equal(images[:, 1], generate(network, [3, 8], noise=noise))
    assert not torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(move(network, latents, along(1), 0).w, latents.w)


def test_a_strength_moves_the_chosen_layers_by_so_many_units() -> None:
    network = make_generator()
    latents = make_latents(network, [3, 8])
    moved = move(network, latents, along(2, layers=(1, 4)), -3)
    expected = latents.w.clone()
    expected[:, [1, 4], 2] -= 3 * 0.5
    assert torch.allclose(moved.w, expected, atol=1e-6)
    assert torch.equal(moved.w[:, [0, 2, 3, 5]], latents.w[:, [0, 2, 3, 5]])
    assert moved.sources == ("3 w2-3", "8 w2-3")
    images = strip(network, latents, along(2, layers=(1, 4)), [-3, 1])
    assert torch.equal(images[:, 0], draw(network, moved.w))


def test_a_unit_that_is_not_known_is_the_deviation_of_w() -> None:
    network = make_generator()
    vector = torch.arange(1.0, 9)
    unit = vector / vector.norm()
    taken = step(network, Direction(vector=vector))
    deviation = (sample_w(network, 10_000) @ unit).std()
    assert torch.allclose(taken[0].float(), deviation * unit, rtol=1e-4)
    first = pca(network, count=1)[0]
    assert torch.equal(
        step(network, Direction(vector=first.vector), measure_spread(network)).float()[0] > 0,
        step(network, first).float()[0] > 0,
    )


def test_units_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_generator()
    unknown = [along(0, unit=None), along(5, unit=None), along(2)]
    spread = measure_spread(network)
    counted: list[int] = []

    def measure(generator: Generator) -> Spread:
        counted.append(1)
        return spread

    monkeypatch.setattr(applying, "measure_spread", measure)
    known = with_units(network, unknown)
    deviations = spread.covariance.diagonal().sqrt()
    assert [d.unit for d in known] == pytest.approx([*deviations[[0, 5]].tolist(), 0.5])
    assert len(counted) == 1
    assert torch.equal(step(network, known[1]), step(network, unknown[1], spread))
    sheet(network, [3], unknown, [0])
    plane(network, [3], unknown[0], unknown[1], [0])
    assert len(counted) == 3
    with_units(network, unknown, spread), with_units(network, known)
    assert len(counted) == 3


def test_layers_that_differ() -> None:
    network = make_generator()
    rows = torch.zeros(6, 8)
    rows[0, 0], rows[1, 1] = 1, -1
    taken = step(network, Direction(vector=rows, layers=(0, 1), unit=2.0))
    expected = torch.zeros(6, 8, dtype=torch.float64)
    expected[0, 0], expected[1, 1] = 2, -2
    assert torch.allclose(taken, expected)


def test_a_plane_crosses_two_strips() -> None:
    network = make_generator()
    latents, amounts = make_latents(network, [3, 8]), [-1.0, 0, 2]
    images = plane(network, latents, along(0), along(5), amounts)
    assert images.shape == (2, 3, 3, 3, 16, 16)
    assert torch.equal(images[:, 1], strip(network, latents, along(0), amounts))
    assert torch.equal(images[:, :, 1], strip(network, latents, along(5), amounts))
    both = move(network, move(network, latents, along(0), 2), along(5), -1)
    assert (images[:, 0, 2].int() - draw(network, both.w).int()).abs().max() <= 1


def test_sources_are_taken_like_latents(tmp_path: Path) -> None:
    network = make_generator()
    latents = make_latents(network, [3, 8])
    latents[1].save(tmp_path / "w.npz")
    sources = [3, tmp_path / "w.npz"]
    wanted = strip(network, latents, along(1), [-1, 2])
    assert torch.equal(strip(network, sources, along(1), [-1, 2]), wanted)
    assert torch.equal(strip(network, "3,8", along(1), [-1, 2]), wanted)
    assert torch.equal(move(network, sources, along(1), 2).w, move(network, latents, along(1), 2).w)
    assert torch.equal(
        plane(network, sources, along(0), along(5), [0, 1]),
        plane(network, latents, along(0), along(5), [0, 1]),
    )
    first = next(iter(frames(network, sources, along(1), -1, 2, 3)))
    assert torch.equal(first, make_grid(wanted[:, 0], 2))
    with pytest.raises(InputError, match="taken as a photo"):
        strip(network, Path(__file__), along(1), [0])


def test_a_sheet_has_a_row_for_each_direction_and_source() -> None:
    network = make_generator()
    drawn = sheet(network, [3, 8], [along(0), along(5)], [-1, 0, 1])
    assert drawn.shape == (3, 4 * 16, 3 * 16)
    rows = [strip(network, seed, along(axis), [-1, 0, 1])[0] for axis in (0, 5) for seed in (3, 8)]
    assert torch.equal(drawn, make_grid(torch.cat(rows), 3))
    with pytest.raises(InputError, match="no direction to draw"):
        sheet(network, [3], [], [0])


def test_a_video_goes_there_and_back() -> None:
    network = make_generator()
    latents = make_latents(network, [3, 8, 9])
    shown = list(frames(network, latents, along(1), -2, 3, 6))
    assert len(shown) == 6
    assert torch.equal(shown[1], shown[5])
    assert torch.equal(shown[2], shown[4])
    for frame, amount in ((shown[0], -2), (shown[3], 3)):
        wanted = strip(network, latents, along(1), [amount])[:, 0]
        assert torch.equal(frame, make_grid(wanted, 2))


def test_strengths_are_exact_at_the_ends_and_in_the_middle() -> None:
    assert strengths(-3, 3, 7) == [-3, -2, -1, 0, 1, 2, 3]
    for high in (0.1, 0.7, 2.7, 3.3):
        for steps in (3, 5, 7, 9, 11):
            found = strengths(-high, high, steps)
            assert (found[0], found[steps // 2], found[-1]) == (-high, 0, high)
    assert strengths(2, 2, 1) == [2]
    with pytest.raises(InputError, match="at least 2"):
        strengths(-1, 1, 1)


def test_strengths_as_text() -> None:
    assert parse_strengths("-3..3") == (-3, 3)
    assert parse_strengths(" -.5 .. +1.25 ") == (-0.5, 1.25)
    assert parse_strengths("2") == (2, 2)
    for text in ("", "..", "1..", "a", "1-3", "1..3..5", "nan", "1e3"):
        with pytest.raises(InputError, match="strength is"):
            parse_strengths(text)


def test_what_does_not_fit_is_refused() -> None:
    network = make_generator()
    latents = make_latents(network, [3])
    with pytest.raises(InputError, match="latents of 8 layers"):
        strip(network, Latents(w=torch.zeros(1, 8, 8), sources=("x",)), along(0), [0])
    with pytest.raises(InputError, match=r"shape \(9,\)"):
        strip(network, latents, Direction(vector=torch.ones(9)), [0])
    with pytest.raises(InputError, match="layer 6"):
        strip(network, latents, along(0).on([6]), [0])
    flat = make_generator(z_dim=0, c_dim=1)
    with pytest.raises(InputError, match="does not vary"):
        strip(flat, latents, along(0, unit=None), [0])


def test_a_seed_is_drawn_as_ever() -> None:
    network = make_generator()
    images = strip(network, make_latents(network, [5]), along(0), [0.0])
    assert torch.equal(images[0], generate(network, [5]))
