"""The mathematics of walks: curves through points, and where on them the frames lie.

A curve through K points has S segments, K - 1 or, closed, K. Its parameter t runs from 0 to S and
is j at point j. All is computed in float64; at whole t a curve is its point exactly.

    linear   (1 - u) y_j + u y_{j+1},   u = t - j
    cubic    (1 - u) y_j + u y_{j+1} + ((1-u)^3 - (1-u)) m_j / 6 + (u^3 - u) m_{j+1} / 6
             m_{j-1} + 4 m_j + m_{j+1} = 6 (y_{j-1} - 2 y_j + y_{j+1})
             open: m = 0 at both ends (the natural spline); closed: indices modulo K
    slerp    r (cos(u a) p + sin(u a) q):  p and p cos a + q sin a the directions of both points,
             q at right angles to p;  r their lengths, interpolated linearly

Source: cubic splines: de Boor 1978, chapter IV; slerp: Shoemake 1985, section 3.3.

K points, S segments, D width, n values of t, F frames.
"""

import heapq
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from stylegen.spheres import great_arc

Curve = Callable[[Tensor], Tensor]
_TOGETHER = 256  # values of t, which bounds the memory that float64 takes


def _segments(t: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return each t's segment and place u in it, (n,) and (n, 1)."""
    j = t.floor().clamp(0, count - 1).long()
    return j, (t - j)[:, None]


def linear(points: Tensor) -> Curve:
    """Return the straight ways through points (K, D), the first repeated at the end if closed."""

    def at(t: Tensor) -> Tensor:
        j, u = _segments(t, len(points) - 1)
        return (1 - u) * points[j] + u * points[j + 1]

    return at


def second_derivatives(points: Tensor, closed: bool) -> Tensor:
    """Solve for a cubic spline's second derivatives at its points.

    Args:
        points: (K, D), K at least 2.
        closed: the spline returns from the last point to the first.

    Returns:
        (K, D).
    """
    count = len(points)
    index = torch.arange(count)
    matrix, right = 4 * torch.eye(count, dtype=points.dtype), -2 * points
    for neighbour in ((index - 1) % count, (index + 1) % count):
        matrix[index, neighbour] += 1
        right = right + points[neighbour]
    if not closed:
        for end in (0, count - 1):
            matrix[end] = torch.eye(count, dtype=points.dtype)[end]
            right[end] = 0
    bends: Tensor = torch.linalg.solve(matrix, 6 * right)
    return bends


def cubic(points: Tensor, closed: bool) -> Curve:
    """Return the natural (open) or periodic (closed) cubic spline through points (K, D)."""
    bends = second_derivatives(points, closed)
    if closed:
        points, bends = (torch.cat([x, x[:1]]) for x in (points, bends))

    def at(t: Tensor) -> Tensor:
        j, u = _segments(t, len(points) - 1)
        v = 1 - u
        straight = v * points[j] + u * points[j + 1]
        return straight + ((v**3 - v) * bends[j] + (u**3 - u) * bends[j + 1]) / 6

    return at


def slerp(points: Tensor) -> Curve:
    """Return great arcs through points (K, D), each at a constant angular speed.

    Between opposite points the way is one of the half circles, always the same; equal points stay.
    """
    lengths = points.norm(dim=1, keepdim=True)

    def at(t: Tensor) -> Tensor:
        j, u = _segments(t, len(points) - 1)
        radius = (1 - u) * lengths[j] + u * lengths[j + 1]
        between = radius * great_arc(points[j], points[j + 1], u)
        return torch.where(u == 0, points[j], torch.where(u == 1, points[j + 1], between))

    return at


def curve(points: Tensor, path: str, closed: bool) -> Curve:
    """Return a curve through points of any shape.

    Args:
        points: (K, ...), any float type.
        path: "linear", "slerp", "cubic" or "loop".
        closed: it returns to the first point; a loop does so always.

    Returns:
        A function of t, (n,) float64, to (n, ...) in the points' type.
    """
    flat = points.flatten(1).double()
    if path in ("cubic", "loop"):
        along = cubic(flat, closed or path == "loop")
    else:
        way = torch.cat([flat, flat[:1]]) if closed else flat
        along = slerp(way) if path == "slerp" else linear(way)

    def at(t: Tensor) -> Tensor:
        parts = [along(part).to(points.dtype) for part in torch.split(t, _TOGETHER)]
        return torch.cat(parts).reshape(-1, *points.shape[1:])

    return at


def share_steps(lengths: Sequence[float], steps: int) -> list[int]:
    """Share steps among segments so that the longest step is as short as it can be.

    Args:
        lengths: of S segments, 0 or more.
        steps: to share, at least S.

    Returns:
        S numbers of steps, each at least 1.
    """
    weights = lengths if any(lengths) else [1.0] * len(lengths)
    counts = [1] * len(weights)
    longest = [(-length, i) for i, length in enumerate(weights)]
    heapq.heapify(longest)
    for _ in range(steps - len(weights)):
        i = longest[0][1]
        counts[i] += 1
        heapq.heapreplace(longest, (-weights[i] / counts[i], i))
    return counts


def key_frames(counts: Sequence[int], closed: bool) -> tuple[int, ...]:
    """Return at which frame each point lies, from the steps of each segment."""
    ends = np.concatenate([[0], np.cumsum(counts)])
    return tuple(int(frame) for frame in (ends[:-1] if closed else ends))


def frame_times(counts: Sequence[int], closed: bool, lengths: Tensor | None = None) -> Tensor:
    """Return where the frames lie.

    Args:
        counts: steps of each of S segments.
        closed: the last step leads back to the first frame and has none of its own.
        lengths: (S, m) float64, of the pieces that m equal steps of t cut a segment into; the
            frames of a segment then lie at equal lengths. None: at equal t.

    Returns:
        (F,) float64, t of each frame, whole where it is a point.
    """
    parts = []
    for j, count in enumerate(counts):
        u = np.arange(count) / count
        if lengths is not None and (pieces := lengths[j].numpy()).sum() > 0:
            reached = np.concatenate([[0.0], np.cumsum(pieces)])
            u = np.interp(u * reached[-1], reached, np.linspace(0, 1, len(reached)))
            u[0] = 0  # which a first piece without length leaves open
        parts.append(j + u)
    end = [] if closed else [np.array([float(len(counts))])]
    return torch.from_numpy(np.concatenate([*parts, *end]))
