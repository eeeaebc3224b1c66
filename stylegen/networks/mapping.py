"""The mapping network: latents z and classes c to intermediate latents w.

Source: Karras et al. 2019 (StyleGAN), section 2, and section 3.1 for style mixing; truncation in
w: their appendix B; classes: Karras et al. 2020 (ADA), appendix D.

N batch, Z width of z, C number of classes, D width of w, L number of layers that take a w.
"""

import math

import torch
from torch import Tensor, nn

from stylegen.errors import InputError
from stylegen.networks.layers import FullyConnected, normalize_2nd_moment


def _shape(x: Tensor | None) -> tuple[int, ...] | None:
    return None if x is None else tuple(x.shape)


class MappingNetwork(nn.Module):
    """Map (N, Z) and (N, C) to (N, L, D), or to (N, D) without ``num_ws``.

    Args:
        z_dim: Z; 0 takes classes only.
        c_dim: C; 0 is unconditional.
        w_dim: D.
        num_ws: L; None neither repeats w nor tracks its mean.
        num_layers: depth.
        lr_multiplier: learning rate relative to the rest of the network.
        w_avg_beta: decay of the running mean of w.
    """

    w_avg: Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        lr_multiplier: float = 0.01,
        w_avg_beta: float = 0.995,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.num_ws = z_dim, c_dim, num_ws
        self.num_layers, self.w_avg_beta = num_layers, w_avg_beta
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim)
        in_features = z_dim + (w_dim if c_dim else 0)
        for i in range(num_layers):
            layer = FullyConnected(
                in_features if i == 0 else w_dim,
                w_dim,
                activation="lrelu",
                lr_multiplier=lr_multiplier,
            )
            self.add_module(f"fc{i}", layer)
        if num_ws is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def _check(self, z: Tensor | None, c: Tensor | None) -> None:
        if self.z_dim and (z is None or z.ndim != 2 or z.shape[1] != self.z_dim):
            raise InputError(f"z should have shape (N, {self.z_dim}), not {_shape(z)}")
        if self.c_dim and (c is None or c.ndim != 2 or c.shape[1] != self.c_dim):
            raise InputError(
                f"this network is conditional: c should have shape (N, {self.c_dim}), "
                f"not {_shape(c)}"
            )

    def _features(self, z: Tensor | None, c: Tensor | None) -> Tensor:
        parts = []
        if self.z_dim and z is not None:
            parts.append(normalize_2nd_moment(z.to(torch.float32)))
        if self.c_dim and c is not None:
            parts.append(normalize_2nd_moment(self.embed(c)))
        return torch.cat(parts, dim=1)

    def forward(
        self,
        z: Tensor | None,
        c: Tensor | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        skip_w_avg_update: bool = False,
    ) -> Tensor:
        """Map latents and classes.

        Args:
            z: (N, Z), unit Gaussian, or None for z_dim 0.
            c: (N, C), one-hot; ignored by unconditional networks.
            psi: truncation: 1 leaves w as it is, 0 gives its mean.
            cutoff: number of layers that truncation acts on, from the first; None: all.
            skip_w_avg_update: leave the running mean of w alone in training mode too.

        Returns:
            (N, L, D) float32, or (N, D) without ``num_ws``.

        Raises:
            InputError: z or c has another shape than the network's.
        """
        self._check(z, c)
        w = self._features(z, c)
        for i in range(self.num_layers):
            w = self.get_submodule(f"fc{i}")(w)
        if self.num_ws is None:
            return w
        if self.training and not skip_w_avg_update:
            mean = w.detach().mean(dim=0)
            self.w_avg.copy_(mean.lerp(self.w_avg, self.w_avg_beta))
        ws = w.unsqueeze(1).repeat(1, self.num_ws, 1)
        return ws if psi == 1 else self.truncate(ws, psi, cutoff)

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """Pull w towards its mean: w_avg + psi (w - w_avg).

        Args:
            ws: (N, L, D).
            psi: 1 leaves ws as they are, 0 gives the mean.
            cutoff: number of layers that are truncated, from the first; None: all.

        Returns:
            (N, L, D), a new tensor.

        Raises:
            InputError: psi is not finite, or cutoff is negative.
        """
        if not math.isfinite(psi) or (cutoff is not None and cutoff < 0):
            raise InputError(f"psi is {psi} and cutoff {cutoff}; wanted a number, and 0 or more")
        stop = ws.shape[1] if cutoff is None else cutoff
        return torch.cat([self.w_avg.lerp(ws[:, :stop], psi), ws[:, stop:]], dim=1)
