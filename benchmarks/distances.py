"""The Frechet distance's trace term against scipy's square root, and peaks of neighbour metrics.

The trace of (S1 S2)^(1/2) is what a Frechet distance's time goes into; `stored` has the reference's
factor at hand, as evaluations do. Peak memory is what a process of its own grows by, features
not counted.
"""

import subprocess
import sys
from collections.abc import Callable

import numpy as np
import scipy.linalg
import torch

from benchmarks.results import Results, Row, compared
from benchmarks.suites import Settings
from benchmarks.timing import Budget, Clock, take_turns
from stylegen.metrics.frechet import Gaussian, gaussian_distance
from stylegen.metrics.moments import Moments

WIDTHS, TINY_WIDTHS = (512, 2048), (16, 32)
IMAGES, TINY_IMAGES = 10_000, 200
_PEAK_WIDTH = 64
_PEAK = """
import resource, sys, torch
count, width, kind = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
if kind == "torch-fidelity":
    from torch_fidelity.metric_prc import prc_features_to_metric
    run = lambda x, y: prc_features_to_metric(y, x, prc_neighborhood=3, verbose=False)
else:
    from stylegen.metrics.prdc import precision_recall as run
real, fake = torch.randn(2, count, width, generator=torch.Generator().manual_seed(0))
run(real[:60], fake[:60])
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before = peak()
run(real, fake)
print(peak() - before)
"""


def _gaussian(width: int, seed: int) -> Gaussian:
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(2 * width, width, generator=random, dtype=torch.float64)
    return Gaussian.fitted(Moments.of(x * torch.linspace(0.1, 2, width).double()))


def _by_root(a: Gaussian, b: Gaussian) -> float:
    """The distance as most tools compute it, by scipy's square root of the product."""
    root = scipy.linalg.sqrtm(a.sigma.numpy() @ b.sigma.numpy())
    gap = (a.mu - b.mu).numpy()
    traces = float(a.sigma.trace() + b.sigma.trace()) - 2 * float(np.trace(root).real)
    return float(gap @ gap) + traces


def _ways(width: int) -> dict[str, Callable[[], float]]:
    a, b = _gaussian(width, 0), _gaussian(width, 1)
    stored = Gaussian(mu=b.mu, sigma=b.sigma, count=b.count, factor=b.root)

    def fresh(g: Gaussian) -> Gaussian:
        return Gaussian(mu=g.mu, sigma=g.sigma, count=g.count)

    return {
        "scipy": lambda: _by_root(a, b),
        "anew": lambda: gaussian_distance(fresh(a), fresh(b)),
        "stored": lambda: gaussian_distance(fresh(a), stored),
    }


def trace_rows(width: int, rounds: int, seconds: float | None) -> list[Row]:
    """Time a distance of two full Gaussians, and compare its values."""
    ways = _ways(width)
    times = take_turns(ways, Clock(torch.device("cpu")), rounds, seconds)
    values = {name: run() for name, run in ways.items()}
    return [
        {
            "width": width,
            "factor": name,
            **compared(times["scipy"], times[name]),
            "apart": abs(values[name] / values["scipy"] - 1),
        }
        for name in ("anew", "stored")
    ]


def peak_mb(kind: str, images: int) -> float:
    """Return by how many MB a process grows that takes precision and recall; Linux alone tells."""
    arguments = [sys.executable, "-c", _PEAK, str(images), str(_PEAK_WIDTH), kind]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    return int(done.stdout) / 1024


def run_distances(settings: Settings) -> Results:
    """Time Frechet distances against scipy, and compare peaks of memory with torch-fidelity."""
    widths = TINY_WIDTHS if settings.tiny else WIDTHS
    results = settings.results("distances", widths=list(widths))
    budget = Budget(settings.minutes, len(widths) + 1)
    for width in widths:
        if budget.over:
            results.note(f"Left out, as the time was over: width {width}.")
            continue
        for timed in trace_rows(width, settings.rounds, budget.share()):
            results.add("Frechet distance", timed)
    images = TINY_IMAGES if settings.tiny else IMAGES
    if not budget.over and sys.platform.startswith("linux"):
        theirs, own = (peak_mb(kind, images) for kind in ("torch-fidelity", "stylegen"))
        row: Row = {"images": images, "torch-fidelity MB": theirs, "MB": own}
        results.add("precision and recall", row | {"share": own / theirs if theirs else None})
    results.finish()
    return results
