"""Great arcs by hand."""

import itertools
import math

import torch

from stylegen.spheres import great_arc


def test_great_arcs_of_pairs_by_hand() -> None:
    a = torch.tensor([[2.0, 0, 0], [0, 3, 0]], dtype=torch.float64)
    b = torch.tensor([[0, 5.0, 0], [0, 1, 1]], dtype=torch.float64)
    first, second = math.pi / 6, math.pi / 8
    expected = [[math.cos(first), math.sin(first), 0], [0, math.cos(second), math.sin(second)]]
    u = torch.tensor([[1 / 3], [0.5]], dtype=torch.float64)
    torch.testing.assert_close(great_arc(a, b, u), torch.tensor(expected, dtype=torch.float64))


def test_arc_ends_and_middle() -> None:
    a, b = torch.tensor([[2.0, 0]]).double(), torch.tensor([[0, 3.0]]).double()
    for t, angle in ((0.0, 0.0), (0.5, torch.pi / 4), (1.0, torch.pi / 2)):
        found = great_arc(a, b, torch.tensor([[t]]).double())
        wanted = torch.tensor([angle], dtype=torch.float64)
        assert torch.allclose(found, torch.stack([wanted.cos(), wanted.sin()], dim=1))
    assert torch.allclose(great_arc(a, a, torch.full((1, 1), 0.3).double()), a / 2)


def test_arcs_keep_their_speed() -> None:
    random = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 4, 7, dtype=torch.float64, generator=random)
    times = torch.linspace(0, 1, 5, dtype=torch.float64)
    stations = [great_arc(a, b, t.expand(4, 1)) for t in times]
    torch.testing.assert_close(stations[0], a / a.norm(dim=1, keepdim=True))
    torch.testing.assert_close(stations[-1], b / b.norm(dim=1, keepdim=True))
    steps = torch.stack([(y - x).norm(dim=1) for x, y in itertools.pairwise(stations)])
    torch.testing.assert_close(steps, steps[:1].expand(4, -1))
