"""The activations of bias_act: value, slope and curvature of each, and its usual gain.

The formulas are the reference of csrc/activation.h, where the same codes stand.

Source: He et al. 2015 (leaky ReLU, whose gain of sqrt 2 keeps unit variance); Clevert et al. 2015
(ELU); Klambauer et al. 2017 (SELU); Ramachandran et al. 2017 (swish).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_SELU_SCALE = 1.0507009873554805
_SELU_ALPHA = 1.6732632423543772


@dataclass(frozen=True, kw_only=True)
class Activation:
    """An activation, its usual gain, and its derivatives.

    ``slope`` is act'(z) and ``curvature`` its derivative, as functions of ``ref``: the output
    a = act(z) if ``from_output``, else the input z. ``curvature`` None is zero almost everywhere.
    """

    code: int
    value: Callable[[Tensor, float], Tensor]
    slope: Callable[[Tensor, float], Tensor]
    curvature: Callable[[Tensor, float], Tensor] | None = None
    alpha: float = 0.0
    gain: float = 1.0
    from_output: bool = True


def _step(a: Tensor, below: float, above: float = 1.0) -> Tensor:
    return torch.full_like(a, below).masked_fill_(a > 0, above)


def _swish_slope(z: Tensor, _: float) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 + z * (1 - s))


def _swish_curvature(z: Tensor, _: float) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1 - s) * (2 + z * (1 - 2 * s))


ACTIVATIONS: dict[str, Activation] = {
    "linear": Activation(code=0, value=lambda z, _: z, slope=lambda a, _: torch.ones_like(a)),
    "relu": Activation(
        code=1, value=lambda z, _: F.relu(z), slope=lambda a, _: _step(a, 0.0), gain=math.sqrt(2)
    ),
    "lrelu": Activation(
        code=2,
        value=lambda z, alpha: F.leaky_relu(z, alpha),
        slope=lambda a, alpha: _step(a, alpha),
        alpha=0.2,
        gain=math.sqrt(2),
    ),
    "tanh": Activation(
        code=3,
        value=lambda z, _: torch.tanh(z),
        slope=lambda a, _: 1 - a * a,
        curvature=lambda a, _: -2 * a,
    ),
    "sigmoid": Activation(
        code=4,
        value=lambda z, _: torch.sigmoid(z),
        slope=lambda a, _: a * (1 - a),
        curvature=lambda a, _: 1 - 2 * a,
    ),
    "elu": Activation(
        code=5,
        value=lambda z, _: F.elu(z),
        slope=lambda a, _: 1 + a.clamp(max=0),
        curvature=lambda a, _: _step(a, 1.0, 0.0),
    ),
    "selu": Activation(
        code=6,
        value=lambda z, _: F.selu(z),
        slope=lambda a, _: torch.where(a > 0, _SELU_SCALE, a + _SELU_SCALE * _SELU_ALPHA),
        curvature=lambda a, _: _step(a, 1.0, 0.0),
    ),
    "softplus": Activation(
        code=7,
        value=lambda z, _: F.softplus(z),
        slope=lambda a, _: -torch.expm1(-a),
        curvature=lambda a, _: torch.exp(-a),
    ),
    "swish": Activation(
        code=8,
        value=lambda z, _: z * torch.sigmoid(z),
        slope=_swish_slope,
        curvature=_swish_curvature,
        gain=math.sqrt(2),
        from_output=False,
    ),
}
