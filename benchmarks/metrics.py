"""FID of two folders against torch-fidelity, from the files to the number.

Inception has random weights, so that nothing is downloaded: convolutions of He et al. 2015, and
batch statistics of some pictures, with which its features are far from degenerate.
"""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from benchmarks.results import Results, Row, compared, rounded
from benchmarks.suites import Settings
from benchmarks.timing import Clock, Times
from stylegen.metrics import EvaluateConfig, evaluate
from stylegen.perceptual.fidelity import part

_SIDE_PX, _BATCH = 64, 64
_LARGE = 1000  # images of a folder from which it is looked at once


def _pictures(folder: Path, count: int, low: int, seed: int) -> str:
    """Write smooth random pictures with some noise."""
    folder.mkdir()
    stream = np.random.RandomState(seed)
    for i in range(count):
        blobs = Image.fromarray(stream.randint(low, 256, (5, 5, 3)).astype(np.uint8))
        x = np.asarray(blobs.resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC)).astype(int)
        x = np.clip(x + stream.randint(-20, 21, x.shape), 0, 255).astype(np.uint8)
        Image.fromarray(x).save(folder / f"{i:05}.png")
    return str(folder)


def _initialised() -> Any:
    base = part("feature_extractor_inceptionv3", "FeatureExtractorInceptionV3", "the benchmark")

    class Unloaded(base):  # type: ignore[misc, valid-type]
        def load_state_dict(self, *_: object) -> None:
            """Keep what it was initialised with."""

    nothing = io.BytesIO()
    torch.save({}, nothing)
    nothing.seek(0)
    layers = ["2048", "logits_unbiased"]
    return Unloaded("inception-v3-compat", layers, feature_extractor_weights_path=nothing)


@torch.inference_mode()
def _weights(path: Path, images: Tensor) -> str:
    network = _initialised()
    torch.manual_seed(0)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    network(images)
    torch.save(network.state_dict(), path)
    return str(path)


def _read(folder: str, count: int) -> Tensor:
    files = sorted(Path(folder).iterdir())[:count]
    pixels = np.stack([np.array(Image.open(file)) for file in files])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous()


def _theirs(a: str, b: str, weights: str, device: torch.device) -> Callable[[], float]:
    import torch_fidelity

    def run() -> float:
        found = torch_fidelity.calculate_metrics(
            input1=a, input2=b, cuda=device.type == "cuda", fid=True, cache=False, verbose=False,
            batch_size=_BATCH, feature_extractor_weights_path=weights,
        )  # fmt: skip
        return float(found["frechet_inception_distance"])

    return run


def _ours(
    a: str, b: str, weights: str, device: torch.device, arithmetic: Any
) -> Callable[[], float]:
    config = EvaluateConfig(
        a=a, against=b, metrics=("fid",), weights=weights, batch=_BATCH, device=str(device),
        cache=False, arithmetic=arithmetic,
    )  # fmt: skip
    return lambda: evaluate(config).metrics["fid"].value


def _rounds(settings: Settings, images: int) -> int:
    """Return how often the folders are compared: a large one once, as it takes minutes."""
    return 1 if settings.tiny or images >= _LARGE else min(settings.rounds, 3)


def _in_turns(
    functions: dict[str, Callable[[], object]], clock: Clock, rounds: int
) -> dict[str, Times]:
    """Time functions in turns, without a call to warm up: whoever compares folders does it once."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            times[name].append(clock(function))
    return {name: Times(tuple(values)) for name, values in times.items()}


def _end_to_end(settings: Settings, results: Results, images: int) -> None:
    """Time the distance of two folders, from files to the number."""
    clock = Clock(settings.device)
    with tempfile.TemporaryDirectory() as folder:
        a = _pictures(Path(folder) / "a", images, 0, 0)
        b = _pictures(Path(folder) / "b", images, 30, 1)
        weights = _weights(Path(folder) / "weights.pth", _read(a, 8))
        runs = {"plain": _theirs(a, b, weights, settings.device)}
        runs |= {k: _ours(a, b, weights, settings.device, k) for k in ("fp32", "fast", "bf16")}
        values: dict[str, float] = {}

        def timed(name: str) -> Callable[[], object]:
            return lambda: values.update({name: runs[name]()})

        times = _in_turns({name: timed(name) for name in runs}, clock, _rounds(settings, images))
    for name in ("fp32", "fast", "bf16"):
        seconds = times[name].median
        row: Row = {
            "images": 2 * images,
            "arithmetic": name,
            "img/s": rounded(2 * images / seconds),
            "torch-fidelity img/s": rounded(2 * images / times["plain"].median),
            **compared(times["plain"], times[name]),
            "value": rounded(values[name], 9),
            "off by": rounded(abs(values[name] / values["plain"] - 1), 2),
        }
        results.add("end_to_end", row)


def run_metrics(settings: Settings, images: int = 5000) -> Results:
    """Time FID of two folders, from files to the number, against torch-fidelity."""
    images = 6 if settings.tiny else images
    results = settings.results("metrics", images=images)
    _end_to_end(settings, results, images)
    results.finish()
    return results
