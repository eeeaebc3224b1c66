"""The command line: ``stylegen COMMAND``. Each command parses, makes one library call, echoes.

Nothing here imports torch before a command runs, so that every --help answers at once.
"""

import logging
import sys
from typing import Any

import click

from stylegen.cli.adapt import adapt
from stylegen.cli.blend import blend
from stylegen.cli.compare import compare
from stylegen.cli.data import data
from stylegen.cli.demo import demo
from stylegen.cli.directions import directions
from stylegen.cli.doctor import doctor
from stylegen.cli.evaluate import evaluate
from stylegen.cli.generate import generate
from stylegen.cli.interpolate import interpolate
from stylegen.cli.mix import mix
from stylegen.cli.ops import ops
from stylegen.cli.project import project
from stylegen.cli.train import train
from stylegen.cli.transfer import transfer
from stylegen.cli.weights import weights
from stylegen.errors import InputError
from stylegen.version import __version__


class BadInput(click.ClickException):
    """A mistake of the user: one sentence, exit code 2."""

    exit_code = 2


def _sentence(error: OSError) -> str:
    if error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    return str(error)


class Program(click.Group):
    """A group of commands that shows mistakes of the user without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except InputError as error:
            raise BadInput(str(error)) from error
        except BrokenPipeError:
            raise
        except OSError as error:
            raise BadInput(_sentence(error)) from error


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="stylegen")
@click.option("-v", "--verbose", is_flag=True, help="Also show what the library logs.")
def main(verbose: bool) -> None:
    """Style-based image generation: train, draw, mix, project, edit, evaluate."""
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(levelname)s: %(message)s",
        stream=sys.stderr,
    )


for command in (
    train, generate, mix, interpolate, project, transfer, adapt, blend, directions,
    evaluate, compare, data, demo, doctor, ops, weights,
):  # fmt: skip
    main.add_command(command)
