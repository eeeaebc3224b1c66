"""The value and its file: what numpy alone reads and writes, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import stylegen
from stylegen.editing import directions as package
from stylegen.editing.directions import Direction, adopt, find_files
from stylegen.editing.latents import network_digest
from stylegen.errors import InputError
from tests.editing.directions.small import make_generator


def direction(**changes: Any) -> Direction:
    values: dict[str, Any] = {"vector": torch.tensor([3.0, 0, 4, 0, 0, 0, 0, 0]), "name": "x"}
    return Direction(**{**values, **changes})


def test_numpy_alone_reads_what_was_saved(tmp_path: Path) -> None:
    saved = direction(
        layers=(0, 3), network="ab12", method="pca", unit=1.5, explained_variance=0.25, accuracy=0.9
    )
    saved.save(tmp_path / "smile.npz")
    with np.load(tmp_path / "smile.npz", allow_pickle=False) as file:
        values = {name: file[name] for name in file.files}
    assert values["direction"].dtype == np.float32
    assert values["direction"].tolist() == [3, 0, 4, 0, 0, 0, 0, 0]
    assert values["layers"].tolist() == [0, 3]
    assert float(values["unit"]) == 1.5
    assert float(values["explained_variance"]) == 0.25
    assert float(values["accuracy"]) == 0.9
    assert str(values["method"]) == "pca"
    assert str(values["network"]) == "ab12"


def test_everything_comes_back_and_the_file_names_it(tmp_path: Path) -> None:
    saved = direction(vector=torch.randn(4, 8), layers=(1, 2), network="ab", unit=0.1)
    saved.save(tmp_path / "smile.npz")
    loaded = Direction.load(tmp_path / "smile.npz")
    assert torch.equal(loaded.vector, saved.vector)
    assert (loaded.layers, loaded.network, loaded.unit) == ((1, 2), "ab", 0.1)
    assert (loaded.explained_variance, loaded.accuracy, loaded.name) == (None, None, "smile")


def test_the_normal_of_an_orthogonal_direction_is_kept(tmp_path: Path) -> None:
    normal = torch.arange(8.0)
    direction(method="logistic, orthogonal", normal=normal).save(tmp_path / "n.npz")
    with np.load(tmp_path / "n.npz") as file:
        assert file["normal"].tolist() == list(range(8))
    loaded = Direction.load(tmp_path / "n.npz")
    assert loaded.normals(6).tolist() == [list(range(8))]
    direction(method="logistic").save(tmp_path / "plain.npz")
    with np.load(tmp_path / "plain.npz") as file:
        assert "normal" not in file.files
    rows = Direction.load(tmp_path / "plain.npz").on([1]).normals(6)
    assert torch.allclose(rows[:, [0, 2]], torch.tensor([[0.6, 0.8]], dtype=torch.float64))
    with pytest.raises(InputError, match=r"'x' .* lacks the normal"):
        direction(method="logistic, orthogonal").normals(6)


def test_what_numpy_alone_wrote_is_a_direction_on_all_layers(tmp_path: Path) -> None:
    np.savez(tmp_path / "old.npz", direction=np.arange(8.0))
    loaded = Direction.load(tmp_path / "old.npz")
    assert loaded.vector.dtype == torch.float32
    assert loaded.vector.tolist() == list(range(8))
    assert (loaded.layers, loaded.unit, loaded.network) == ((), None, "")
    loaded.check(make_generator(), "ff")  # of nobody: taken


def test_rows_have_length_one_on_the_moved_layers() -> None:
    rows = direction(layers=(1, 4)).rows(6)
    expected = torch.tensor([0.6, 0, 0.8, 0, 0, 0, 0, 0], dtype=torch.float64)
    assert torch.allclose(rows[[1, 4]], expected.expand(2, 8))
    assert not rows[[0, 2, 3, 5]].any()
    own = torch.zeros(6, 8)
    own[1, 0], own[4, 1], own[5, 2] = 3, 1, 9
    rows = direction(vector=own, layers=(1, 4)).rows(6)
    # mean square length (9 + 1) / 2 = 5 on the two layers; layer 5 does not move
    assert rows[1, 0] == pytest.approx(3 / 5**0.5)
    assert rows[4, 1] == pytest.approx(1 / 5**0.5)
    assert int(rows.count_nonzero()) == 2


def test_directions_of_another_network_are_refused_unless_asked_for() -> None:
    network = make_generator()
    own = direction(network=network_digest(network), unit=2.0)
    other = direction(network="ab" * 32, unit=2.0)
    assert adopt([own], network, layers=[2])[0].layers == (2,)
    with pytest.raises(InputError, match="network abababababab, not in this one"):
        adopt([own, other], network)
    adopted = adopt([own, other], network, other_network=True)
    assert [d.unit for d in adopted] == [2.0, None]  # the other's is of another w
    with pytest.raises(InputError, match=r"shape \(5,\)"):
        adopt([direction(vector=torch.ones(5))], network, other_network=True)
    with pytest.raises(InputError, match="layer 6, but this network has layers 0 to 5"):
        adopt([own], network, layers=[6]), adopt([own.on([6])], network)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"vector": torch.zeros(8)}, "not all zero"),
        ({"vector": torch.tensor([float("nan")])}, "finite"),
        ({"vector": torch.ones(1, 2, 3)}, r"\(1, 2, 3\)"),
        ({"vector": torch.ones(3, 8), "layers": (3,)}, "layer 3, which it lacks"),
        ({"layers": (-1,)}, "layer -1"),
        ({"unit": 0.0}, "not above zero"),
        ({"normal": torch.zeros(8)}, "a normal of 8"),
        ({"normal": torch.ones(7)}, r"a normal of 8 .* not \(7,\)"),
        ({"normal": torch.full((8,), float("inf"))}, "a normal of 8 finite"),
        ({"unit": float("nan")}, "not above zero"),
    ],
)
def test_no_direction(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(InputError, match=text):
        direction(**changes)


def test_zero_on_the_moved_layers_is_refused() -> None:
    vector = torch.zeros(6, 8)
    vector[0] = 1
    with pytest.raises(InputError, match="zero on all layers that it should move"):
        direction(vector=vector).on([3]).rows(6)


def test_files_that_hold_no_direction(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "w.npz", w=np.zeros((1, 6, 8)))
    np.savez(tmp_path / "words.npz", direction=np.array(["a"]))
    np.savez(tmp_path / "layers.npz", direction=np.ones(8), layers=np.array(["a"]))
    np.savez(tmp_path / "object.npz", direction=np.array([{}], dtype=object))
    np.savez(tmp_path / "normal.npz", direction=np.ones(8), normal=np.array(["a"]))
    for name in ("text", "w", "words", "layers", "object", "normal"):
        with pytest.raises(InputError, match=f"{name}.npz"):
            Direction.load(tmp_path / f"{name}.npz")
    with pytest.raises(InputError, match="does not exist"):
        Direction.load(tmp_path / "absent.npz")
    with pytest.raises(InputError, match="is a folder"):
        Direction.load(tmp_path)
    with pytest.raises(InputError, match=r"should end in .npz"):
        direction().save(tmp_path / "x.npy")


def test_folders_stand_for_their_files_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        direction().save(tmp_path / f"{name}.npz")
    found = find_files([tmp_path, tmp_path / "b.npz"])
    assert [path.name for path in found] == ["a.npz", "b.npz", "b.npz"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no direction file"):
        find_files([tmp_path / "empty"])
    with pytest.raises(InputError, match="no direction was named"):
        find_files([])


def test_stylegen_itself_offers_them() -> None:
    names = "Direction FactorReader from_classes from_factor from_labels move path_lengths pca"
    for name in [*names.split(), "plane", "report_directions", "sefa", "strip"]:
        assert name in stylegen.__all__
        assert getattr(stylegen, name) is getattr(package, name)
