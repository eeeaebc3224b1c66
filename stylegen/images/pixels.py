"""Pixel tensors: float networks' range to bytes and back, Pillow images, grids.

N images, C channels (1 grey, 2 grey + alpha, 3 RGB, 4 RGBA), H rows, W columns.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylegen.errors import InputError

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def to_uint8(x: Tensor) -> Tensor:
    """Turn a network's output into bytes: x * 127.5 + 128, clamped to 0..255, truncated.

    Args:
        x: any float type, any shape, in about [-1, 1].

    Returns:
        uint8, same shape and layout.

    Source: the official StyleGAN2's image saving; its FID depends on this rounding.
    """
    return (x.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def from_uint8(x: Tensor) -> Tensor:
    """Turn bytes into a network's range: x / 127.5 - 1.

    Args:
        x: uint8, any shape.

    Returns:
        float32 in [-1, 1], same shape.
    """
    return x.to(torch.float32) / 127.5 - 1


def to_pil(x: Tensor) -> Image.Image:
    """Turn one image tensor into a Pillow image.

    Args:
        x: uint8 (C, H, W) with C 1 (grey), 2 (grey + alpha), 3 (RGB) or 4 (RGBA).

    Raises:
        InputError: another dtype, rank or channel count.
    """
    if x.dtype != torch.uint8 or x.ndim != 3 or x.shape[0] not in MODES:
        raise InputError(
            f"An image should be uint8 of shape (1 to 4, H, W), not {x.dtype} of {tuple(x.shape)}; "
            "stylegen.images.to_uint8 converts a network's output."
        )
    pixels = np.ascontiguousarray(x.detach().cpu().permute(1, 2, 0).numpy())
    return Image.fromarray(pixels[:, :, 0] if len(x) == 1 else pixels)


def from_pil(image: Image.Image) -> Tensor:
    """Turn a Pillow image of mode L, LA, RGB or RGBA into a uint8 tensor (C, H, W).

    Raises:
        InputError: the image has another mode.
    """
    if image.mode not in MODES.values():
        wanted = ", ".join(MODES.values())
        raise InputError(
            f"A Pillow image should be of mode {wanted}, not {image.mode}; convert it."
        )
    pixels = np.array(image, dtype=np.uint8)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1).copy())


def make_grid(x: Tensor, columns: int, margin: int = 0) -> Tensor:
    """Lay images out row by row on a white sheet.

    Args:
        x: uint8 (N, C, H, W), N at least 1.
        columns: images in a row; the last row may stay partly white.
        margin: white pixels between neighbours (none at the sheet's edges).

    Returns:
        uint8 (C, H', W') with H' = rows * (H + margin) - margin, and W' likewise.

    Raises:
        InputError: no image, not four dimensions, not uint8, columns < 1 or margin < 0.
    """
    if x.ndim != 4 or len(x) == 0 or x.dtype != torch.uint8 or columns < 1 or margin < 0:
        raise InputError(
            "A grid needs a uint8 tensor (N, C, H, W), columns >= 1 and margin >= 0, not "
            f"{x.dtype} of {tuple(x.shape)}, {columns} columns and margin {margin}."
        )
    N, C, H, W = x.shape
    rows = -(-N // columns)
    sheet = x.new_full((rows * columns, C, H + margin, W + margin), 255)
    sheet[:N, :, :H, :W] = x
    sheet = sheet.reshape(rows, columns, C, H + margin, W + margin).permute(2, 0, 3, 1, 4)
    full = sheet.reshape(C, rows * (H + margin), columns * (W + margin))
    return full[:, : full.shape[1] - margin, : full.shape[2] - margin].contiguous()


def make_table(rows: Tensor, columns: Tensor, cells: Tensor) -> Tensor:
    """Lay a table out: images of columns above, those of rows at the left, white in the corner.

    Args:
        rows: uint8 (A, C, H, W).
        columns: uint8 (B, C, H, W).
        cells: uint8 (A, B, C, H, W).

    Returns:
        uint8 (C, (A + 1) H, (B + 1) W).
    """
    corner = torch.full_like(columns[:1], 255)
    lines = [torch.cat([row[None], line]) for row, line in zip(rows, cells, strict=True)]
    return make_grid(torch.cat([corner, columns, *lines]), len(columns) + 1)
