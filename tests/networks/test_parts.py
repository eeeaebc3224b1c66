"""Batches judged together as parts get the logits and gradients that each gets alone."""

from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.networks import Discriminator, DiscriminatorConfig
from stylegen.networks.discriminator import _warn_of_group


def discriminator(**changes: Any) -> Discriminator:
    torch.manual_seed(0)
    config = {"resolution": 8, "channel_base": 64, "mapping_layers": 2, **changes}
    return Discriminator(DiscriminatorConfig(**config))


def images(count: int) -> Tensor:
    torch.manual_seed(count)
    return torch.randn(count, 3, 8, 8)


def assert_near(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4 * expected.abs().max().item())


@pytest.mark.parametrize("architecture", ["resnet", "skip", "orig"])
@pytest.mark.parametrize("group", [1, 2, 4, None])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_parts_are_judged_as_if_alone(parts: int, group: int | None, architecture: str) -> None:
    d = discriminator(mbstd_group_size=group, architecture=architecture)
    batch = images(4 * parts)
    expected = torch.cat([d(part) for part in batch.chunk(parts)])
    assert_near(d(batch, parts=parts), expected)


def test_parts_would_be_mixed_otherwise() -> None:
    d, batch = discriminator(), torch.cat([images(4), images(4) * 3])
    together, apart = d(batch), d(batch, parts=2)
    assert (together - apart).abs().max() > 1e-2 * apart.abs().max()


def test_several_channels_of_deviations() -> None:
    d, batch = discriminator(mbstd_channels=4), images(8)
    assert_near(d(batch, parts=2), torch.cat([d(batch[:4]), d(batch[4:])]))


def test_no_deviations() -> None:
    d, batch = discriminator(mbstd_channels=0), images(6)
    assert_near(d(batch, parts=3), d(batch))


def test_classes_go_with_their_images() -> None:
    d, batch = discriminator(c_dim=3), images(8)
    c = torch.eye(3)[torch.tensor([0, 1, 2, 0, 2, 2, 1, 0])]
    assert_near(d(batch, c, parts=2), torch.cat([d(batch[:4], c[:4]), d(batch[4:], c[4:])]))
    with pytest.raises(InputError, match="this network is conditional"):
        d(batch, parts=2)


def test_gradients_never_cross_parts() -> None:
    d, batch = discriminator(), images(8).requires_grad_()
    (gradient,) = torch.autograd.grad(d(batch, parts=2)[:4].sum(), batch)
    assert gradient[4:].count_nonzero() == 0
    alone = batch.detach()[:4].requires_grad_()
    (expected,) = torch.autograd.grad(d(alone).sum(), alone)
    assert_near(gradient[:4], expected)


def test_gradients_of_parameters_are_the_sums_over_parts() -> None:
    batch = images(8)

    def gradients(run: Any) -> list[Tensor]:
        d = discriminator()
        run(d).square().sum().backward()
        return [p.grad for p in d.parameters() if p.grad is not None]

    together = gradients(lambda d: d(batch, parts=2))
    for got, wanted in zip(
        together, gradients(lambda d: torch.cat([d(batch[:4]), d(batch[4:])])), strict=True
    ):
        assert_near(got, wanted)


def test_an_indivisible_part_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """It is the part's size that groups have to divide, not the batch's."""
    _warn_of_group.cache_clear()
    discriminator()(images(12), parts=2)
    assert "3 instead of 4: the batch of 6" in caplog.text


@pytest.mark.parametrize("parts", [0, -1, 3, 5])
def test_unequal_parts_are_refused(parts: int) -> None:
    with pytest.raises(InputError, match=f"4 images cannot be {parts} equal parts"):
        discriminator()(images(4), parts=parts)
