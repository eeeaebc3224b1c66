"""Metrics taken by several processes are those of one; none of them waits in vain."""

import json
import math
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.data import DataConfig, open_images
from stylegen.devices import full_float32
from stylegen.metrics import Extracted, extract, in_training, metric_for_training, open_network
from stylegen.metrics.drawing import NotFiniteError
from stylegen.metrics.sharing import (
    ALONE,
    Processes,
    TookTooLongError,
    first_,
    joined,
    own_rows,
    rounds_of,
    together,
    total_,
)
from tests.metrics.small import ALL, MANIFOLD, configure, make_generator

# What each process does; the generator is that of small.py.
SCRIPT = """
import json, sys, torch
from pathlib import Path
from stylegen.data import DataConfig
from stylegen.metrics import TrainingMetricConfig, metric_for_training
from stylegen.networks import Generator, GeneratorConfig
from stylegen.training.world import world_of

job = json.loads(sys.argv[1])
config = TrainingMetricConfig(
    data=DataConfig(path=job["data"], labels=True), metrics=("fid", "kid", "is"), samples=33,
    batch=9, splits=2, features="demo", weights=job["weights"],
)
shape = GeneratorConfig(
    resolution=16, z_dim=6, w_dim=6, c_dim=job["classes"], mapping_layers=1, channel_base=128,
    channel_max=8,
)
with world_of("cpu") as world:
    seen = {}
    metric = metric_for_training(config, lambda stage, done, total: seen.update({stage: done}))
    generator = Generator(shape)
    generator.load_state_dict(torch.load(Path(job["out"]) / "g.pth", weights_only=True))
    values = metric(generator, world)
    assert metric(generator, world) == values
    (Path(job["out"]) / f"{world.rank}.json").write_text(json.dumps([values, seen]))
"""


class Thread:
    """One of n processes, played by a thread."""

    def __init__(self, rank: int, slots: list[Sequence[Tensor]], barrier: threading.Barrier):
        self.rank, self.size = rank, len(slots)
        self._slots, self._barrier = slots, barrier

    def mean_(self, tensors: Sequence[Tensor], /) -> None:
        self._slots[self.rank] = [t.clone() for t in tensors]
        self._barrier.wait(10)
        for i, t in enumerate(tensors):
            t.copy_(sum((s[i] for s in self._slots), torch.zeros_like(t)) / self.size)
        self._barrier.wait(10)


def in_threads(size: int, job: Callable[[Processes], Any]) -> list[Any]:
    slots: list[Sequence[Tensor]] = [()] * size
    barrier = threading.Barrier(size)
    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(lambda rank: job(Thread(rank, slots, barrier)), range(size)))


def test_shares_are_joined_in_the_order_of_the_set(weights: str) -> None:
    """Three processes, of which the last has nothing and the second lacks a broken file."""
    network = open_network("demo", weights)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (13, 3, 16, 16), generator=generator, dtype=torch.uint8)
    usable = [i for i in range(13) if i != 9]
    whole = extract([images[usable]], network, keep_features=True, keep_logits=True)
    rows = [[0, 1, 2, 3, 4, 5, 6], [7, 8, 10, 11, 12], []]
    parts = [
        extract([images[r]] if r else [], network, keep_features=True, keep_logits=True)
        for r in rows
    ]

    def job(world: Processes) -> Extracted:
        assert [i for i in own_rows(13, 7, world) if i != 9] == rows[world.rank]
        return joined(parts[world.rank], rows[world.rank], 13, world)

    for found in in_threads(3, job):
        assert found.count == 12
        torch.testing.assert_close(found.features, whole.features, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.logits, whole.logits, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(found.moments.covariance, whole.moments.covariance)


def test_what_nobody_kept_is_not_exchanged(weights: str) -> None:
    network = open_network("demo", weights)
    part = extract([torch.zeros(2, 3, 16, 16, dtype=torch.uint8)], network)
    for found in in_threads(2, lambda world: joined(part, own_rows(4, 2, world), 4, world)):
        assert (found.count, found.features, found.logits) == (4, None, None)


def test_the_values_are_the_first_ones() -> None:
    def job(world: Processes) -> list[float]:
        values = torch.tensor([1.5 + world.rank, math.nan if world.rank else 2.0])
        first_(world, values)
        return [float(v) for v in values]

    assert in_threads(3, job) == [[1.5, 2.0]] * 3


def test_three_processes_find_what_one_does(faces: str, weights: str) -> None:
    metrics = (*ALL, *MANIFOLD)
    config = configure(weights, DataConfig(path=faces), samples=33, noise="const", metrics=metrics)
    alone = metric_for_training(config)(make_generator())
    own = [(metric_for_training(config), make_generator()) for _ in range(3)]
    with full_float32():  # a global setting, which threads would restore in turns
        found = in_threads(3, lambda world: own[world.rank][0](own[world.rank][1], world))
    assert found[0] == found[1] == found[2] == pytest.approx(alone, rel=1e-6)


def test_two_processes_of_a_run_find_what_one_does(
    faces: str, weights: str, tmp_path: Path
) -> None:
    """By gloo, as torchrun starts them."""
    size = 2
    data = DataConfig(path=faces, labels=True)
    classes = open_images(data).num_classes
    config = configure(weights, data, samples=33, batch=9)
    torch.save(make_generator(c_dim=classes).state_dict(), tmp_path / "g.pth")
    job = {"data": faces, "weights": weights, "classes": classes, "out": str(tmp_path)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT, json.dumps(job)],
            env={
                **os.environ, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1",
            },
            stderr=subprocess.PIPE, text=True,
        )
        for rank in range(size)
    ]  # fmt: skip
    try:
        for process in processes:
            said = process.communicate(timeout=120)[1]
            assert process.returncode == 0, said
    finally:
        for process in processes:
            process.kill()
            process.wait()
    found, seen = zip(
        *[json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(size)], strict=True
    )
    alone = metric_for_training(config)(make_generator(c_dim=classes))
    for values in found:
        assert values == found[0]
        assert list(values) == list(alone)
        assert values == pytest.approx(alone, rel=1e-6)
    assert [s["features of generated images"] for s in seen] == [18, 15]
    assert [s["features of the real images"] for s in seen] == [27, 21]


def test_one_rank_that_diverges_is_noticed_by_all(
    faces: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one process draws the image that is not finite; no one may wait for it in vain."""
    config = configure(weights, DataConfig(path=faces), metrics=("fid",), noise="const")
    metrics = [metric_for_training(config) for _ in range(2)]

    def draw(*_: Any, share: tuple[int, int], **__: Any) -> Any:
        yield torch.zeros(20, 3, 16, 16, dtype=torch.uint8)
        if share[0] == 1:
            raise NotFiniteError("NaN")

    monkeypatch.setattr(in_training, "draw_images", draw)
    generators = [make_generator() for _ in range(2)]
    with full_float32():
        found = in_threads(2, lambda world: metrics[world.rank](generators[world.rank], world))
    assert all(math.isnan(values["fd_demo"]) for values in found)


def test_no_process_waits_longer_than_a_batch() -> None:
    """One of three is late after its second batch: all stop there, and none waits in vain."""

    def job(world: Processes) -> list[int]:
        batches = (torch.full((1, 3, 4, 4), i) for i in range(5 if world.rank < 2 else 4))
        seen: list[int] = []
        late = world.rank == 1
        own = together(batches, 5, world, torch.device("cpu"), lambda: late and len(seen) == 2)
        numbers = (int(images[0, 0, 0, 0]) for images in own)
        with pytest.raises(TookTooLongError):
            seen.extend(numbers)
        return seen

    assert in_threads(3, job) == [[0, 1]] * 3


def test_all_batches_are_seen_if_nobody_is_late() -> None:
    def job(world: Processes) -> int:
        own = own_rows(13, 3, world)
        batches = (torch.zeros(1) for _ in range(-(-len(own) // 3)))
        rounds = rounds_of(13, 3, world)
        return len(list(together(batches, rounds, world, torch.device("cpu"), lambda: False)))

    assert in_threads(2, job) == [3, 2]
    assert in_threads(3, job) == [2, 2, 1]


def test_one_process_exchanges_nothing() -> None:
    x = torch.ones(3)
    total_(ALONE, [x])
    assert torch.equal(x, torch.ones(3))
    assert own_rows(5, 2, ALONE) == [0, 1, 2, 3, 4]
