"""Inception Score.

    IS = exp( mean over x of KL( p(y|x) || p(y) ) ), averaged over splits of the set

Source: Salimans et al. 2016, arXiv:1606.03498, section 4.

N images, K classes.
"""

import itertools

import numpy as np
import torch
from torch import Tensor

from stylegen.errors import InputError

SHUFFLE_SEED = 2020


def _score(logits: Tensor) -> Tensor:
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    # xlogy: a class that no image shows counts nothing, instead of 0 * -inf.
    divergence = (p * log_p).sum(1).mean() - torch.xlogy(p.mean(0), p.mean(0)).sum()
    return divergence.exp()


def inception_score(
    logits: Tensor, splits: int = 10, seed: int = SHUFFLE_SEED
) -> tuple[float, float]:
    """Return mean and standard deviation of the Inception Score over splits.

    Args:
        logits: (N, K), any float type; computed in float64.
        splits: parts of the shuffled set.
        seed: of the shuffle, numpy's RandomState; the default is torch-fidelity's.

    Returns:
        Mean and population standard deviation over the splits; the score is 1 to K.

    Raises:
        InputError: fewer images than splits or than two, or logits that are not finite.
    """
    count = len(logits)
    if logits.dim() != 2 or count < max(splits, 2) or splits < 1:
        raise InputError(
            f"an Inception Score over {splits} splits needs logits (N, K) of at least "
            f"{max(splits, 2)} images, not {tuple(logits.shape)}; give more images or fewer splits"
        )
    if not bool(torch.isfinite(logits).all()):
        raise InputError("the logits for an Inception Score are not finite numbers")
    order = torch.from_numpy(np.random.RandomState(seed).permutation(count))
    shuffled = logits.to("cpu", torch.float64)[order]
    bounds = [i * count // splits for i in range(splits + 1)]
    scores = torch.stack([_score(shuffled[i:j]) for i, j in itertools.pairwise(bounds)])
    return float(scores.mean()), float(scores.std(correction=0))
