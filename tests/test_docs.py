"""The pages that promise that their code runs, or does as they say."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import torch

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.images import save_image
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

ROOT = Path(__file__).resolve().parents[1]
PAGE, README = ROOT / "docs" / "latents" / "example.md", ROOT / "README.md"
MADE = "seeds.png 85.npz photo.npz mixed.png styled.png walk.gif first.npz strip.png half.png"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.manual_seed(0)
    small = {"resolution": 16, "channel_base": 128, "channel_max": 8, "mapping_layers": 2}
    generator = GeneratorConfig(**small, z_dim=8, w_dim=8)
    info = SnapshotInfo(generator=generator, discriminator=DiscriminatorConfig(**small))
    networks = Generator(generator), Discriminator(info.discriminator)
    save_snapshot(tmp_path / "S.safetensors", *networks, info)
    save_image(torch.randint(256, (3, 20, 24), dtype=torch.uint8), tmp_path / "photo.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_example_runs(folder: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 8
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile("\n".join(blocks), str(PAGE), "exec"), {"__name__": "example"})
    assert said.getvalue().endswith(" dB\n")
    assert {name for name in MADE.split() if not (folder / name).is_file()} == set()


def test_the_readmes_photos_are_projected_once() -> None:
    """A latent is found again by commands with equal settings of the search."""
    lines = [line for line in README.read_text().splitlines() if "me.jpg" in line]
    assert lines[0].startswith("stylegen project ")
    assert len(lines) > 3
    settings = re.compile(r"--(?:project-)?(space|steps)[ =](\S+)|--(distance\S*)[ =](\S+)")
    told = [settings.findall(line) for line in lines]
    assert all(each == told[0] for each in told)
