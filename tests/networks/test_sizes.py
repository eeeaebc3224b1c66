"""Parameter counts and state sizes, as counted with the official implementation."""

import pytest
import torch

from stylegen.networks import Discriminator, DiscriminatorConfig, Generator, GeneratorConfig

TABLE = [  # resolution, channel_base, mapping, G params, buffers, keys, D params, keys, num_ws
    (1024, 32768, 8, 30_370_060, 2_797_104, 182, 29_012_513, 82, 18),
    (512, 32768, 8, 30_276_583, 699_904, 163, 28_982_849, 73, 16),
    (512, 32768, 2, 28_700_647, 699_904, 151, 28_982_849, 73, 16),
    (256, 16384, 8, 24_767_458, 175_568, 144, 24_001_089, 64, 14),
    (256, 16384, 2, 23_191_522, 175_568, 132, 24_001_089, 64, 14),
    (128, 16384, 2, 22_949_277, 44_448, 113, 23_882_369, 55, 12),
    (64, 16384, 2, 22_243_608, 11_632, 94, 23_407_361, 46, 10),
    (32, 32768, 2, 19_947_539, 3_392, 75, 21_507_073, 37, 8),
]


def numbers(module: torch.nn.Module) -> tuple[int, int, int]:
    parameters = sum(p.numel() for p in module.parameters())
    buffers = sum(b.numel() for b in module.buffers())
    return parameters, buffers, len(module.state_dict())


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]}px-{row[1]}-map{row[2]}")
def test_sizes(row: tuple[int, ...]) -> None:
    resolution, base, mapping, g_params, g_buffers, g_keys, d_params, d_keys, num_ws = row
    config = GeneratorConfig(resolution=resolution, channel_base=base, mapping_layers=mapping)
    with torch.device("meta"):
        generator = Generator(config)
        discriminator = Discriminator(DiscriminatorConfig(resolution=resolution, channel_base=base))
    assert numbers(generator) == (g_params, g_buffers, g_keys)
    assert numbers(discriminator)[::2] == (d_params, d_keys)
    assert config.num_ws == num_ws


def test_which_blocks_have_which_layers() -> None:
    def keys(architecture: str) -> set[str]:
        with torch.device("meta"):
            g = Generator(GeneratorConfig(resolution=16, architecture=architecture))  # type: ignore[arg-type]
        return {k for k in g.state_dict() if "torgb.bias" in k or "skip.weight" in k}

    assert keys("skip") == {f"synthesis.b{r}.torgb.bias" for r in (4, 8, 16)}
    assert keys("orig") == {"synthesis.b16.torgb.bias"}
    assert keys("resnet") == {
        "synthesis.b16.torgb.bias",
        "synthesis.b8.skip.weight",
        "synthesis.b16.skip.weight",
    }


def test_which_discriminator_blocks_have_which_layers() -> None:
    def keys(architecture: str) -> set[str]:
        with torch.device("meta"):
            d = Discriminator(DiscriminatorConfig(resolution=16, architecture=architecture))  # type: ignore[arg-type]
        return {k for k in d.state_dict() if "fromrgb.bias" in k or "skip.weight" in k}

    assert keys("resnet") == {"b16.fromrgb.bias", "b16.skip.weight", "b8.skip.weight"}
    assert keys("orig") == {"b16.fromrgb.bias"}
    assert keys("skip") == {"b16.fromrgb.bias", "b8.fromrgb.bias", "b4.fromrgb.bias"}
