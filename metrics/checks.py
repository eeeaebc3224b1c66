"""What features have to be before distances are taken between them.

M and N images of two sets, D feature width.
"""

import torch
from torch import Tensor

from stylegen.errors import InputError


def check_features(
    x: Tensor, y: Tensor, least: int = 1, what: str = "a search for neighbours"
) -> None:
    """Refuse features that cannot be compared, or of fewer images than are needed.

    Args:
        x: (M, D) of one set.
        y: (N, D) of the other.
        least: images that are needed on each side.
        what: that is taken on them, for people.

    Raises:
        InputError: widths differ, numbers are not finite, or images are too few.
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            f"{what} takes features (M, D) and (N, D) of one width D, not {tuple(x.shape)} and "
            f"{tuple(y.shape)}"
        )
    if min(len(x), len(y)) < least:
        raise InputError(
            f"{what} needs at least {least} images on each side, not {len(x)} and {len(y)}"
        )
    if not (bool(torch.isfinite(x).all()) and bool(torch.isfinite(y).all())):
        raise InputError(f"the features for {what} are not finite numbers")
