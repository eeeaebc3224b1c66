"""A toy feature network, tiny generators, and folders of random pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.metrics import EvaluateConfig
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.perceptual import FeatureNetwork, Features


class Toy(FeatureNetwork):
    """Stand-in for Inception: its features are the image's 128 first pixels."""

    def __init__(self) -> None:
        super().__init__("demo", "0" * 64)
        self.unused = torch.nn.Parameter(torch.zeros(1))

    def features(self, images: Tensor) -> Features:
        pool = images.flatten(1)[:, :128].float() / 255
        return Features(pool, 8 * pool[:, :5])


def save_folder(folder: Path, count: int, side: int = 8, seed: int = 0, mode: str = "RGB") -> Path:
    folder.mkdir(parents=True)
    rng = np.random.RandomState(seed)
    for i in range(count):
        x = rng.randint(0, 256, (side, side, 3)).astype(np.uint8)
        Image.fromarray(x).convert(mode).save(folder / f"{i:03}.png")
    return folder


def make_generator(c_dim: int = 0, channels: int = 3, seed: int = 3) -> Generator:
    config = GeneratorConfig(
        resolution=8, img_channels=channels, z_dim=6, w_dim=6, c_dim=c_dim, mapping_layers=1,
        channel_base=64, channel_max=8,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Generator(config)


def save(path: Path, generator: Generator, kimg: float = 7.5, **info: Any) -> Path:
    config = generator.config
    critic = DiscriminatorConfig(
        resolution=8, img_channels=config.img_channels, c_dim=config.c_dim, mapping_layers=1,
        channel_base=64, channel_max=8,
    )  # fmt: skip
    names = tuple("abcdefgh"[: config.c_dim])
    told = SnapshotInfo(
        generator=config, discriminator=critic, kimg=kimg, class_names=names, **info
    )
    save_snapshot(path, generator, Discriminator(critic), told)
    return path


def configure(a: Any, against: Any, **options: Any) -> EvaluateConfig:
    a, against = (str(side) if isinstance(side, Path) else side for side in (a, against))
    return EvaluateConfig(a=a, against=against, features="demo", device="cpu", **options)


def pixels_of(folder: Path) -> Tensor:
    files = sorted(folder.iterdir())
    x = np.stack([np.array(Image.open(f).convert("RGB")) for f in files])
    return torch.from_numpy(x).permute(0, 3, 1, 2).contiguous()
