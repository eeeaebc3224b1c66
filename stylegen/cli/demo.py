"""``stylegen demo``: the main job from end to end, on the built-in images.

Five commands that a user could have typed; each is shown before it runs.
"""

import shlex
from pathlib import Path

import click

from stylegen.errors import InputError

RESOLUTION = 32
FACES = 5000
TRAINING = (
    "--kimg 40 --max-minutes 7.5 --batch 16 --lr 0.005 --gamma 1 --pl-weight 0 --style-mixing 0.3 "
    "--channel-base 1024 --channel-max 64 --z-dim 128 --w-dim 128 --xflip --tick-kimg 1 "
    "--snapshot-kimg 10 --name faces"
)


def _free(folder: Path) -> Path:
    """Return the folder, or the first of folder-2, folder-3, ... that does not exist."""
    candidate, number = folder, 1
    while candidate.exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return candidate


def _run(ctx: click.Context, command: str) -> None:
    """Show a command of ours and run it in this process."""
    program = ctx.find_root().command
    assert isinstance(program, click.Group)
    click.echo(click.style(f"\n$ stylegen {command}", bold=True))
    name, *arguments = shlex.split(command)
    child = program.get_command(ctx, name)
    assert child is not None
    with child.make_context(name, arguments, parent=ctx.find_root()) as child_ctx:
        child.invoke(child_ctx)


def _newest_snapshot(runs: Path) -> Path:
    from stylegen.training.folder import RunFolder

    return RunFolder(sorted(runs.iterdir())[-1]).snapshots()[-1]


@click.command("demo")
@click.option(
    "--out",
    default="demo",
    show_default=True,
    type=click.Path(path_type=Path),
    help="Folder for everything; a free number is added if it exists.",
)
@click.option(
    "--train-options",
    default="",
    help='Further options of "stylegen train", in one text, such as "--kimg 2".',
)
@click.option(
    "--samples",
    type=click.IntRange(10),
    default=2000,
    show_default=True,
    help="Images drawn for the evaluation.",
)
@click.pass_context
def demo(ctx: click.Context, out: Path, train_options: str, samples: int) -> None:
    """Train on built-in cartoon faces, draw, mix and evaluate; under ten minutes on two cores."""
    try:
        shlex.split(train_options)
    except ValueError as error:
        raise InputError(f"--train-options {train_options!r} cannot be read: {error}") from error
    out = _free(out)
    folder = shlex.quote(str(out))
    out.mkdir(parents=True)
    data = f"{folder}/faces.zip"
    _run(ctx, f"data synth {data} --count {FACES} --resolution {RESOLUTION}")
    _run(ctx, f"train --data {data} --out {folder}/runs {TRAINING} {train_options}")
    snapshot = shlex.quote(str(_newest_snapshot(out / "runs")))
    _run(
        ctx,
        f"generate --network {snapshot} --seeds 0-31 --psi 0.8 --grid 8x4 --out {folder}/samples",
    )
    _run(
        ctx,
        f"mix --network {snapshot} --rows 1,4,9,11 --cols 2,3,5,6,8 --styles coarse --psi 0.8 "
        f"--out {folder}/mix.png",
    )
    _run(
        ctx,
        f"evaluate {snapshot} --against {data} --features demo --samples {samples} "
        f"--out {folder}/report",
    )
    click.echo(
        f"\nLook at {out}/samples/grid.png, {out}/mix.png and {out}/report/report.html.\n"
        f"The trained network is {_newest_snapshot(out / 'runs')}."
    )
