"""StyleGAN2's forward passes once more, straightforwardly: float64, per-sample weights,
zero insertion, contiguous tensors, nothing of stylegen's operators. The measure of the networks.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

State = dict[str, Tensor]
FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])).double() / 64


def fir(x: Tensor, pad: tuple[int, int, int, int], gain: float = 1.0) -> Tensor:
    c = x.shape[1]
    return F.conv2d(F.pad(x, pad), (FIR * gain).expand(c, 1, 4, 4), groups=c)


def zeros_between(x: Tensor) -> Tensor:
    u = torch.zeros(*x.shape[:2], x.shape[2] * 2, x.shape[3] * 2, dtype=x.dtype)
    u[:, :, ::2, ::2] = x
    return u


def lrelu(x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    y = torch.where(x > 0, x, 0.2 * x) * 2**0.5 * gain
    return y if clamp is None else y.clamp(-clamp * gain, clamp * gain)


def modulated(x: Tensor, weight: Tensor, s: Tensor, demodulate: bool, up: bool) -> Tensor:
    out = []
    for xi, si in zip(x, s, strict=True):
        w = weight * si[None, :, None, None]
        if demodulate:
            w = w / (w.square().sum([1, 2, 3], keepdim=True) + 1e-8).sqrt()
        xi = xi[None]
        if up:
            xi, w = fir(zeros_between(xi), (3, 2, 3, 2), 4), w.flip([2, 3])
            out.append(F.conv2d(xi, w))
        else:
            out.append(F.conv2d(xi, w, padding=w.shape[-1] // 2))
    return torch.cat(out)


def style(state: State, name: str, w: Tensor) -> Tensor:
    weight, bias = state[f"{name}.affine.weight"], state[f"{name}.affine.bias"]
    return w @ weight.t() / weight.shape[1] ** 0.5 + bias


def layer(
    state: State, name: str, x: Tensor, w: Tensor, up: bool, gain: float, clamp: float | None
) -> Tensor:
    x = modulated(x, state[f"{name}.weight"], style(state, name, w), True, up)
    x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
    return lrelu(x + state[f"{name}.bias"][:, None, None], gain, clamp)


def to_rgb(state: State, name: str, x: Tensor, w: Tensor, clamp: float | None) -> Tensor:
    s = style(state, name, w) / x.shape[1] ** 0.5
    y = modulated(x, state[f"{name}.weight"], s, False, False)
    y = y + state[f"{name}.bias"][:, None, None]
    return y if clamp is None else y.clamp(-clamp, clamp)


def synthesis(state: State, config: Any, ws: Tensor) -> Tensor:
    """Draw images with constant noise; ``state`` is a generator's, in float64."""
    clamp, architecture = config.conv_clamp, config.architecture
    x = state["synthesis.b4.const"].expand(len(ws), -1, -1, -1)
    x = layer(state, "synthesis.b4.conv1", x, ws[:, 0], False, 1.0, clamp)
    image = None
    if architecture == "skip" or config.resolution == 4:
        image = to_rgb(state, "synthesis.b4.torgb", x, ws[:, 1], clamp)
    r, i = 8, 1
    while r <= config.resolution:
        b, gain = f"synthesis.b{r}", 0.5**0.5 if architecture == "resnet" else 1.0
        y = layer(state, f"{b}.conv0", x, ws[:, i], True, 1.0, clamp)
        y = layer(state, f"{b}.conv1", y, ws[:, i + 1], False, gain, clamp)
        if architecture == "resnet":
            skip = F.conv2d(x, state[f"{b}.skip.weight"] / x.shape[1] ** 0.5)
            y = y + gain * fir(zeros_between(skip), (2, 1, 2, 1), 4)
        x = y
        if image is not None:
            image = twice(image)
        if architecture == "skip" or r == config.resolution:
            rgb = to_rgb(state, f"{b}.torgb", x, ws[:, i + 2], clamp)
            image = rgb if image is None else image + rgb
        r, i = r * 2, i + 2
    assert image is not None
    return image


def conv(
    state: State,
    name: str,
    x: Tensor,
    down: bool = False,
    gain: float = 1.0,
    clamp: float | None = None,
    act: bool = True,
) -> Tensor:
    w = state[f"{name}.weight"]
    k = w.shape[-1]
    w = w / (w.shape[1] * k * k) ** 0.5
    if down:
        x = fir(x, (2, 2, 2, 2)) if k == 3 else fir(x, (1, 1, 1, 1))[:, :, ::2, ::2]
        x = F.conv2d(x, w, stride=2 if k == 3 else 1)
    else:
        x = F.conv2d(x, w, padding=k // 2)
    if f"{name}.bias" in state:
        x = x + state[f"{name}.bias"][:, None, None]
    return lrelu(x, gain, clamp) if act else x * gain


def dense(state: State, name: str, x: Tensor, lr: float = 1.0, act: bool = True) -> Tensor:
    w = state[f"{name}.weight"]
    y = x @ w.t() * lr / w.shape[1] ** 0.5 + state[f"{name}.bias"] * lr
    return lrelu(y) if act else y


def unit(x: Tensor) -> Tensor:
    return x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()


def deviations(x: Tensor, group: int) -> Tensor:
    """Append minibatch deviations: sample n is in group n mod (N / group)."""
    n = len(x)
    feature = torch.empty(n, 1, *x.shape[2:], dtype=x.dtype)
    for i in range(n):
        members = x[[j for j in range(n) if j % (n // group) == i % (n // group)]]
        centred = members - members.mean(0)
        feature[i] = (centred.square().mean(0) + 1e-8).sqrt().mean()
    return torch.cat([x, feature], 1)


def half(image: Tensor) -> Tensor:
    return fir(image, (1, 1, 1, 1))[:, :, ::2, ::2]


def twice(image: Tensor) -> Tensor:
    return fir(zeros_between(image), (2, 1, 2, 1), 4)


def blend(
    state: State, config: Any, x: Tensor, smaller: Tensor, alpha: float, fromrgb: str
) -> Tensor:
    """Let the newest block's features in by alpha; ``state`` is the smaller network's."""
    if config.architecture == "skip":
        return alpha * x
    clamp = None if fromrgb.startswith("b4.") else config.conv_clamp
    return (1 - alpha) * conv(state, fromrgb, smaller, clamp=clamp) + alpha * x


def discriminate(
    state: State,
    config: Any,
    image: Tensor,
    c: Tensor | None,
    group: int,
    alpha: float = 1.0,
    smaller: State | None = None,
) -> Tensor:
    """Return logits; ``state`` is a discriminator's, in float64.

    ``smaller`` is the state of the network that it has grown from, while that fades by ``alpha``.
    """
    clamp, architecture = config.conv_clamp, config.architecture
    x, r, gain = None, config.resolution, 0.5**0.5 if config.architecture == "resnet" else 1.0
    while r > 4:
        b = f"b{r}"
        if x is None or architecture == "skip":
            rgb = conv(state, f"{b}.fromrgb", image, clamp=clamp)
            x = rgb if x is None else x + rgb
            image = half(image)
        y = conv(state, f"{b}.conv0", x, clamp=clamp)
        y = conv(state, f"{b}.conv1", y, down=True, gain=gain, clamp=clamp)
        if architecture == "resnet":
            y = y + conv(state, f"{b}.skip", x, down=True, gain=gain, act=False)
        if smaller is not None and r == config.resolution:
            y = blend(smaller, config, y, image, alpha, f"b{r // 2}.fromrgb")
        x, r = y, r // 2
    if x is None or architecture == "skip":
        rgb = conv(state, "b4.fromrgb", image)
        x = rgb if x is None else x + rgb
    x = conv(state, "b4.conv", deviations(x, group), clamp=clamp)
    y = dense(state, "b4.out", dense(state, "b4.fc", x.flatten(1)), act=False)
    if c is None:
        return y
    e = unit(dense(state, "mapping.embed", c, act=False))
    for i in range(config.mapping_layers):
        e = dense(state, f"mapping.fc{i}", e, lr=0.01)
    return (y * e).sum(1, keepdim=True) / e.shape[1] ** 0.5
