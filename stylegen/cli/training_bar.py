"""What ``stylegen train`` shows while it runs, and at its end."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click


def is_first_process() -> bool:
    """Tell whether this process of those that torchrun started is the one that speaks."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def training_bar() -> Iterator[Any]:
    """Show a run's progress on stderr: speed, time left, losses, logit signs, advice."""
    from tqdm import tqdm

    with tqdm(
        unit="img",
        desc="training",
        disable=None if is_first_process() else True,
        smoothing=0.05,
    ) as line:

        def show(status: Any) -> None:
            if not is_first_process():
                return
            line.total = status.images_total
            if line.n == 0:
                line.initial = line.n = status.images_shown
            line.update(status.images_shown - line.n)
            if m := status.means:
                ill = "".join(f", {kind.replace('_', ' ')}!" for kind in status.unwell)
                p = f", p {m['augment_p']:.2f}" if m.get("augment_p") else ""
                line.set_postfix_str(
                    f"kimg {status.images_shown / 1000:.1f}, G {m['loss_g']:.2f}, "
                    f"D {m['loss_d']:.2f}, signs {m['signs_real']:+.2f} {m['signs_fake']:+.2f}{p}, "
                    f"{m['peak_memory_mib'] / 1024:.1f} GiB{ill}",
                    refresh=False,
                )

        yield show


def echo_rehearsal(config: Any, seen: Any) -> None:
    """Say what a run would be: its configuration, and what a few steps told of it."""
    from stylegen import configs

    click.echo(json.dumps(configs.to_dict(config), indent=2))
    click.echo(
        f"parameters: generator {seen.generator_parameters:,}, discriminator "
        f"{seen.discriminator_parameters:,}\n"
        f"memory: {seen.memory_mib / 1024:.2f} GiB a process"
    )
    for phase in seen.phases if len(seen.phases) > 1 else ():
        click.echo(
            f"{phase.resolution} px: {phase.kimg:g} kimg at {phase.img_per_sec:.1f} img/s, "
            f"{phase.hours:.1f} hours"
        )
    click.echo(
        f"speed: {seen.img_per_sec:.1f} img/s, {seen.kimg_per_hour:.1f} kimg an hour\n"
        f"{config.loop.kimg:g} kimg would take {seen.hours:.1f} hours"
    )


def echo_outcome(outcome: Any) -> None:
    """Say how a run ended, and how to go on if it was stopped."""
    if not is_first_process():
        return
    from stylegen.training.words import kimg_words

    if outcome.profile:
        click.echo(outcome.profile)
    click.echo(f"{outcome.reason} at {kimg_words(outcome.kimg)} kimg: {outcome.snapshot}")
    if outcome.best is not None:
        click.echo(f"best by metric: {outcome.best}")
    if outcome.reason != "finished":
        click.echo(f"go on with: stylegen train --resume {outcome.folder}")
