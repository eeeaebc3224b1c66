"""Statistics: means, variety, stats.jsonl across resumes and full disks, TensorBoard events."""

import errno
import json
import logging
import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from stylegen.errors import InputError
from stylegen.training import events, statistics
from stylegen.training.statistics import Means, StatisticsWriter, truncate_after, variety


def test_means_are_over_what_was_added() -> None:
    means = Means()
    means.add({"a": torch.tensor(1.0), "b": torch.tensor(5.0)})
    means.add({"a": torch.tensor(4.0)})
    assert means.take() == {"a": 2.5, "b": 5.0}
    assert means.take() == {}


def test_variety_is_the_mean_distance_of_pairs() -> None:
    square = torch.tensor([[0.0, 0.0], [3.0, 0.0], [3.0, 4.0], [0.0, 4.0]])
    # two sides of 3, two of 4, two diagonals of 5
    assert variety(square) == pytest.approx(4.0, rel=1e-15)
    assert variety(torch.zeros(5, 7)) == 0
    assert variety(square.bfloat16()) == pytest.approx(4.0)


def test_variety_of_many_and_of_close_samples() -> None:
    features = torch.randn(150, 20, generator=torch.Generator().manual_seed(0)).double()
    expected = torch.pdist(features).mean().item()
    assert variety(features) == pytest.approx(expected, rel=1e-12)
    # 1e-6 apart, far from zero: a product of float32 features would give noise
    line = 1000.0 + 1e-6 * torch.arange(3, dtype=torch.float64)[:, None]
    assert variety(line) == pytest.approx(4e-6 / 3, rel=1e-6)


def test_variety_wants_samples() -> None:
    for shape in ((1, 4), (4,), (2, 3, 4)):
        with pytest.raises(InputError, match="wanted"):
            variety(torch.zeros(shape))


def line(images_shown: int, **more: Any) -> str:
    return json.dumps({"images_shown": images_shown, **more}) + "\n"


@pytest.mark.parametrize(
    ("text", "at", "kept"),
    [
        (line(40) + line(80) + line(120), 80, line(40) + line(80)),
        (line(40) + line(80) + line(120), 100, line(40) + line(80)),
        (line(40) + line(80) + line(120), 120, line(40) + line(80) + line(120)),
        (line(40) + line(80), 8, ""),
        (line(40) + line(80)[:-1], 80, line(40)),
        (line(40) + '{"images_shown": 8', 80, line(40)),
        (line(40) + '{"ima\n' + line(80) + line(120)[:7], 200, line(40) + '{"ima\n' + line(80)),
        (line(40) + "\x00\x00\x00", 80, line(40)),
        (line(40) + line(80) + line(40) + line(80), 60, line(40)),
        ("", 80, ""),
    ],
)
def test_cutting_off(tmp_path: Path, text: str, at: int, kept: str) -> None:
    path = tmp_path / "stats.jsonl"
    path.write_text(text)
    assert truncate_after(path, at) == len(text) - len(kept)
    assert path.read_text() == kept
    assert truncate_after(path, at) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["stats.jsonl"]


def test_nothing_to_cut(tmp_path: Path) -> None:
    assert truncate_after(tmp_path / "stats.jsonl", 80) == 0
    assert not list(tmp_path.iterdir())


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (folder / "stats.jsonl").read_text().splitlines()]


def board(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    sizes = {"histograms": 0, "scalars": 0, "images": 0}
    return EventAccumulator(str(folder), size_guidance=sizes).Reload()


def test_lines_and_scalars(tmp_path: Path) -> None:
    writer = StatisticsWriter(tmp_path)
    for shown, loss in ((40, 1.5), (80, math.nan)):
        writer.write({"images_shown": shown, "kimg": shown / 1000, "loss": loss, "name": "x"})
    writer.close()
    assert lines(tmp_path) == [
        {"images_shown": 40, "kimg": 0.04, "loss": 1.5, "name": "x"},
        {"images_shown": 80, "kimg": 0.08, "loss": None, "name": "x"},
    ]
    accumulator = board(tmp_path)
    assert sorted(accumulator.Tags()["scalars"]) == ["kimg", "loss"]
    assert [(e.step, e.value) for e in accumulator.Scalars("loss")] == [(40, 1.5)]
    assert [e.step for e in accumulator.Scalars("kimg")] == [40, 80]


def test_histograms(tmp_path: Path) -> None:
    writer = StatisticsWriter(tmp_path)
    logits = torch.tensor([[0.0], [1.0], [3.0], [math.nan], [math.inf]], dtype=torch.bfloat16)
    writer.histogram("logits/real", logits, 40)
    writer.histogram("logits/real", torch.full((3,), 2.0), 80)
    writer.histogram("logits/real", torch.full((3,), math.nan), 120)
    writer.histogram("logits/real", torch.zeros(0), 160)
    first, second = board(tmp_path).Histograms("logits/real")
    value = first.histogram_value
    assert (first.step, value.min, value.max, value.num) == (40, 0.0, 3.0, 3)
    assert (value.sum, value.sum_squares, sum(value.bucket)) == (4.0, 10.0, 3.0)
    assert (second.step, second.histogram_value.num) == (80, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_images(tmp_path: Path, channels: int) -> None:
    writer = StatisticsWriter(tmp_path)
    writer.image("fakes", torch.zeros(channels, 6, 10, dtype=torch.uint8), 40)
    (image,) = board(tmp_path).Images("fakes")
    assert (image.step, image.width, image.height) == (40, 10, 6)
    assert image.encoded_image_string.startswith(b"\x89PNG")


def test_a_resumed_run_hides_what_was_written_after_its_state(tmp_path: Path) -> None:
    first = StatisticsWriter(tmp_path)
    for shown in (40, 80, 120, 160):
        first.write({"images_shown": shown, "loss": 1.0})
    with (tmp_path / "stats.jsonl").open("a") as file:
        file.write('{"images_sho')
    second = StatisticsWriter(tmp_path, resumed_at=80)
    for shown in (120, 160, 200):
        second.write({"images_shown": shown, "loss": 2.0})
    expected = [(40, 1.0), (80, 1.0), (120, 2.0), (160, 2.0), (200, 2.0)]
    assert [(t["images_shown"], t["loss"]) for t in lines(tmp_path)] == expected
    assert [(e.step, e.value) for e in board(tmp_path).Scalars("loss")] == expected


def full(*_: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_costs_only_the_statistics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    writer = StatisticsWriter(tmp_path)
    writer.write({"images_shown": 40, "loss": 1.0})
    with monkeypatch.context() as patch:
        patch.setattr(statistics, "append", full)
        patch.setattr(events, "append", full)
        for shown in (80, 120):
            writer.write({"images_shown": shown, "loss": 1.0})
            writer.image("fakes", torch.zeros(3, 4, 4, dtype=torch.uint8), shown)
            writer.histogram("logits", torch.zeros(4), shown)
    writer.write({"images_shown": 160, "loss": 1.0})
    assert [t["images_shown"] for t in lines(tmp_path)] == [40, 160]
    assert [e.step for e in board(tmp_path).Scalars("loss")] == [40, 160]
    own = [r.levelname for r in caplog.records if r.name == statistics.__name__]
    assert own == ["WARNING", "INFO"]
    assert "No space left on device" in caplog.text
    assert "training goes on" in caplog.text


def test_a_folder_that_is_gone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    writer = StatisticsWriter(tmp_path / "gone")
    for shown in (40, 80):
        writer.write({"images_shown": shown, "loss": 1.0})
    writer.close()
    assert len(caplog.records) == 1
    (tmp_path / "taken").write_text("")
    StatisticsWriter(tmp_path / "taken").write({"images_shown": 40})
    assert len(caplog.records) == 2


def test_a_write_that_fails_half_way_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stats.jsonl"
    events.append(path, b"first\n")
    opened = Path.open

    class Full:
        """A file on a disk with room for three more bytes."""

        def __init__(self, file: Any) -> None:
            self.file, self.room = file, 3

        def __enter__(self) -> "Full":
            return self

        def __exit__(self, *_: Any) -> None:
            self.file.close()

        def write(self, data: memoryview) -> int:
            if not self.room:
                full()
            written = self.file.write(data[: self.room])
            self.room -= written
            return int(written)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda *a, **k: Full(opened(*a, **k)))
        with pytest.raises(OSError, match="No space"):
            events.append(path, b"second\n")
    assert path.read_bytes() == b"first\n"


def test_without_tensorboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tensorboard.compat.proto", None)
    writer = StatisticsWriter(tmp_path)
    writer.write({"images_shown": 40, "loss": 1.0})
    writer.histogram("logits", torch.zeros(4), 40)
    assert [p.name for p in tmp_path.iterdir()] == ["stats.jsonl"]
    assert "pip install tensorboard" in caplog.text


def test_means_go_on_from_plain_values() -> None:
    whole, first, rest = Means(), Means(), Means()
    generator = torch.Generator().manual_seed(0)
    for i in range(20):
        value = {"a": torch.randn([], generator=generator), f"b{i % 3}": torch.tensor(i / 7)}
        whole.add(value)
        (first if i < 9 else rest).add(value)
        if i == 8:
            rest.load(json.loads(json.dumps(first.state())), torch.device("cpu"))
    assert rest.take() == whole.take()
    assert first.take().keys() == {"a", "b0", "b1", "b2"}
    assert Means().state() == {}
