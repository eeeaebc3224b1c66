"""Drawing: which classes and which noise, and shares of the whole."""

from typing import Any

import torch
from torch import Tensor

from stylegen.metrics import draw_images
from tests.metrics.small import make_generator


class Painter(torch.nn.Module):
    """Paints its class, so that images tell which classes were drawn."""

    def __init__(self, c_dim: int) -> None:
        super().__init__()
        self.config = make_generator(c_dim=c_dim).config
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def forward(self, z: Tensor, c: Tensor, **_: object) -> Tensor:
        assert torch.equal(c.sum(1), torch.ones(len(z)))
        return (c.argmax(1).float() / 64)[:, None, None, None].expand(-1, 3, 16, 16)


def test_classes_are_drawn_uniformly() -> None:
    """The counts of 3,000 draws are as even as chance."""
    painter: Any = Painter(3)
    drawn = torch.cat(list(draw_images(painter, 3000, batch=700)))[:, 0, 0, 0]
    counts = torch.unique(drawn, return_counts=True)[1]
    assert len(counts) == 3
    assert (counts - 1000).abs().max() < 5 * (3000 * 2 / 9) ** 0.5


def test_classes_are_as_frequent_as_in_the_data() -> None:
    painter: Any = Painter(3)
    labels = torch.tensor([0] * 10 + [2] * 30)
    drawn = torch.cat(list(draw_images(painter, 4000, batch=900, labels=labels)))[:, 0, 0, 0]
    shown, counts = torch.unique(drawn, return_counts=True)
    assert shown.tolist() == [128, 131]  # 2 / 64 * 127.5 + 128 = 131.98
    assert abs(int(counts[0]) - 1000) < 5 * (4000 * 3 / 16) ** 0.5


def test_layer_noise_does_not_repeat_from_batch_to_batch() -> None:
    """The same latents over and over, so that only the noise can tell images apart."""
    generator = make_generator().eval()
    with torch.no_grad():
        for parameter in generator.mapping.parameters():
            parameter.zero_()
    images = torch.cat(list(draw_images(generator, 12, batch=4)))
    assert len(torch.unique(images.flatten(1), dim=0)) == 12
    fixed = torch.cat(list(draw_images(generator, 12, batch=4, noise="const")))
    assert len(torch.unique(fixed.flatten(1), dim=0)) == 1


def test_shares_of_the_batches_are_the_whole() -> None:
    generator = make_generator(c_dim=3).eval()
    whole = list(draw_images(generator, 23, batch=4, seed=5))
    parts = [list(draw_images(generator, 23, batch=4, seed=5, share=(r, 3))) for r in range(3)]
    assert [len(p) for p in parts] == [2, 2, 2]
    for i, batch in enumerate(whole):
        assert torch.equal(parts[i % 3][i // 3], batch)
