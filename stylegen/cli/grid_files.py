"""Files of a grid of pictures: the grid alone, or a folder with each picture."""

from pathlib import Path

from stylegen.cli.latent_options import unique_names


def grid_files(
    out: Path, rows: list[str], columns: list[str]
) -> tuple[Path, dict[Path, tuple[int, int]]]:
    """Return the grid's file, and the pictures' files with their row and column.

    Args:
        out: an image file for the grid alone, or a folder for grid.png and row-column.png.
        rows: names of the rows.
        columns: names of the columns.
    """
    if out.suffix and not out.is_dir():
        return out, {}
    places = [(i, j) for i in range(len(rows)) for j in range(len(columns))]
    names = unique_names([f"{rows[i]}-{columns[j]}" for i, j in places])
    files = {out / f"{name}.png": place for name, place in zip(names, places, strict=True)}
    return out / "grid.png", files
