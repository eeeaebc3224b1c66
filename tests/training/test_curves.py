"""curves.png: ticks, thinning, what is read from stats.jsonl, and where the ink lies."""

import json
import math
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from stylegen.errors import InputError
from stylegen.training import charts
from stylegen.training.charts import COLOURS, Panel, Series, Sheet, thin, y_limits
from stylegen.training.curves import read_statistics, write_curves
from stylegen.training.ticks import linear_ticks, log_ticks, nice_step, short, tick_label


@pytest.mark.parametrize(
    ("span", "count", "step"),
    [(10, 5, 2), (10, 7, 2), (1, 6, 0.2), (700, 7, 100), (0.003, 6, 0.0005), (24, 5, 5), (1, 1, 1)],
)
def test_steps_are_round(span: float, count: int, step: float) -> None:
    assert nice_step(span, count) == pytest.approx(step)


def test_ticks() -> None:
    assert linear_ticks(0.0, 10.0, 5) == [0, 2, 4, 6, 8, 10]
    assert linear_ticks(-1.0, 1.0, 6) == pytest.approx([-1, -0.5, 0, 0.5, 1])
    assert linear_ticks(1.3, 2.9, 5) == pytest.approx([1.5, 2.0, 2.5])
    assert log_ticks(3.0, 60.0, 6) == pytest.approx([5, 10, 20, 50])
    assert log_ticks(0.02, 3000.0, 6) == pytest.approx([0.1, 1, 10, 100, 1000])
    assert log_ticks(1e-9, 1e9, 6) == pytest.approx([1e-9, 1e-5, 1e-1, 1e3, 1e7])
    assert log_ticks(6.0, 9.0, 6) == pytest.approx([6, 6.5, 7, 7.5, 8, 8.5, 9][::1])


def test_numbers_are_short() -> None:
    assert [tick_label(v, 0.5) for v in (0.0, 0.5, -1.0, 12000.0)] == [
        "0",
        "0.5",
        "-1.0",
        "12,000.0",
    ]
    assert [tick_label(v, 1e6) for v in (2e6, 2.5e9)] == ["2e6", "2.5e9"]
    assert tick_label(2e-6, 1e-6) == "2e-6"
    assert tick_label(25000, 5000) == "25,000"
    values = (0.0, 0.004567, 0.5, 12.345, 1234.5, 3e7, -0.25)
    assert [short(v) for v in values] == [
        "0", "0.004567", "0.5000", "12.35", "1,234", "3.000e+07", "-0.2500"
    ]  # fmt: skip


def test_thinning() -> None:
    points = [(float(i), float(i % 2)) for i in range(1000)]
    thinned = thin(points, 10)
    assert thinned[0] == (49.5, 0.5, 0.0, 1.0)
    assert len(thinned) == 10
    assert thin(points[:10], 10) == [(x, y, y, y) for x, y in points[:10]]
    assert len(thin([(1.0, 2.0)] * 30, 10)) == 1


def test_limits_leave_room() -> None:
    series = [Series(label="a", points=[(0.0, 10.0), (1.0, 20.0)])]
    assert y_limits(Panel(title="", series=series)) == (10 - 0.6, 20.6)
    assert y_limits(Panel(title="", series=series, from_zero=True)) == (0.0, 21.2)
    assert y_limits(Panel(title="", series=series, y_range=(0.0, 1.0))) == (0.0, 1.0)
    assert y_limits(Panel(title="", series=series, log=True)) == (10 / 1.05, 21.0)
    flat = [Series(label="a", points=[(0.0, 0.0)])]
    low, high = y_limits(Panel(title="", series=flat))
    assert low <= 0 < high


def rgb(ink: str) -> tuple[int, int, int]:
    return (int(ink[1:3], 16), int(ink[3:5], 16), int(ink[5:7], 16))


def near(a: Any, b: tuple[int, int, int]) -> bool:
    return sum(abs(x - y) for x, y in zip(a, b, strict=True)) < 150  # edges are smoothed


def columns_of(image: Image.Image, ink: str, box: tuple[int, int, int, int]) -> list[int]:
    """Rows (within the box) at which the ink lies, column by column."""
    pixels = image.crop(box).load()
    assert pixels is not None
    rows = []
    for x in range(box[2] - box[0]):
        hits = [y for y in range(box[3] - box[1]) if near(pixels[x, y], rgb(ink))]
        rows.append(round(sum(hits) / len(hits)) if hits else -1)
    return rows


def test_a_line_lies_where_its_values_are() -> None:
    sheet = Sheet(1, 1, "heading")
    series = Series(label="a", points=[(i / 100, (i / 100) ** 2) for i in range(101)])
    sheet.panel(0, Panel(title="t", series=[series], y_range=(0.0, 1.0)), (0.0, 1.0), "x")
    image = sheet.finish()
    assert image.size == (charts.WIDTH, charts.HEIGHT + 56)
    box = (96, 56 + 72, charts.WIDTH - 40, 56 + charts.HEIGHT - 56)
    width, height = box[2] - box[0], box[3] - box[1]
    rows = columns_of(image, COLOURS[0], box)
    for share in (0.25, 0.5, 0.75, 0.9):
        column = round(share * width)
        assert rows[column] == pytest.approx(height * (1 - share**2), abs=2)


def test_a_logarithmic_axis() -> None:
    sheet = Sheet(1, 1, "heading")
    series = Series(label="a", points=[(i / 100, 10.0 ** (i / 25)) for i in range(101)])
    panel = Panel(title="t", series=[series], y_range=(1.0, 1e4), log=True)
    sheet.panel(0, panel, (0.0, 1.0), "x")
    box = (96, 56 + 72, charts.WIDTH - 40, 56 + charts.HEIGHT - 56)
    rows = columns_of(sheet.finish(), COLOURS[0], box)
    for share in (0.25, 0.5, 0.75):
        height = box[3] - box[1]
        assert rows[round(share * len(rows))] == pytest.approx(height * (1 - share), abs=2)


def write(path: Path, ticks: list[Any]) -> Path:
    path.write_text("".join(json.dumps(t) + "\n" for t in ticks))
    return path


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    lines = [
        '{"kimg": 1, "a": 1}', '{"kimg": 2, "a": 2}', '{"kimg": 3, "a": 3}', "", "[1]",
        '{"kimg": 2, "a": 4}', '{"a": 5}', '{"kim', '{"kimg": 2.5, "a": null}', '{"kimg": 4',
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    assert read_statistics(path) == [
        {"kimg": 1, "a": 1}, {"kimg": 2, "a": 4}, {"kimg": 2.5, "a": None},
    ]  # fmt: skip


def tick(i: int) -> dict[str, Any]:
    return {
        "kimg": 4.0 * i, "loss_g": 1 + math.exp(-i), "loss_d": None if i % 3 else 0.9,
        "signs_real": 0.4, "signs_fake": -0.4, "augment_p": 0.1, "grad_norm_g": 0.0,
        "grad_norm_d": 2.0 + i, "img_per_sec": 100.0, "fid": 300.0 / i, "kid": 0.1,
    }  # fmt: skip


@pytest.mark.parametrize("count", [1, 2, 3, 500])
def test_pictures_of_any_length(tmp_path: Path, count: int) -> None:
    stats = write(tmp_path / "stats.jsonl", [tick(i) for i in range(1, count + 1)])
    assert write_curves(stats, tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        # losses, signs, fid, kid, p, gradient norms, speed: seven panels in two columns
        assert image.size == (2 * charts.WIDTH, 4 * charts.HEIGHT + 56)
        colours = {colour for _, colour in image.getcolors(1 << 20) or []}
    assert {rgb(COLOURS[0]), rgb(COLOURS[1])} <= colours
    assert not list(tmp_path.glob(".*"))


def test_nothing_to_draw(tmp_path: Path) -> None:
    for ticks in ([], [{"kimg": 1.0}], [{"kimg": 1.0, "loss_g": None}]):
        stats = write(tmp_path / "stats.jsonl", ticks)
        assert not write_curves(stats, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()


def test_a_missing_folder(tmp_path: Path) -> None:
    stats = write(tmp_path / "stats.jsonl", [tick(1)])
    with pytest.raises(InputError, match="does not exist"):
        write_curves(stats, tmp_path / "no" / "curves.png")
    with pytest.raises(FileNotFoundError):
        write_curves(tmp_path / "other.jsonl", tmp_path / "curves.png")


def test_values_without_bounds(tmp_path: Path) -> None:
    odd = [
        {"kimg": 4.0, "loss_g": 1e30, "grad_norm_g": 1e-30, "fid": 1e-9, "augment_p": 7.0},
        {"kimg": 8.0, "loss_g": -1e30, "grad_norm_g": 1e30, "fid": 0.0, "augment_p": -1.0},
    ]
    assert write_curves(write(tmp_path / "stats.jsonl", odd), tmp_path / "curves.png")


def test_it_needs_no_torch() -> None:
    code = "import sys, stylegen.training.curves; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_long_runs_are_drawn_in_seconds(tmp_path: Path) -> None:
    stats = write(tmp_path / "stats.jsonl", [tick(i) for i in range(1, 20_001)])
    begin = time.perf_counter()
    assert write_curves(stats, tmp_path / "curves.png")
    assert time.perf_counter() - begin < 20
