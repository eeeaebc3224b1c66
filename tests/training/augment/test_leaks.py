"""Augmentations do not leak: what is fitted through them is the distribution without them.

Generators of a few parameters are fitted by matching moments of augmented images, as a
discriminator would that sees nothing else. Below p = 1 the clean distribution is the only one
that fits; at p = 1 others fit as well.

Source: Karras et al. 2020 (ADA), section 2.2 and appendix C.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from stylegen.training.augment.pipeline import Pipeline
from stylegen.training.draws import Draws

Make = Callable[..., Pipeline]


def arrow() -> Tensor:
    """A pattern that no turn or mirroring leaves as it is, (1, 8, 8) in [-1, 1]."""
    image = -torch.ones(1, 8, 8)
    image[:, 1:7, 2] = 1
    image[:, 1, 2:6] = 1
    image[:, 3, 2:4] = 1
    return image


def attitudes() -> Tensor:
    """The arrow turned and mirrored in all ways, upright first, (8, 1, 8, 8)."""
    ways = (arrow(), arrow().flip(2))
    return torch.stack([torch.rot90(image, k, [1, 2]) for image in ways for k in range(4)])


def fit_turns(augment: Pipeline, p: float, draws: Draws, steps: int = 250) -> Tensor:
    """Fit how often each of eight attitudes occurs, while real images have but one, (8,)."""
    logits = torch.zeros(8, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.3, betas=(0.5, 0.99))
    for _ in range(steps):
        fake = attitudes().repeat_interleave(128, 0)
        means = augment(fake, p, draws).view(8, 2, 64, -1).mean(2)
        real = augment(arrow().expand(1024, -1, -1, -1), p, draws).view(2, 512, -1).mean(1)
        first, second = torch.einsum("k,khd->hd", logits.softmax(0), means) - real
        optimizer.zero_grad()
        (first @ second).backward()  # two halves: the square of one would count its noise
        optimizer.step()
    return logits.detach().softmax(0)


@pytest.mark.parametrize("p", [0.5, 0.8])
def test_turns_do_not_leak(pipeline: Make, p: float, draws: Draws) -> None:
    shares = fit_turns(pipeline("blit", 1, 8, 8), p, draws)
    assert shares[0] > 0.9, shares


def test_nothing_tells_attitudes_apart_where_every_image_is_turned(
    pipeline: Make, draws: Draws
) -> None:
    images, augment = attitudes().repeat_interleave(4096, 0), pipeline("blit", 1, 8, 8)

    def differ(p: float) -> Tensor:
        means = augment(images, p, draws).view(8, 4096, -1).mean(1)
        return (means - means[0])[1:].abs().amax(1)

    margin = 5 * (2 / 4096) ** 0.5  # standard deviations of a difference, pixels being -1 or 1
    assert (differ(1.0) < margin).all()
    assert (differ(0.5) > margin).all()


REAL_COLOUR, REAL_SPREAD = torch.tensor([0.5, 0.0, -0.3]), 0.2


def images_of(colour: Tensor, spread: Tensor | float, count: int) -> Tensor:
    """Draw images of one colour each, around a mean colour, (count, 3, 4, 4)."""
    lightness = torch.randn(count, 1) * spread
    return (colour + lightness)[:, :, None, None].expand(-1, -1, 4, 4).contiguous()


def moments(images: Tensor) -> Tensor:
    pixels = images.clamp(-3, 3).mean([2, 3])
    return torch.cat([pixels.mean(0), (pixels[:, :, None] * pixels[:, None]).mean(0).flatten()])


def fit_colour(augment: Pipeline, p: float, draws: Draws, steps: int = 250) -> Tensor:
    """Fit the mean colour and the spread of lightness, through the augmentation's gradient."""
    values = torch.tensor([0.0, 0.0, 0.0, 0.4], requires_grad=True)
    optimizer = torch.optim.Adam([values], lr=0.02, betas=(0.9, 0.99))
    late = []
    for step in range(steps):
        fake = augment(images_of(values[:3], values[3], 2048), p, draws)
        with torch.no_grad():
            real = augment(images_of(REAL_COLOUR, REAL_SPREAD, 2048), p, draws)
        optimizer.zero_grad()
        (moments(fake) - moments(real)).square().sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step >= steps * 3 // 5:
            late.append(values.detach().clone())
    return torch.stack(late).mean(0)


@pytest.mark.parametrize("p", [0.5, 0.8])
def test_colours_do_not_leak(pipeline: Make, p: float, draws: Draws) -> None:
    found = fit_colour(pipeline("color", 3, 4, 4), p, draws)
    torch.testing.assert_close(found[:3], REAL_COLOUR, atol=0.12, rtol=0)
    assert abs(found[3].abs().item() - REAL_SPREAD) < 0.05


def test_the_hue_is_lost_where_every_hue_is_turned(pipeline: Make, draws: Draws) -> None:
    found = fit_colour(pipeline("color", 3, 4, 4), 1.0, draws)[:3]
    assert (found - REAL_COLOUR).abs().max() > 0.2
    assert (found - found.mean()).norm().item() == pytest.approx(
        (REAL_COLOUR - REAL_COLOUR.mean()).norm().item(), rel=0.2
    )  # but how far from grey it is, is not
