import contextlib
import io
import struct
import subprocess
import sys
import threading
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from stylegen.errors import InputError
from stylegen.images import ImageReadError, parse_color, read_image, read_size

GRADIENT = np.arange(48, dtype=np.uint8).reshape(4, 12) * 5
PICTURE = np.random.RandomState(1).randint(0, 256, (6, 4, 3), np.uint8)


def saved(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    buffer.seek(0)
    return buffer


@pytest.mark.parametrize("format", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_are_exact(format):
    options = {"lossless": True} if format == "WEBP" else {}
    image = read_image(saved(Image.fromarray(PICTURE), format, **options))
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), PICTURE)


def test_phone_jpeg_with_a_second_picture():
    main, extra = Image.new("RGB", (16, 16), (255, 0, 0)), Image.new("RGB", (8, 8))
    file = saved(main, "MPO", save_all=True, append_images=[extra])
    assert file.getvalue()[:2] == b"\xff\xd8"
    image = read_image(file)
    assert image.size == (16, 16)
    assert image.getpixel((3, 3))[0] > 250


def test_jpeg_is_close():
    smooth = np.tile(np.linspace(0, 255, 16).astype(np.uint8)[None, :, None], (16, 1, 3))
    image = read_image(saved(Image.fromarray(smooth), "JPEG", quality=95))
    assert np.abs(np.asarray(image).astype(int) - smooth).max() < 6


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.swapaxes(0, 1)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].swapaxes(0, 1)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
@pytest.mark.parametrize("format", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_exif_orientation(orientation, upright, format):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}
    flat = np.repeat(np.repeat(PICTURE[:3, :2] // 2 * 2, 8, 0), 8, 1)  # blocks survive JPEG
    file = saved(Image.fromarray(flat), format, exif=exif, **options.get(format, {}))
    image = np.asarray(read_image(file)).astype(int)
    assert image.shape == upright(flat).shape
    assert np.abs(image - upright(flat)).max() <= (4 if format == "JPEG" else 0)
    if format != "TIFF":
        assert read_size(file) == (image.shape[1], image.shape[0])


def test_size_of_a_turned_tiff():
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_size(saved(Image.fromarray(PICTURE), "TIFF", exif=exif)) == (6, 4)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_divided_by_257(format):
    deep = np.array([[0, 128, 129, 257, 385, 386, 32768, 65534, 65535]], np.uint16)
    file = saved(Image.fromarray(deep), format)
    expected = np.rint(deep / 257)
    assert np.array_equal(np.asarray(read_image(file, channels=1)), expected)
    assert np.array_equal(np.asarray(read_image(file, channels=3))[:, :, 2], expected)


def test_transparent_value_of_sixteen_bit_grey():
    deep = np.array([[1000, 65535]], np.uint16)
    file = saved(Image.fromarray(deep), "PNG")
    data = file.getvalue()
    chunk = b"tRNS" + struct.pack(">H", 1000)
    chunk = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    at = data.index(b"IDAT") - 4
    file = io.BytesIO(data[:at] + chunk + data[at:])
    assert np.asarray(read_image(file, channels=4))[0, :, 3].tolist() == [0, 255]


def test_float_grey():
    grey = Image.fromarray(np.array([[0.0, 0.5, 1.0]], np.float32))
    assert np.asarray(read_image(saved(grey, "TIFF"), channels=1)).tolist() == [[0, 128, 255]]
    with pytest.raises(ImageReadError, match=r"outside 0\.\.1"):
        read_image(saved(Image.fromarray(np.array([[2.0]], np.float32)), "TIFF"))


def test_palette_with_transparency():
    image = Image.new("P", (3, 1))
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.putdata([0, 1, 2])
    file = saved(image, transparency=bytes([255, 0, 128]))
    assert np.asarray(read_image(file, 4))[0].tolist() == [
        [255, 0, 0, 255],
        [0, 255, 0, 0],
        [0, 0, 255, 128],
    ]
    on_black = np.asarray(read_image(file, 3, "black"))[0]
    assert on_black.tolist() == [[255, 0, 0], [0, 0, 0], [0, 0, 128]]


def test_palette_with_one_transparent_colour():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    file = saved(image, transparency=1)
    assert np.asarray(read_image(file, 3, "#0000ff"))[0].tolist() == [[255, 0, 0], [0, 0, 255]]


def test_cmyk_jpeg():
    file = saved(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    r, g, b = read_image(file).getpixel((8, 8))
    assert r > 250
    assert g < 5
    assert b < 5


def test_cmyk_tiff_is_exact():
    # (255 - ink) * (255 - black) / 255
    file = saved(Image.new("CMYK", (1, 1), (51, 0, 255, 0)), "TIFF")
    assert read_image(file).getpixel((0, 0)) == (204, 255, 0)


def test_alpha_is_composited_on_the_background():
    image = Image.new("RGBA", (1, 1), (200, 100, 0, 51))  # alpha 0.2
    assert read_image(saved(image)).getpixel((0, 0)) == (244, 224, 204)
    assert read_image(saved(image), background="#6496c8").getpixel((0, 0)) == (120, 140, 160)
    assert read_image(saved(image), channels=4).getpixel((0, 0)) == (200, 100, 0, 51)


def test_grey_with_alpha():
    image = Image.new("LA", (1, 1), (100, 51))
    assert read_image(saved(image), channels=1).getpixel((0, 0)) == 224
    assert read_image(saved(image), channels=2).getpixel((0, 0)) == (100, 51)
    assert read_image(saved(image), channels=4).getpixel((0, 0)) == (100, 100, 100, 51)
    assert read_image(saved(image), 3, "black").getpixel((0, 0)) == (20, 20, 20)


def test_one_bit_and_grey():
    bits = Image.fromarray(np.array([[0, 255]], np.uint8)).convert("1")
    assert np.asarray(read_image(saved(bits)))[0].tolist() == [[0, 0, 0], [255, 255, 255]]
    grey = read_image(saved(Image.fromarray(GRADIENT)), channels=1)
    assert np.array_equal(np.asarray(grey), GRADIENT)


def test_colour_becomes_grey_by_luma():
    image = Image.new("RGB", (1, 1), (200, 100, 50))
    expected = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    assert read_image(saved(image), channels=1).getpixel((0, 0)) == round(expected)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
@pytest.mark.parametrize("part", [0.0, 0.3, 0.8])
def test_truncated_files_are_refused(format, part):
    noise = Image.fromarray(np.random.RandomState(0).randint(0, 256, (64, 64, 3), np.uint8))
    data = saved(noise, format).getvalue()
    with pytest.raises(ImageReadError) as caught:
        read_image(io.BytesIO(data[: int(len(data) * part)]))
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.RandomState(0)
    data = saved(Image.fromarray(PICTURE)).getvalue()
    for _ in range(300):
        damaged = bytearray(data)
        for at in rng.randint(0, len(data), 3):
            damaged[at] = rng.randint(256)
        with contextlib.suppress(ImageReadError):
            assert read_image(io.BytesIO(bytes(damaged))).mode == "RGB"


def test_pillow_prints_nothing_of_its_own():
    code = (
        "import io, struct; from PIL import Image; from stylegen.images import read_image\n"
        "b = io.BytesIO(); Image.new('RGB', (4, 4)).save(b, 'TIFF')\n"
        "old = struct.pack('<HHI', 277, 3, 1)\n"
        "tag = b.getvalue().index(old) + len(old)\n"
        "data = bytearray(b.getvalue()); data[tag : tag + 2] = b'\\x00\\x08'\n"
        "try: read_image(io.BytesIO(bytes(data)))\n"
        "except ValueError as error: print('refused:', error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.startswith("refused: ")
    assert result.stderr == ""


def test_what_is_no_image():
    with pytest.raises(ImageReadError, match="not a png, jpg, webp, bmp or tiff image"):
        read_image(io.BytesIO(b"<html>not found</html>"))


def test_missing_file_stays_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "none.png")


def bomb(width, height):
    def chunk(kind, body):
        crc = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + crc

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", b"x\x9c") + chunk(b"IEND", b"")


def test_decompression_bombs():
    with pytest.raises(ImageReadError, match="178 million pixels"):
        read_image(io.BytesIO(bomb(60000, 60000)))
    assert read_size(io.BytesIO(bomb(10000, 10000))) == (10000, 10000)  # and no warning


def test_no_warning_escapes_and_filters_come_back():
    before = list(warnings.filters)
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    data = saved(image, transparency=bytes([255, 0])).getvalue()
    threads = [
        threading.Thread(target=lambda: [read_image(io.BytesIO(data)) for _ in range(20)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert warnings.filters == before


def test_colours():
    assert parse_color("white") == (255, 255, 255)
    assert parse_color("#80c0ff") == (128, 192, 255)
    for wrong in ("", "whitish", "#12345", "#80c0ff80"):
        with pytest.raises(InputError, match="A colour should be"):
            parse_color(wrong)


def test_channels_outside_one_to_four():
    with pytest.raises(InputError, match="not 5"):
        read_image(saved(Image.fromarray(PICTURE)), channels=5)
