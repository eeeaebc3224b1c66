"""Ways along spheres: great arcs between directions.

    arc(u) = cos(u a) p + sin(u a) q,   p and p cos a + q sin a the directions of both ends

Source: Shoemake 1985, section 3.3.

K pairs, D width.
"""

import torch
from torch import Tensor

_PARALLEL = 1e-9  # sine below which two directions span no plane


def _planes(p: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Return q of unit length at right angles to p, towards another direction, and the angle.

    Args:
        p: (K, D) of unit length.
        other: likewise. Where it is parallel to p, any plane will do, and one is chosen by p alone.

    Returns:
        (K, D) and (K, 1), radians.
    """
    cosine = (p * other).sum(dim=1, keepdim=True)
    across = other - cosine * p
    sine = across.norm(dim=1, keepdim=True)
    axis = torch.zeros_like(p).scatter_(1, p.abs().argmin(dim=1, keepdim=True), 1)
    any_way = axis - (axis * p).sum(dim=1, keepdim=True) * p
    is_parallel = sine < _PARALLEL
    q = torch.where(is_parallel, any_way, across)
    sine = torch.where(is_parallel, 0, sine)
    return q / q.norm(dim=1, keepdim=True), torch.atan2(sine, cosine)


def great_arc(a: Tensor, b: Tensor, u: Tensor) -> Tensor:
    """Go from directions to others along the sphere, at a constant angular speed.

    Between opposite directions the way is one of the half circles, always the same.

    Args:
        a: (K, D) of any length but 0.
        b: likewise.
        u: (K, 1), 0 at a and 1 at b.

    Returns:
        (K, D) of length 1.
    """
    p, other = (x / x.norm(dim=1, keepdim=True) for x in (a, b))
    q, angles = _planes(p, other)
    arc: Tensor = (u * angles).cos() * p + (u * angles).sin() * q
    return arc
