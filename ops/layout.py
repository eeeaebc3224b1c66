"""The memory layouts of images and weights: contiguous, or channels last."""

import torch
from torch import Tensor


def is_channels_last(x: Tensor) -> bool:
    """Tell whether (N, C, H, W) is channels last, and not contiguous at the same time."""
    if torch._C._functorch.is_batchedtensor(x):  # within vmap; it has no layout to ask for
        return False
    return x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()


def layout_of(*tensors: Tensor) -> torch.memory_format:
    """Return the layout of what is computed from tensors: channels last if one of them is."""
    last = any(is_channels_last(t) for t in tensors)
    return torch.channels_last if last else torch.contiguous_format
