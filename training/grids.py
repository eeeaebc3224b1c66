"""Sample grids of a run: the same latents at every moment, so that pictures can be compared."""

import torch
import torch.nn.functional as F
from torch import Tensor

from stylegen.images import make_grid, to_uint8
from stylegen.latents import one_hot, seeds_to_z
from stylegen.networks import Generator

_BOARD_PX = 1024  # width of a grid in TensorBoard, whose files only grow


def grid_shape(height: int, width: int) -> tuple[int, int]:
    """Return (columns, rows) of a grid of about 1024 x 512 pixels: 4x2 to 16x16 images."""
    columns = min(max(1024 // width, 4), 16)
    return columns, min(max(columns * width // (2 * height), 2), 16)


@torch.no_grad()
def sample_grid(generator: Generator, batch: int) -> Tensor:
    """Draw seeds 0, 1, ... with constant noise; classes take turns by column.

    Args:
        generator: in evaluation mode.
        batch: images drawn at once.

    Returns:
        (C, H, W) uint8.
    """
    config, device = generator.config, next(generator.parameters()).device
    columns, rows = grid_shape(config.height, config.width)
    z = seeds_to_z(range(columns * rows), config.z_dim).to(device)
    classes = torch.arange(columns * rows) % columns % max(config.c_dim, 1)
    c = one_hot(classes, config.c_dim)
    images = []
    for i in range(0, len(z), batch):
        c_part = None if c is None else c[i : i + batch].to(device)
        images.append(to_uint8(generator(z[i : i + batch], c_part, noise="const")).cpu())
    return make_grid(torch.cat(images), columns)


def for_the_board(grid: Tensor) -> Tensor:
    """Return a grid at most 1024 pixels wide, by means over squares of pixels.

    Args:
        grid: uint8 (C, H, W).

    Returns:
        uint8 (C, H / n, W / n), n the least whole number that does it.
    """
    n = -(-grid.shape[-1] // _BOARD_PX)
    return grid if n == 1 else F.avg_pool2d(grid.float(), n).round().to(torch.uint8)
