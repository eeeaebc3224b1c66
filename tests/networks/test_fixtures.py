"""The official implementation's numbers: images, logits, ws, path lengths, R1 gradients."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.checkpoints import load_official_state
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

TOLERANCE = 1e-4
LAYOUTS = (torch.contiguous_format, torch.channels_last)


class Reference:
    """Tensors of one case."""

    def __init__(self, folder: Path, case: str) -> None:
        self.case = case
        self.arrays = np.load(folder / "fixtures" / "stylegan2_reference.npz")
        text = (folder / "fixtures" / "stylegan2_reference.json").read_text()
        self.arguments: dict[str, Any] = json.loads(text)["cases"][case]

    def __getitem__(self, name: str) -> Tensor:
        return torch.from_numpy(self.arrays[f"{self.case}.{name}"])

    def get(self, name: str) -> Tensor | None:
        return self[name] if f"{self.case}.{name}" in self.arrays.files else None

    def state(self) -> dict[str, Any]:
        prefix = f"{self.case}.state."
        names = [n for n in self.arrays.files if n.startswith(prefix)]
        return {n.removeprefix(prefix): self.arrays[n] for n in names}


def assert_near(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max().item() < TOLERANCE


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("case", ["g_uncond", "g_cond"])
def test_generator_agrees_with_the_official_one(
    shared: Path, case: str, layout: torch.memory_format
) -> None:
    reference = Reference(shared, case)
    generator = Generator(GeneratorConfig(**reference.arguments)).eval()
    load_official_state(generator, reference.state())
    generator.to(memory_format=layout)
    z, c = reference["z"], reference.get("c")
    ws = generator.mapping(z, c)
    assert_near(ws, reference["ws"])
    assert_near(generator.mapping(z, c, psi=0.6, cutoff=3), reference["ws_psi0.6_cutoff3"])
    for noise in ("const", "none"):
        image = generator.synthesis(ws, noise=noise)
        assert_near(image, reference[f"image_noise_{noise}"])
    assert_near(generator(z, c, noise="const"), reference["image_noise_const"])


@pytest.mark.parametrize("case", ["g_uncond", "g_cond"])
def test_path_lengths_agree_with_the_official_ones(shared: Path, case: str) -> None:
    from stylegen.training.losses import path_lengths

    reference = Reference(shared, case)
    generator = Generator(GeneratorConfig(**reference.arguments)).eval()
    load_official_state(generator, reference.state())
    ws = reference["ws"].requires_grad_()
    lengths = path_lengths(generator.synthesis(ws, noise="const"), ws, reference["pl_noise"])
    assert_near(lengths, reference["pl_lengths"])


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("case", ["d_resnet", "d_cond"])
def test_discriminator_agrees_with_the_official_one(
    shared: Path, case: str, layout: torch.memory_format
) -> None:
    reference = Reference(shared, case)
    discriminator = Discriminator(DiscriminatorConfig(**reference.arguments))
    load_official_state(discriminator, reference.state())
    discriminator.to(memory_format=layout)
    images, c = reference["x"].requires_grad_(), reference.get("c")
    logits = discriminator(images, c)
    assert_near(logits, reference["logits"])
    (gradient,) = torch.autograd.grad(logits.sum(), images)
    assert_near(gradient.square().sum([1, 2, 3]), reference["r1_sq_grad"])
