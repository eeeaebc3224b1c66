"""Runs in one of several processes: what test_world.py starts, and compares with one process.

python joint.py steps CONFIGS.json COUNT OUT    take steps, tell the statistics of each
python joint.py train CONFIG.json OUT           a whole run
python joint.py resume FOLDER                   go on with one
"""

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import torch
from torch import Tensor

from stylegen import configs
from stylegen.data import open_images
from stylegen.errors import InputError
from stylegen.training import RunConfig, resume, train
from stylegen.training.run import Run
from stylegen.training.statistics import Means
from stylegen.training.world import World, world_of


def weights(run: Run) -> dict[str, Tensor]:
    trainer, found = run.trainer, {}
    for name, network in (
        ("G", trainer.generator), ("D", trainer.discriminator), ("EMA", trainer.average_generator),
    ):  # fmt: skip
        found |= {f"{name}.{k}": v.clone() for k, v in network.state_dict().items()}
    return {**found, "pl_mean": trainer.pl_mean.clone()}


def take_steps(
    config: RunConfig, world: World, count: int
) -> tuple[list[dict[str, float]], dict[str, Tensor]]:
    """Return the means of each step over all processes, and the weights after the last."""
    run = Run(config, open_images(config.data), world)
    means, told = Means(), []
    for _ in range(count):
        means.add(run.step())
        told.append({**means.take(world), "p": run.view.p, "alpha": run.moment.alpha})
    return told, weights(run)


def processes(arguments: list[str], count: int = 2) -> list[subprocess.Popen[str]]:
    """Start this file in several processes that know each other, as torchrun starts them."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    common |= {"OMP_NUM_THREADS": "1", "LOCAL_WORLD_SIZE": str(count)}
    return [
        subprocess.Popen(
            [sys.executable, __file__, *arguments],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip


def read_config(path: str) -> list[RunConfig]:
    values = json.loads(Path(path).read_text())
    return [configs.from_dict(RunConfig, value) for value in values]


def main(task: str, *arguments: str) -> None:
    torch.set_num_threads(1)
    logging.basicConfig(level=logging.WARNING)
    if task == "train":
        train(read_config(arguments[0])[0], arguments[1])
    elif task == "resume":
        resume(arguments[0])
    else:
        path, count, out = arguments
        with world_of("cpu") as world:
            for i, config in enumerate(read_config(path)):
                torch.save(take_steps(config, world, int(count)), f"{out}/{i}-{world.rank}.pt")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (InputError, ConnectionError) as error:  # as the command line shows it
        sys.exit(f"Error: {error}")
