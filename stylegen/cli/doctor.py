"""``stylegen doctor``: what this machine has, and what runs on it, and why."""

import json
from collections.abc import Iterator
from typing import Any

import click


def _versions(found: dict[str, Any]) -> Iterator[str]:
    for name, version in found["versions"].items():
        yield f"{name:<16}{version or 'none'}"


def _devices(found: dict[str, Any]) -> Iterator[str]:
    for row in found["devices"]:
        yield f"{row['device']:<16}{row['about']}"
        yield f"{'':<16}precision auto is {row['precision']}: {row['why']}"
    if found["without_cuda"]:
        yield f"{'cuda':<16}none: {found['without_cuda']}"


def _operators(found: dict[str, Any]) -> Iterator[str]:
    rows = found["operators"]
    for device in dict.fromkeys(row["device"] for row in rows):
        said: dict[str, list[str]] = {}
        for row in rows:
            if row["device"] == device:
                said.setdefault(row["runs"], []).append(row["operator"])
        for text, names in said.items():
            yield f"{device:<16}{', '.join(names)}: {text}"
    yield f"{'STYLEGEN_OPS':<16}{found['forced'] or 'not set'}"


def _compilers(found: dict[str, Any]) -> Iterator[str]:
    for row in found["compilers"]:
        if "problem" in row:
            yield f"{row['language']:<16}{row['problem']}"
            continue
        flags = f", {row['flags']}" if "flags" in row else ""
        yield f"{row['language']:<16}{row['path']}, {row['version']}, by {row['origin']}{flags}"


def _cache(found: dict[str, Any]) -> Iterator[str]:
    cache = found["cache"]
    size = f"{cache['size_bytes'] / 2**20:.1f} MiB in {cache['builds']} builds"
    unwritable = "" if cache["writable"] else "; it cannot be written: each process builds anew"
    yield f"{'folder':<16}{cache['folder']}"
    yield f"{'':<16}{size}{unwritable}"


def _weights(found: dict[str, Any]) -> Iterator[str]:
    for row in found["weights"]:
        yield f"{row['network']:<16}{row['weights']}"


def _threads(found: dict[str, Any]) -> Iterator[str]:
    threads = found["threads"]
    variable = threads["OMP_NUM_THREADS"] or "not set"
    yield f"{'OpenMP':<16}{threads['torch']} of {threads['processors']} processors"
    yield f"{'OMP_NUM_THREADS':<16}{variable}"


_SECTIONS = {
    "Versions": _versions,
    "Devices": _devices,
    "Operators": _operators,
    "Compilers": _compilers,
    "Compiled operators": _cache,
    "Weights of feature networks": _weights,
    "Threads": _threads,
}


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what this machine has, what runs on it, and why.

    Nothing is built, fetched or changed. The exit code is 1 if STYLEGEN_OPS forces what cannot
    work, else 0.
    """
    from stylegen.doctor import examine

    found = examine()
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        for title, lines in _SECTIONS.items():
            click.echo(click.style(title, bold=True))
            for line in lines(found):
                click.echo(f"  {line}")
        for problem in found["problems"]:
            click.echo(f"problem: {problem}")
    ctx.exit(1 if found["problems"] else 0)
