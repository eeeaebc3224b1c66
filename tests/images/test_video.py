import os
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from stylegen.errors import InputError
from stylegen.images.video import check_video, open_video

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def smooth(count: int, channels: int, height: int = 12, width: int = 20) -> Tensor:
    """Frames (F, C, H, W) of colour ramps that move."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rows = [
        torch.stack([(5 * x + 3 * y * c + 20 * i + 40 * c) % 256 for c in range(channels)])
        for i in range(count)
    ]
    frames = torch.stack(rows).to(torch.uint8)
    if channels in (2, 4):
        frames[:, -1] = torch.where(x > width // 2, 255, 0).to(torch.uint8)
    return frames


def write(path: Path, frames: Tensor, fps: str = "30") -> list[str]:
    with open_video(path, fps) as video:
        for frame in frames:
            video.add(frame)
    return video.notes


def read(path: Path, mode: str) -> tuple[np.ndarray, list[float]]:
    """Frames as people see them, and milliseconds."""
    pixels, delays = [], []
    with Image.open(path) as image:
        assert image.info["loop"] == 0
        for i in range(image.n_frames):  # type: ignore[attr-defined]
            image.seek(i)
            pixels.append(np.asarray(image.convert(mode)).reshape(image.height, image.width, -1))
            delays.append(image.info["duration"])
    return np.stack(pixels).transpose(0, 3, 1, 2).astype(int), delays


def far(frames: Tensor, seen: np.ndarray) -> float:
    assert seen.shape == frames.shape
    return float(np.abs(seen - frames.numpy().astype(int)).mean())


def test_gif_keeps_grey_exactly_and_its_rate(tmp_path: Path) -> None:
    frames = torch.cat([smooth(9, 1), smooth(9, 1)[-1:]])  # the last one repeats
    notes = write(tmp_path / "a.gif", frames)
    seen, delays = read(tmp_path / "a.gif", "L")
    assert delays == [30, 40, 30, 30, 40, 30, 30, 40, 30, 30]
    assert np.array_equal(seen, frames.numpy())
    assert notes == ["times are counted in 1/100 s: 0.33 s in all instead of 0.333333"]


def test_gif_colours_are_near(tmp_path: Path) -> None:
    frames = smooth(6, 3)
    assert write(tmp_path / "a.gif", frames) == []
    seen, delays = read(tmp_path / "a.gif", "RGB")
    assert sum(delays) == 200
    assert far(frames, seen) < 8


def test_gif_does_not_flicker(tmp_path: Path) -> None:
    frames = torch.from_numpy(np.random.RandomState(0).randint(0, 256, (5, 3, 16, 16), np.uint8))
    frames[:, :, :, :8] = frames[0, :, :, :8]
    write(tmp_path / "a.gif", frames)
    seen, _ = read(tmp_path / "a.gif", "RGB")
    assert (seen[:, :, :, :8] == seen[0, :, :, :8]).all()
    assert (seen[1, :, :, 8:] != seen[0, :, :, 8:]).any()


@pytest.mark.parametrize("channels", [2, 4])
def test_gif_is_transparent_or_opaque(tmp_path: Path, channels: int) -> None:
    frames = smooth(4, channels)
    frames[2, -1] = 255 - frames[2, -1]
    frames[3, -1] = 127  # just below one half
    write(tmp_path / "a.gif", frames)
    seen, _ = read(tmp_path / "a.gif", "RGBA")
    assert np.array_equal(seen[:3, 3], frames[:3, -1].numpy())
    assert (seen[3, 3] == 0).all()
    opaque = frames[:3, -1].numpy() == 255
    colors = frames.numpy()[:3, :-1].transpose(0, 2, 3, 1)[opaque].astype(int)
    assert np.abs(seen[:3, :3].transpose(0, 2, 3, 1)[opaque] - colors).mean() < 8


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_webp_keeps_small_frames_exactly_and_its_rate(tmp_path: Path, channels: int) -> None:
    frames = torch.cat([smooth(6, channels), smooth(6, channels)[-1:]])  # the last one repeats
    notes = write(tmp_path / "a.webp", frames)
    seen, delays = read(tmp_path / "a.webp", MODES[channels])
    assert len(delays) == 7
    assert sum(delays) == 233
    assert len(notes) == 1
    if channels in (2, 4):  # the reader lays frames on a clear ground: hidden colours are gone
        assert np.array_equal(seen[:, -1], frames[:, -1].numpy())
        shown = frames[:, -1:] > 0
        frames, seen = frames * shown, seen * shown.numpy()
    assert np.array_equal(seen, frames.numpy())


@pytest.mark.parametrize("channels", [3, 4])
def test_webp_of_large_frames_is_near(tmp_path: Path, channels: int) -> None:
    frames = smooth(2, channels, 140, 130) // 4 * 3
    frames[:, 3:] = torch.where(frames[:, 3:] > 0, 255, 0).to(torch.uint8)
    write(tmp_path / "a.webp", frames, "25")
    seen, delays = read(tmp_path / "a.webp", MODES[channels])
    assert delays == [40, 40]
    shown = (frames[:, 3:] > 0) if channels == 4 else torch.tensor(True)
    assert 0 < far(frames[:, :3] * shown, seen[:, :3] * shown.numpy()) < 8


def test_exact_seconds(tmp_path: Path) -> None:
    for name in ("a.gif", "a.webp"):
        assert write(tmp_path / name, smooth(60, 1, 4, 4), "30") == []
        _, delays = read(tmp_path / name, "L")
        assert len(delays) == 60
        assert sum(delays) == 2000


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_folder_holds_the_frames_themselves(tmp_path: Path, channels: int) -> None:
    frames = smooth(3, channels)
    assert write(tmp_path / "walk", frames) == []
    names = ["frame00000.png", "frame00001.png", "frame00002.png"]
    assert sorted(os.listdir(tmp_path / "walk")) == names
    for name, frame in zip(names, frames, strict=True):
        with Image.open(tmp_path / "walk" / name) as image:
            assert image.mode == MODES[channels]
            pixels = np.asarray(image).reshape(12, 20, channels).transpose(2, 0, 1)
        assert np.array_equal(pixels, frame.numpy())


def test_a_folder_does_not_mix_two_videos(tmp_path: Path) -> None:
    folder = tmp_path / "walk"
    write(folder, smooth(4, 1))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"frame00000\.png exists already"):
        write(folder, smooth(2, 1))
    with open_video(folder, 30, overwrite=True) as video:
        video.add(smooth(1, 3)[0])
    assert sorted(os.listdir(folder)) == ["frame00000.png", "notes.txt"]
    with Image.open(folder / "frame00000.png") as image:
        assert image.mode == "RGB"


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.mp4", "walk"])
def test_nothing_half_is_left(tmp_path: Path, name: str) -> None:
    if name == "a.mp4":
        pytest.importorskip("av", reason="PyAV is not installed")

    def fail(frames: int) -> None:
        with open_video(tmp_path / name, 30) as video:
            for frame in smooth(3, 3)[:frames]:
                video.add(frame)
            raise RuntimeError("stop")

    for frames in (0, 3):
        with pytest.raises(RuntimeError, match="stop"):
            fail(frames)
        assert os.listdir(tmp_path) == []
    if name != "walk":
        (tmp_path / name).write_text("old")
        with pytest.raises(RuntimeError, match="stop"):
            fail(2)
        assert os.listdir(tmp_path) == [name]
        assert (tmp_path / name).read_text() == "old"
    with pytest.raises(InputError, match="at least one"), open_video(tmp_path / name, 30):
        pass


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"should end in \.mp4, \.gif or \.webp"):
        check_video(tmp_path / "a.avi", 30)
    with pytest.raises(InputError, match="50 frames a second at most"):
        check_video(tmp_path / "a.gif", 51)
    assert check_video(tmp_path / "a.gif", 50) == 50
    with pytest.raises(InputError, match="90 frames a second at most"):
        check_video(tmp_path / "a.webp", 100)
    (tmp_path / "a.gif").write_text("old")
    with pytest.raises(InputError, match="exists already; --overwrite"):
        check_video(tmp_path / "a.gif", 30)
    assert check_video(tmp_path / "a.gif", 30, overwrite=True) == 30
    (tmp_path / "file").write_text("old")
    with pytest.raises(InputError, match="is a file; wanted a folder"):
        check_video(tmp_path / "file", 30)
    with pytest.raises(InputError, match="does not exist"):
        write(tmp_path / "no" / "walk", smooth(1, 3))
    with pytest.raises(InputError, match="wanted frames of one shape"):
        write(tmp_path / "b.gif", [smooth(1, 3)[0], smooth(1, 1)[0]])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="should be uint8"):
        write(tmp_path / "b.gif", torch.zeros(1, 3, 4, 4))
    with pytest.raises(InputError, match="at most 16383 pixels"):
        write(tmp_path / "b.webp", torch.zeros(1, 1, 1, 16384, dtype=torch.uint8))


def test_without_pyav_one_sentence_says_how(tmp_path: Path, monkeypatch: object) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="pip install av"):
        check_video(tmp_path / "a.mp4", 30)
    check_video(tmp_path / "a.gif", 30)


@pytest.mark.parametrize(
    ("size", "written"),
    [((12, 20), (132, 220)), ((130, 160), (130, 160)), ((131, 129), (262, 258))],
)
@pytest.mark.parametrize("fps", ["30", "30000/1001", "0.3"])
def test_mp4_reads_back(
    tmp_path: Path, size: tuple[int, int], written: tuple[int, int], fps: str
) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    notes = write(tmp_path / "a.mp4", smooth(31, 3, *size), fps)
    assert len(notes) == (0 if size == written else 1)
    with av.open(str(tmp_path / "a.mp4")) as container:
        (stream,) = container.streams
        assert stream.average_rate == Fraction(fps)
        assert stream.frames == 31
        assert stream.duration * stream.time_base == 31 / Fraction(fps)
        context = stream.codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
        assert (context.height, context.width) == written
        assert (context.colorspace, context.color_range) == (1, 1)
        times = [frame.pts * frame.time_base for frame in container.decode(stream)]
    assert times == [i / Fraction(fps) for i in range(31)]


def bt709(yuv: np.ndarray) -> np.ndarray:
    """Turn (3,) of limited range into RGB, from ITU-R BT.709: Kr 0.2126, Kb 0.0722."""
    y, b, r = (yuv[0] - 16) / 219, (yuv[1] - 128) / 224, (yuv[2] - 128) / 224
    red, blue = y + 2 * (1 - 0.2126) * r, y + 2 * (1 - 0.0722) * b
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    return 255 * np.array([red, green, blue])


def test_mp4_keeps_colours(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    colors = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (90, 160, 30)]
    frames = torch.tensor(colors, dtype=torch.uint8)[:, :, None, None].expand(-1, -1, 64, 64)
    clear = torch.zeros(1, 4, 64, 64, dtype=torch.uint8)
    write(tmp_path / "a.mp4", frames)
    (_, note) = write(tmp_path / "b.mp4", clear)
    assert note == "transparency is laid on white: .mp4 holds none"
    seen = []
    for name in ("a.mp4", "b.mp4"):
        with av.open(str(tmp_path / name)) as container:
            planes = [frame.to_ndarray() for frame in container.decode(video=0)]
        assert all(plane.shape == (192, 128) for plane in planes)
        # 128 rows of Y, 32 of U, 32 of V
        seen += [bt709(p[[60, 140, 180], [60, 60, 60]].astype(float)) for p in planes]
    assert np.abs(np.stack(seen) - np.array([*colors, (255, 255, 255)])).max() < 5
