"""``stylegen compare``: reports side by side, and whether they differ by more than the noise."""

from pathlib import Path

import click

from stylegen.cli.options import overwrite_option, refuse_existing
from stylegen.errors import InputError
from stylegen.files import atomic_path, check_writable


@click.command("compare")
@click.argument("reports", nargs=-1, required=True, metavar="REPORT...", type=Path)
@click.option("--out", type=click.Path(path_type=Path), help="Also write a page: a .html file.")
@overwrite_option
def compare(reports: tuple[Path, ...], out: Path | None, overwrite: bool) -> None:
    """Put reports of "stylegen evaluate" side by side; each is compared with the first.

    REPORT is a report's folder or its report.json. For every metric that both took by the same
    protocol, against the same images, it is said whether the difference is larger than the noise;
    where they were not, which settings differ and why that matters.
    """
    if out is not None:
        if out.suffix.lower() not in (".html", ".htm"):
            raise InputError(f"{out} is to be a page; give it a name that ends in .html")
        refuse_existing([out], overwrite)
        check_writable(out)

    from stylegen.metrics.compare import compare as put_side_by_side
    from stylegen.metrics.compare_text import text

    comparison = put_side_by_side(reports)
    if out is not None:
        from stylegen.metrics.page_compare import render

        with atomic_path(out) as path:
            path.write_text(render(comparison), encoding="utf-8")
    click.echo(text(comparison))
    if out is not None:
        click.echo(f"\npage: {out}")
