"""A thawed network is trained as one that was never frozen."""

import torch

from stylegen.networks import Generator, GeneratorConfig, freeze
from stylegen.networks.layers import thaw


def generator() -> Generator:
    torch.manual_seed(0)
    config = GeneratorConfig(resolution=16, z_dim=8, w_dim=8, channel_base=96, mapping_layers=2)
    network = Generator(config)
    network.set_precision(torch.bfloat16, 2)
    return network.eval()


def test_frozen_and_thawed_it_trains_as_before() -> None:
    """Fused optimisers change weights without telling, so nothing narrowed may be kept."""
    network, plain = freeze(generator()), generator()
    ws = torch.randn(2, 6, 8)
    with torch.no_grad():
        network.synthesis(ws, noise="const")  # weights are narrowed and kept
    assert thaw(network) is network
    for trained in (network, plain):
        adam = torch.optim.Adam(trained.synthesis.parameters(), lr=0.1, fused=True)
        for _ in range(3):
            trained.synthesis(ws, noise="const").square().mean().backward()
            with torch.no_grad():
                trained.synthesis(ws, noise="const")  # between the passes
            adam.step()
            adam.zero_grad()
    with torch.no_grad():
        drawn = [trained.synthesis(ws, noise="const") for trained in (network, plain)]
    assert torch.equal(*drawn)
    assert not network.training
    assert all(p.requires_grad for p in network.parameters())
