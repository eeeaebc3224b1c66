"""What the discriminator sees: blur, and augmentation as the schedule says."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from stylegen.errors import InputError
from stylegen.training.augment import AugmentConfig
from stylegen.training.draws import Draws
from stylegen.training.view import View, gaussian_taps
from stylegen.training.world import World

CPU = torch.device("cpu")
ALONE = World(device=CPU)


@pytest.mark.parametrize("sigma", [0.05, 0.3, 1.0, 2.7, 10.0])
def test_taps_are_a_gaussian(sigma: float) -> None:
    taps = gaussian_taps(sigma)
    assert taps.dtype == torch.float32
    assert len(taps) == 2 * math.ceil(3 * sigma) + 1
    assert taps.sum().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(taps, taps.flip(0))
    middle = len(taps) // 2
    ratio = (taps[middle + 1] / taps[middle]).item()
    assert ratio == pytest.approx(math.exp(-0.5 / sigma**2), rel=1e-5)


@pytest.mark.parametrize("sigma", [0.6, 2.0])
def test_blur_is_that_of_scipy(sigma: float) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    view = View(AugmentConfig())
    view.blur_sigma_px = sigma
    images = torch.rand(2, 3, 20, 30, generator=torch.Generator().manual_seed(0)) * 2 - 1
    expected = images.double().numpy()
    reach = math.ceil(3 * sigma)
    for axis in (2, 3):  # zeros (mid-grey) beyond the edges
        expected = ndimage.gaussian_filter1d(
            expected, sigma, axis=axis, mode="constant", truncate=reach / sigma
        )
    blurred = view(images, Draws(CPU)).numpy()
    np.testing.assert_allclose(blurred, expected, atol=1e-6)


def test_without_augmentation_or_blur_images_stay() -> None:
    images = torch.rand(2, 3, 8, 8)
    state = torch.get_rng_state()
    assert View(AugmentConfig())(images, Draws(CPU)) is images
    assert torch.equal(torch.get_rng_state(), state)


def test_the_kind_can_change() -> None:
    view = View(AugmentConfig(kind="none", p=0.7, policy=("cutout",)))
    images = torch.rand(4, 3, 16, 16)
    assert view.p == 0
    view.kind = "fixed"
    assert view.p == 0.7
    assert not torch.equal(view(images, Draws(CPU)), images)
    view.kind = "diffaug"
    assert view.p == 1
    cut = view(images, Draws(CPU))
    assert ((cut == images) | (cut == 0)).all()  # the policy's cutout, and nothing else
    assert (cut == 0).any()
    view.kind = "ada"
    assert view.p == view.controller.p == 0
    assert (view(images, Draws(CPU)) - images).abs().max() < 1e-5  # p is 0


def test_sizes_of_images_can_change() -> None:
    view = View(AugmentConfig(kind="fixed", p=1.0))
    for size in (8, 16, 8):
        assert view(torch.rand(2, 3, size, size), Draws(CPU)).shape == (2, 3, size, size)


def adapted(view: View, signs: list[float]) -> list[float]:
    told = []
    for sign in signs:
        view.adapt(torch.tensor(sign), 10, ALONE)
        told.append(view.p)
    return told


ADA = AugmentConfig(kind="ada", target=0.5, interval=2, speed_kimg=0.1, max_p=0.5)


def test_p_follows_the_signs() -> None:
    # 20 images every second step, 100 from 0 to 1: steps of 0.2 up and down, from 0 to 0.5
    signs = [1.0, 0.2, 0.9, 0.3, 1.0, 1.0, 0.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    expected = [0, 0.2, 0.2, 0.4, 0.4, 0.5, 0.5, 0.3, 0.3, 0.3, 0.3, 0.1, 0.1, 0]
    assert adapted(View(ADA), signs) == pytest.approx(expected)


def test_p_rests_while_another_kind_is_used() -> None:
    view = View(ADA)
    adapted(view, [1.0, 1.0])
    view.kind = "none"
    assert adapted(view, [1.0, 1.0, 1.0, 1.0]) == [0] * 4
    view.kind = "ada"
    assert view.p == pytest.approx(0.2)


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_state_goes_on_exactly(cut: int) -> None:
    signs = [1 / 3, 0.7, 0.9, 0.1, 0.4, 0.6]
    whole = View(ADA)
    expected = adapted(whole, signs)
    first, second = View(ADA), View(ADA)
    told = adapted(first, signs[:cut])
    second.load(first.state())
    assert told + adapted(second, signs[cut:]) == expected
    assert second.state() == whole.state()


def test_a_state_goes_on_wherever_the_signs_are_from_now_on() -> None:
    """Those of the state come from a file; a device without numbers only fails to tell the mean."""
    first, second = View(ADA), View(ADA)
    adapted(first, [1 / 3])
    second.load(first.state())
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        second.adapt(torch.empty((), device="meta"), 10, ALONE)


@pytest.mark.gpu
@pytest.mark.parametrize("cut", [1, 2])
def test_a_state_goes_on_exactly_on_a_gpu(cut: int) -> None:
    signs, config = [1 / 3, 0.7, 0.9], replace(ADA, interval=3)
    whole, first, second = View(config), View(config), View(config)
    gpu = World(device=torch.device("cuda"))
    for i, sign in enumerate(torch.tensor(signs, device="cuda")):
        whole.adapt(sign, 10, gpu)
        if i == cut:
            second.load(first.state())
        (first if i < cut else second).adapt(sign, 10, gpu)
    assert second.state() == whole.state()


@pytest.mark.parametrize("change", [{"signs": None}, {"images": None}, {"p": 2.0}, {"r_t": None}])
def test_a_poor_state(change: dict[str, Any]) -> None:
    state = {**View(ADA).state(), **change}
    if change.get("r_t", 0) is None:
        state.pop("r_t")
    with pytest.raises(InputError, match="the state of"):
        View(ADA).load(state)
