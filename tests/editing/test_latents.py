"""Latents as a value and as files that other programs read and write."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from stylegen.editing.latents import Latents, network_digest, read_notes
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing import small


def some(count: int = 2, network: str = "") -> Latents:
    w = torch.arange(count * 6 * 4, dtype=torch.float32).reshape(count, 6, 4) / 7
    return Latents(w=w, sources=tuple(f"s{i}" for i in range(count)), network=network)


def network(**changes: int) -> Generator:
    return small.generator(**{"z_dim": 4, "w_dim": 4, **changes})


def test_files_load_with_numpy_alone(tmp_path: Path) -> None:
    latents = some(network="ab12")
    latents.save(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz", allow_pickle=False) as file:
        assert file["w"].dtype == np.float32
        assert np.array_equal(file["w"], latents.w.numpy())
        assert json.loads(str(file["stylegen"]))["network"] == "ab12"
    back = Latents.load(tmp_path / "w.npz")
    assert torch.equal(back.w, latents.w)
    assert (back.sources, back.network) == (("s0", "s1"), "ab12")


def test_files_of_other_programs_load(tmp_path: Path) -> None:
    w = np.random.RandomState(0).randn(1, 6, 4)
    np.savez(tmp_path / "projected_w.npz", w=w.astype(np.float32))  # as the official projector
    one = Latents.load(tmp_path / "projected_w.npz")
    assert np.array_equal(one.w.numpy(), w.astype(np.float32))
    assert (one.sources, one.network) == (("projected_w.npz",), "")
    np.savez_compressed(tmp_path / "two.npz", w=np.concatenate([w, -w]), other=np.zeros(3))
    two = Latents.load(tmp_path / "two.npz")
    assert np.array_equal(two.w[1].numpy(), -w[0].astype(np.float32))
    assert two.sources == ("two.npz:0", "two.npz:1")
    np.savez(tmp_path / "flat.npz", w=w[0])
    assert torch.equal(Latents.load(tmp_path / "flat.npz").w, one.w)


def test_notes_travel_with_the_file(tmp_path: Path) -> None:
    some().save(tmp_path / "w.npz", {"photo": "abc", "steps": 3})
    assert read_notes(tmp_path / "w.npz") == {"photo": "abc", "steps": 3}
    np.savez(tmp_path / "x.npz", w=np.zeros((1, 6, 4)))
    assert read_notes(tmp_path / "x.npz") == {}
    assert torch.equal(Latents.load(tmp_path / "w.npz").w, some().w)


@pytest.mark.parametrize(
    "arrays",
    [
        {"z": np.zeros((1, 6, 4))},
        {"w": np.zeros((1, 6, 4), dtype=np.int64)},
        {"w": np.full((1, 6, 4), np.nan)},
        {"w": np.full((1, 6, 4), 1e300)},  # infinite as float32
        {"w": np.zeros((0, 6, 4))},
        {"w": np.zeros(4)},
        {"w": np.array([{"code": 1}], dtype=object)},  # never unpickled
    ],
)
def test_files_without_latents_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "x.npz", **arrays)
    with pytest.raises(InputError, match=r"x\.npz"):
        Latents.load(tmp_path / "x.npz")


def test_files_of_other_kinds_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Latents.load(tmp_path / "absent.npz")
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "folder.npz").mkdir()
    some().save(tmp_path / "w.npz")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "w.npz").read_bytes()[:-40])
    np.save(tmp_path / "one.npy", np.zeros((1, 6, 4)))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    for name in ("text", "folder", "cut", "one"):
        with pytest.raises(InputError, match="is no latent file"):
            Latents.load(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match=r"should end in \.npz"):
        some().save(tmp_path / "w.pt")


@pytest.mark.parametrize("about", ["[1]", "no json", '{"sources": 5, "notes": 3}'])
def test_strange_words_in_a_file_do_no_harm(tmp_path: Path, about: str) -> None:
    np.savez(tmp_path / "w.npz", w=np.zeros((1, 6, 4)), stylegen=np.array(about))
    assert Latents.load(tmp_path / "w.npz").sources == ("w.npz",)
    assert read_notes(tmp_path / "w.npz") == {}


def test_parts_and_joining() -> None:
    latents = some(3, network="ab")
    assert [part.sources for part in latents] == [("s0",), ("s1",), ("s2",)]
    assert torch.equal(latents[-1].w, latents.w[2:])
    assert latents[1:].sources == ("s1", "s2")
    with pytest.raises(IndexError, match="no latent 3"):
        latents[3]
    joined = Latents.join([latents[2], some(1), latents[0]])
    assert torch.equal(joined.w, torch.stack([latents.w[2], some(1).w[0], latents.w[0]]))
    assert (joined.sources, joined.network) == (("s2", "s0", "s0"), "ab")
    with pytest.raises(InputError, match="at least one"):
        Latents.join([])
    with pytest.raises(InputError, match="different networks"):
        Latents.join([latents, some(1, network="cd")])


def test_values_are_plain_numbers_on_the_cpu() -> None:
    w = torch.zeros(1, 6, 4, dtype=torch.float64, requires_grad=True)
    latents = Latents(w=w, sources=("x",))
    assert (latents.w.dtype, latents.w.requires_grad) == (torch.float32, False)
    with pytest.raises(InputError, match=r"\(6, 4\) and 1"):
        Latents(w=w[0], sources=("x",))


def test_a_network_takes_latents_of_its_shape_and_its_own_if_asked() -> None:
    generator = network()
    digest = network_digest(generator)
    some().check(generator, digest)  # of no network: files of other programs
    some(network=digest).check(generator, digest)
    some(network="0" * 64).check(generator)
    with pytest.raises(InputError, match="of network 000000000000, not of this one"):
        some(network="0" * 64).check(generator, digest)
    with pytest.raises(InputError, match="6 layers and width 4, but this network takes 8 layers"):
        some().check(network(resolution=32))
    with pytest.raises(InputError, match="takes 6 layers and width 5"):
        some().check(network(w_dim=5))


def test_the_digest_is_of_numbers_and_configuration() -> None:
    generator = network()
    digest = network_digest(generator)
    assert len(digest) == 64
    assert network_digest(network()) == digest
    generator.set_precision(torch.bfloat16)
    assert network_digest(generator) == digest
    with torch.no_grad():
        generator.mapping.w_avg[0] += 1e-6
    assert network_digest(generator) != digest
