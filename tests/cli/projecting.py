"""A snapshot, photos of other sizes, and ``stylegen project`` called on them."""

from pathlib import Path
from typing import Any

import torch
from click.testing import CliRunner, Result

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli import main
from stylegen.images import save_image
from tests.editing.projection import small

QUICK = ["--steps", "5", "--candidates", "2", "--device", "cpu"]


def write_material(where: Path) -> Path:
    """Write s.safetensors, a.png (RGB), b.png (grey) and c.png (RGBA) into a folder."""
    g = small.generator()
    d = small.discriminator(g)
    info = SnapshotInfo(generator=g.config, discriminator=d.config)
    save_snapshot(where / "s.safetensors", g, d, info)
    random = torch.Generator().manual_seed(0)
    for name, shape in (("a", (3, 30, 40)), ("b", (1, 16, 16)), ("c", (4, 9, 9))):
        image = torch.randint(256, shape, generator=random, dtype=torch.uint8)
        save_image(image, where / f"{name}.png")
    return where


def run(material: Path, photos: list[str], *options: Any) -> Result:
    files = [str(material / name) for name in photos]
    network = ["--network", str(material / "s.safetensors")]
    return CliRunner().invoke(main, ["project", *files, *network, *QUICK, *map(str, options)])
