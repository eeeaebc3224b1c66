"""Runs in processes of their own, to be killed: what test_resume.py drives.

Reads requests, one JSON object a line, from standard input: {"task": "train" or "resume", "path":
..., "config": ..., "stream": ...}. Each is done in a forked process, since forking takes no time;
its number is told, and how it ended.
"""

import faulthandler
import json
import os
import sys
import traceback
from pathlib import Path

import torch

from stylegen import configs
from stylegen.networks import Generator
from stylegen.training import RunConfig, feed, resume, train
from stylegen.training.events import EventsFile
from stylegen.training.world import World


def measure(generator: Generator, world: World) -> dict[str, float]:
    """Return a number that goes up and down, and draws random numbers on the way."""
    first = next(generator.synthesis.parameters()).double()
    return {"fid": float((first * torch.randn(first.shape)).sum().sin())}


def work(request: dict[str, object]) -> None:
    torch.set_num_threads(1)
    faulthandler.dump_traceback_later(60, exit=True)  # nothing here takes so long
    if request["stream"]:
        feed.MEMORY_BYTES = 0
    if request["task"] == "train":
        config = configs.from_dict(RunConfig, request["config"])
        train(config, str(request["path"]), make_metric=lambda config: measure)
    else:
        resume(str(request["path"]), make_metric=lambda config: measure)


def main() -> None:
    EventsFile(Path())  # writes nothing yet, but loads much
    print(os.getpid(), flush=True)  # all is loaded
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                work(request)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        print(child, flush=True)
        print(os.waitpid(child, 0)[1], flush=True)


if __name__ == "__main__":
    main()
