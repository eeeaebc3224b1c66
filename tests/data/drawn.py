"""Pictures that are whole at any size: smooth patterns, each of its own kind."""

import io

import numpy as np
from PIL import Image


def _waves(rng, x, y):
    fx, fy = rng.uniform(-2.5, 2.5, (2, 4))
    return sum(np.sin(6.28 * (a * x + b * y + rng.uniform())) for a, b in zip(fx, fy, strict=True))


def pattern(seed, width=32, height=32):
    """A few random waves, nearly the same in each channel, drawn at any size."""
    rng = np.random.RandomState(seed)
    y, x = np.mgrid[0:height, 0:width] + 0.5
    x, y = x / width, y / height
    shared = _waves(rng, x, y)
    planes = [127 + 28 * shared + 8 * _waves(rng, x, y) for _ in range(3)]
    return Image.fromarray(np.clip(np.stack(planes, 2), 0, 255).astype(np.uint8))


def encoded(image, format="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def write(folder, files):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder
