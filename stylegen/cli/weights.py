"""``stylegen weights``: the feature networks' files: listed, fetched, verified, found."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from stylegen.cli.options import overwrite_option
from stylegen.errors import InputError
from stylegen.perceptual.weights_table import WEIGHTS, Weights, weights_facts

_FAULTS = ("truncated", "different")


@click.group("weights")
def weights() -> None:
    """List, fetch and verify the weights files of feature networks.

    A file is looked for where a command's option names it, where the environment variable
    STYLEGEN_WEIGHTS_NAME does, and in torch.hub's folder ($TORCH_HOME/hub/checkpoints).
    """


def _row(entry: Weights) -> dict[str, object]:
    from stylegen.perceptual.locating import is_truncated, weights_path

    path = weights_path(entry.name)
    there = path.is_file()
    return {
        "name": entry.name,
        "about": entry.about,
        "path": str(path),
        "there": there,
        "truncated": there and is_truncated(path, entry),
        "size_bytes": entry.size_bytes,
        "sha256": entry.sha256,
        "url": entry.url,
        "variable": entry.variable,
        "flag": entry.flag,
    }


@weights.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_command(as_json: bool) -> None:
    """List all weights files that are known, and whether they are here."""
    rows = [_row(entry) for entry in WEIGHTS.values()]
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    for entry, row in zip(WEIGHTS.values(), rows, strict=True):
        state = "to fetch" if entry.fetchable else "to name"
        if row["there"]:
            state = "cut off" if row["truncated"] else "here"
        click.echo(f"{entry.name:16} {state:9} {entry.about}")
    click.echo("demo             fitted    on first use, on this machine")


@contextmanager
def _bar(name: str, total: int | None) -> Iterator[Callable[[int], None]]:
    from tqdm import tqdm

    with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None, leave=False) as line:
        yield lambda done: line.update(done - line.n)


def _check_digest(text: str | None) -> str | None:
    if text is None:
        return None
    text = text.strip().lower()
    if len(text) != 64 or set(text) - set("0123456789abcdef"):
        raise InputError(f"--sha256 is {text!r}; wanted 64 hexadecimal digits")
    return text


@weights.command("fetch")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--sha256", help="The digest to expect, of a file whose digest is not known here.")
@overwrite_option
def fetch_command(names: tuple[str, ...], sha256: str | None, overwrite: bool) -> None:
    """Download weights files to torch.hub's folder; only whole files of the right digest stay."""
    expected = _check_digest(sha256)
    entries = [weights_facts(name) for name in dict.fromkeys(names)]
    if expected is not None and len(entries) != 1:
        raise InputError("--sha256 is of one file; name one")
    if expected is not None and entries[0].sha256:
        raise InputError(f"the sha256 of {entries[0].name} is known; leave out --sha256")
    from stylegen.perceptual.locating import download, hub_path, verify

    for entry in entries:
        path = hub_path(entry)
        if path.is_file() and not overwrite:
            verdict = verify(entry.name, path)
            if verdict.state in _FAULTS:
                raise InputError(f"{path}: {verdict.said}; --overwrite replaces it")
            click.echo(f"{entry.name}: there already: {path}")
            continue
        with _bar(entry.name, entry.size_bytes) as progress:
            download(entry.name, sha256=expected, progress=progress)
        click.echo(f"{entry.name}: {path}")


@weights.command("verify")
@click.argument("name", required=False)
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.pass_context
def verify_command(ctx: click.Context, name: str | None, file: Path | None) -> None:
    """Compare weights files with the published ones, by their sha256.

    NAME: one of `stylegen weights list`; without it, all that are here. FILE: a file to compare,
    in place of the one that would be found. Exits with 1 if one is cut off or another file.
    """
    if name is not None:
        weights_facts(name)
    from stylegen.perceptual.locating import verify, weights_path

    wanted = [name] if name else [n for n in WEIGHTS if weights_path(n).is_file()]
    found = [verify(n, file) for n in wanted]
    if name and found[0].state == "absent":
        raise InputError(f"there is no weights file of {name} at {found[0].path}")
    for verdict in found:
        click.echo(f"{verdict.name}: {verdict.state}: {verdict.path}: {verdict.said}")
    if not found:
        click.echo("no weights files are here")
    if any(verdict.state in _FAULTS for verdict in found):
        ctx.exit(1)


@weights.command("path")
@click.argument("name")
def path_command(name: str) -> None:
    """Print where a network's weights file is looked for; exit with 2 if it is not there."""
    weights_facts(name)
    from stylegen.perceptual.locating import how_to_get, weights_path

    path = weights_path(name)
    click.echo(path)
    if not path.is_file():
        fetched = weights_facts(name).fetchable
        how = f"stylegen weights fetch {name}" if fetched else how_to_get(name)
        raise InputError(f"the weights of {name} are not there: {how}")
