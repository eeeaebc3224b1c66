"""``stylegen generate --compile`` draws what it draws without."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from stylegen.checkpoints import SnapshotInfo, save_snapshot
from stylegen.cli import main
from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig
from stylegen.networks.synthesis import SynthesisNetwork
from tests.ops import grid


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # torch's compiler warns of torch itself
def test_a_compiled_network_draws_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid.need_kernels()  # torch's compiler needs a C++ compiler too
    compiled = []
    compile_in_place = SynthesisNetwork.compile
    monkeypatch.setattr(
        SynthesisNetwork,
        "compile",
        lambda self, **options: (compiled.append(options), compile_in_place(self, **options)),
    )
    shape = {"resolution": 16, "channel_base": 128}
    info = SnapshotInfo(
        generator=GeneratorConfig(z_dim=16, w_dim=16, mapping_layers=2, **shape),
        discriminator=DiscriminatorConfig(**shape),
    )
    path = tmp_path / "network.safetensors"
    save_snapshot(path, Generator(info.generator), Discriminator(info.discriminator), info)
    for folder, more in (("eager", ()), ("compiled", ("--compile",))):
        words = ["generate", "--network", path, "--seeds", "0-2", "--out", tmp_path / folder]
        result = CliRunner().invoke(main, [*map(str, words), "--device", "cpu", *more])
        assert result.exit_code == 0, result.output
    assert compiled == [{"mode": None}]
    for seed in range(3):
        eager, other = (
            np.asarray(Image.open(tmp_path / folder / f"seed{seed:04d}.png"), dtype=int)
            for folder in ("eager", "compiled")
        )
        assert np.abs(eager - other).max() <= 1
        assert eager.std() > 1
