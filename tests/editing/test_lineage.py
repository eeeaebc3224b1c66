"""What children take over from their parents: latents, and never the parent's file."""

import copy
from pathlib import Path

import pytest
import torch

from stylegen.checkpoints import load
from stylegen.checkpoints.snapshot import load_discriminator
from stylegen.editing.adapting import adapt
from stylegen.editing.blending import blend
from stylegen.editing.latents import Latents, latents_digest, network_digest, take_latents_of
from stylegen.editing.lineage import Parent, save_child
from stylegen.editing.restyle_config import AdaptConfig, BlendConfig
from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing import small


def adapted(parent: Generator, path: Path) -> Generator:
    ws = seeds_to_ws(parent, [5])
    code = Latents(w=ws, sources=("5",))
    images = 255 - draw(parent, ws)
    return adapt(parent, load_discriminator(path), code, images, AdaptConfig(steps=1)).generator


@pytest.mark.parametrize("is_tuned", [False, True])
def test_a_childs_latents_are_its_parents_also_from_a_file(tmp_path: Path, is_tuned: bool) -> None:
    """The mapping network stays, so that latents and directions of the parent are the child's."""
    path = small.snapshot(tmp_path / "n.safetensors", width=8)
    parent = load(path)
    digest = network_digest(parent)
    if is_tuned:  # as apply_delta leaves it
        parent = copy.deepcopy(parent)
        parent.synthesis.b4.conv1.weight[0, 0].add_(1)
        take_latents_of(parent, digest)
    child = adapted(parent, path)
    blended = blend(child, parent, BlendConfig(at=8))
    for number, after in enumerate((child, blended)):
        assert network_digest(after) not in (digest, network_digest(parent))
        assert latents_digest(after) == latents_digest(parent) == digest
        z = torch.randn(3, 8)
        assert torch.equal(after.mapping(z), parent.mapping(z))
        out = tmp_path / f"{number}.safetensors"
        save_child(out, after, [Parent(path, parent)], "test", {})
        assert latents_digest(load(out)) == digest
        assert network_digest(load(out)) == network_digest(after)


def test_a_child_never_replaces_a_parent(tmp_path: Path) -> None:
    path = small.snapshot(tmp_path / "n.safetensors")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"n\.safetensors is one of the parents; take another"):
        save_child(path, load(path), [Parent.load(path)], "test", {})
    assert path.read_bytes() == before
