"""Losses and regularisers against closed forms."""

import math

import torch

from stylegen.training.losses import (
    discriminator_loss,
    generator_loss,
    path_length_noise,
    path_length_penalty,
    path_lengths,
    r1_penalty,
)


def test_logistic_losses() -> None:
    fake, real = torch.tensor([[0.0], [math.log(3)]]), torch.tensor([[0.0], [-math.log(3)]])
    # softplus(0) = log 2, softplus(log 3) = log 4, softplus(-log 3) = log 4/3
    assert math.isclose(
        generator_loss(fake).item(), (math.log(2) + math.log(4 / 3)) / 2, rel_tol=1e-6
    )
    expected = (math.log(2) + math.log(4)) / 2 * 2
    assert math.isclose(discriminator_loss(fake, real).item(), expected, rel_tol=1e-6)


def test_r1_of_a_linear_discriminator_is_the_norm_of_its_weight() -> None:
    weight = torch.randn(3 * 4 * 4, dtype=torch.double, requires_grad=True)
    images = torch.randn(5, 3, 4, 4, dtype=torch.double, requires_grad=True)
    penalty, squared = r1_penalty(images.flatten(1) @ weight[:, None], images, gamma=3.0)
    norm = weight.square().sum()
    torch.testing.assert_close(squared, norm.detach())
    penalty.backward()
    torch.testing.assert_close(weight.grad, 3.0 * weight.detach())


def test_path_lengths_of_a_linear_generator() -> None:
    # image = M w for each layer: J^T y = M^T y, lengths are its norm over the layers' mean
    n, layers, width = 4, 3, 5
    matrices = torch.randn(layers, width, 2 * 4 * 4, dtype=torch.double)
    ws = torch.randn(n, layers, width, dtype=torch.double, requires_grad=True)
    images = torch.einsum("nlw,lwp->np", ws, matrices).reshape(n, 2, 4, 4)
    noise = torch.randn(n, 2, 4, 4, dtype=torch.double)
    per_layer = torch.einsum("lwp,np->nlw", matrices, noise.flatten(1)).square().sum(2)
    torch.testing.assert_close(path_lengths(images, ws, noise), per_layer.mean(1).sqrt())


def test_path_length_noise_has_the_variance_of_one_over_pixels() -> None:
    torch.manual_seed(0)
    noise = path_length_noise(torch.zeros(64, 3, 16, 8))
    assert math.isclose(noise.var().item(), 1 / (16 * 8), rel_tol=0.05)


def test_path_length_penalty_is_taken_against_the_new_mean() -> None:
    lengths = torch.tensor([1.0, 3.0], requires_grad=True)
    penalty, mean = path_length_penalty(lengths, torch.tensor(1.0), decay=0.1)
    assert math.isclose(mean.item(), 1.1, rel_tol=1e-6)
    assert math.isclose(penalty.item(), (0.1**2 + 1.9**2) / 2, rel_tol=1e-6)
    penalty.backward()
    torch.testing.assert_close(lengths.grad, torch.tensor([-0.1, 1.9]))
    assert not mean.requires_grad
