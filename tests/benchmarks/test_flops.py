"""Operations that are counted, against counts by hand: two for each multiplication and addition."""

import pytest
import torch
import torch.nn.functional as F

from benchmarks import flops
from benchmarks.training import WEIGHTS, phases, real_images, step_flops
from benchmarks.variants import PLAIN, STANDARD, Workload, build
from stylegen.networks.config import GeneratorConfig

CPU = torch.device("cpu")
SMALL = Workload(
    name="small", resolution=16, batch=4, channel_base=512, channel_max=64, mapping_layers=1,
    latents=4,
)  # fmt: skip
UNIT = 2 * 2 * 5 * 3 * 9 * 8 * 8  # of the convolution below


def test_gradients_of_gradients_are_counted() -> None:
    x = torch.randn(2, 3, 8, 8, requires_grad=True)
    w = torch.randn(5, 3, 3, 3, requires_grad=True)

    def forward() -> torch.Tensor:
        return F.conv2d(x, w, padding=1)

    def penalty() -> None:
        (gradient,) = torch.autograd.grad(F.softplus(forward()).sum(), x, create_graph=True)
        gradient.square().sum().backward()  # type: ignore[no-untyped-call]

    assert flops.count(forward) == UNIT
    assert flops.count(lambda: torch.autograd.grad(forward().sum(), (x, w))) == 3 * UNIT
    # forward; by x; of that, by its gradient and by w; of the first, by x and by w
    assert flops.count(penalty) == 6 * UNIT


def channels(workload: Workload, r: int) -> int:
    return min(workload.channel_base // r, workload.channel_max)


def resolutions(workload: Workload) -> list[int]:
    return [r for r in (8, 16, 32, 64, 128) if r <= workload.resolution]


def generator(workload: Workload) -> int:
    """Convolutions of one image: 3x3 at r (twice, the first one from r / 2), and to RGB."""
    c4 = channels(workload, 4)
    total = 18 * c4 * c4 * 16 + 2 * c4 * 3 * 16
    for r in resolutions(workload):
        i, o = channels(workload, r // 2), channels(workload, r)
        total += 18 * i * o * (r // 2) ** 2 + 18 * o * o * r * r + 2 * o * 3 * r * r
    return total


def discriminator(workload: Workload) -> int:
    """Convolutions of one image: from RGB, 3x3 at r and down to r / 2, the skip, and at 4 px."""
    top, c4 = channels(workload, workload.resolution), channels(workload, 4)
    total = 2 * 3 * top * workload.resolution**2 + 18 * (c4 + 1) * c4 * 16 + 2 * c4 * 16 * c4
    for r in resolutions(workload):
        i, o = channels(workload, r), channels(workload, r // 2)
        total += 18 * i * i * r * r + (18 + 2) * i * o * (r // 2) ** 2
    return total


def by_hand(workload: Workload) -> dict[str, float]:
    """Operations of an image in each phase, without filters and dense layers."""
    g, d = generator(workload), discriminator(workload)
    return {
        "Gmain": 3 * g + 2 * d,  # the discriminator's weights need no gradient
        "Greg": 6 * g / 2,  # on half of the batch
        "Dmain": g + 6 * d,  # fakes and reals
        "Dreg": 6 * d,
        "EMA": 0,
    }


def test_each_phase_of_a_small_network() -> None:
    each = phases(build(SMALL, PLAIN, CPU), real_images(SMALL, CPU), PLAIN)
    for name, wanted in by_hand(SMALL).items():
        counted = flops.count(each[name]) / SMALL.batch
        assert wanted <= counted <= 1.06 * wanted, name  # filters and styles are the rest


def test_the_step_is_amortised() -> None:
    each = phases(build(SMALL, PLAIN, CPU), real_images(SMALL, CPU), PLAIN)
    parts = {name: flops.count(function) for name, function in each.items()}
    amortised = parts["Gmain"] + parts["Greg"] / 4 + parts["Dmain"] + parts["Dreg"] / 16
    assert step_flops(each) == pytest.approx(amortised)


def test_the_standard_configuration_costs_about_200_gflop_an_image() -> None:
    image = sum(WEIGHTS[name] * value for name, value in by_hand(STANDARD).items())
    assert 195e9 < image < 210e9


def test_hand_count_has_the_network_s_widths() -> None:
    config = GeneratorConfig(resolution=16, channel_base=512, channel_max=64)
    assert [config.channels(r) for r in (4, 8, 16)] == [channels(SMALL, r) for r in (4, 8, 16)]
