"""Reference files: what is written comes back, other tools' are read, the rest is refused."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from stylegen.errors import InputError
from stylegen.metrics.frechet import distance_of_features, gaussian_distance
from stylegen.metrics.moments import Moments
from stylegen.metrics.protocols import PROTOCOLS, Protocol
from stylegen.metrics.reading import Reading, check_reading
from stylegen.metrics.reference_checks import check_reference
from stylegen.metrics.references import (
    HEADER,
    Reference,
    read_reference,
    write_reference,
)

CLEAN = PROTOCOLS["clean"]


def features(n: int, dim: int = 12, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn((dim, dim), generator=generator)
    return torch.randn((n, dim), generator=generator) @ mix + seed


def reference(n: int = 40, protocol: Protocol = CLEAN, **more: Any) -> Reference:
    x = features(n)
    return Reference.of(
        Moments.of(x), protocol, data_digest="d", weights_digest="w" * 64, source="x.zip", **more
    )


@pytest.mark.parametrize("n", [40, 7])
def test_what_is_written_comes_back(tmp_path: Path, n: int) -> None:
    path = tmp_path / "r.npz"
    write_reference(reference(n, features=features(n)), path)
    found = read_reference(path)
    x = features(n).double()
    assert found.gaussian.count == n
    torch.testing.assert_close(found.gaussian.mu, x.mean(0))
    torch.testing.assert_close(found.gaussian.sigma, x.T.cov(), rtol=1e-9, atol=1e-9)
    root = found.gaussian.factor
    assert root is not None
    torch.testing.assert_close(root @ root.T, found.gaussian.sigma, rtol=1e-9, atol=1e-9)
    assert (found.protocol, found.data_digest, found.weights_digest) == (CLEAN, "d", "w" * 64)
    assert found.source == "x.zip"
    assert found.features is not None
    assert torch.equal(found.features, features(n))
    assert found.notes == ()


def test_a_distance_from_a_file_is_that_from_the_images(tmp_path: Path) -> None:
    write_reference(reference(), tmp_path / "r.npz")
    fakes = features(50, seed=1)
    found = gaussian_distance(
        dataclasses.replace(reference().gaussian, factor=None),
        read_reference(tmp_path / "r.npz").gaussian,
    )
    assert found == pytest.approx(0, abs=1e-9)
    from stylegen.metrics.frechet import Gaussian

    other = Gaussian.fitted(Moments.of(fakes))
    value = gaussian_distance(other, read_reference(tmp_path / "r.npz").gaussian)
    assert value > 1
    assert value == pytest.approx(distance_of_features(fakes, features(40)), rel=1e-9)


def test_other_tools_read_ours_without_unpickling(tmp_path: Path) -> None:
    write_reference(reference(), tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz", allow_pickle=False) as file:
        assert file["mu"].dtype == file["sigma"].dtype == np.float64
        assert int(file["n"]) == 40
        assert json.loads(str(file[HEADER]))["protocol"]["resize"] == "clean"


def test_an_existing_file_is_not_replaced_unasked(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    write_reference(reference(40), path)
    before = path.read_bytes()
    with pytest.raises(InputError, match="exists already; --overwrite replaces it"):
        write_reference(reference(30), path)
    assert path.read_bytes() == before
    write_reference(reference(30), path, overwrite=True)
    assert read_reference(path).gaussian.count == 30
    with pytest.raises(InputError, match=r"a reference is a \.npz file"):
        write_reference(reference(), tmp_path / "r.json")
    with pytest.raises(InputError, match="does not exist"):
        write_reference(reference(), tmp_path / "none" / "r.npz")
    assert list(tmp_path.iterdir()) == [path]


def test_pytorch_fids_files_are_read_with_a_note(tmp_path: Path) -> None:
    x = features(40).double().numpy()
    np.savez(tmp_path / "s.npz", mu=x.mean(0), sigma=np.cov(x, rowvar=False))
    found = read_reference(tmp_path / "s.npz")
    assert (found.protocol, found.gaussian.count, found.weights_digest) == (None, None, "")
    torch.testing.assert_close(found.gaussian.mu, reference().gaussian.mu)
    (note,) = found.notes
    assert "of another tool (mu and sigma, as pytorch-fid's), of an unknown number" in note
    assert "its protocol" in note
    assert check_reference(found, CLEAN, 12, "w") == [note]
    value = gaussian_distance(found.gaussian, reference().gaussian)
    assert value == pytest.approx(0, abs=1e-9)


def test_adms_files_are_read_for_their_statistics(tmp_path: Path) -> None:
    x = features(9).numpy()
    np.savez(
        tmp_path / "adm.npz", arr_0=np.zeros((9, 4, 4, 3), np.uint8),
        mu=x.mean(0).astype(np.float32), sigma=np.cov(x, rowvar=False),
        mu_s=np.zeros(3), sigma_s=np.eye(3),
    )  # fmt: skip
    found = read_reference(tmp_path / "adm.npz")
    assert found.gaussian.count == 9
    assert found.gaussian.mu.dtype == torch.float64
    assert "ADM's evaluator, of 9 images" in found.notes[0]


def save(path: Path, **changes: Any) -> Path:
    x = features(40).double().numpy()
    arrays: dict[str, Any] = {"mu": x.mean(0), "sigma": np.cov(x, rowvar=False), **changes}
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    return path


LOPSIDED = np.eye(12) + np.triu(np.ones((12, 12)), 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sigma": None}, "lacks sigma of a reference's statistics; it holds mu"),
        ({"sigma": None, "mu": None, "x": np.zeros(3)}, "lacks mu and sigma .* it holds x"),
        ({"sigma": np.eye(11)}, r"sigma in .* is \(11, 11\) for a mu of 12"),
        ({"sigma": LOPSIDED}, "not symmetric"),
        ({"mu": np.zeros((3, 4))}, "1-dimensional numbers"),
        ({"mu": np.array(["a"] * 12)}, "1-dimensional numbers"),
        ({"mu": np.full(12, np.nan)}, "not finite"),
        ({"sqrt_sigma": np.eye(12)}, "is not that of this covariance"),
        ({HEADER: np.array("{}")}, "header of the reference .* is damaged"),
        ({HEADER: np.array("x")}, "is damaged"),
        ({"mu": np.array([{}] * 12)}, "unpickled"),
    ],
)
def test_statistics_that_cannot_be(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_reference(save(tmp_path / "x.npz", **changes))


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(InputError, match="no reference file at"):
        read_reference(path)
    save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=r"not a whole \.npz file"):
        read_reference(path)
    path.write_bytes(b"text")
    with pytest.raises(InputError, match=r"not a whole \.npz file"):
        read_reference(path)
    content = bytearray(save(path).read_bytes())
    content[len(content) // 2] ^= 1  # within sigma
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"not a readable \.npz file \(damaged.*CRC"):
        read_reference(path)


def test_a_later_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    write_reference(reference(), path)
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays[HEADER]))
    arrays[HEADER] = np.array(json.dumps({**header, "version": 2}))
    np.savez(path, **arrays)
    with pytest.raises(InputError, match="is of version 2; this program reads 1"):
        read_reference(path)


def test_what_may_be_compared() -> None:
    found = reference()
    assert check_reference(found, CLEAN, 12, "w" * 64) == []
    drawn = dataclasses.replace(CLEAN, samples=10, psi=0.5, reals=7)
    assert check_reference(found, drawn, 12, "w" * 64) == []  # of a file nothing is drawn
    part = dataclasses.replace(found, protocol=dataclasses.replace(CLEAN, reals=50))
    (said,) = check_reference(part, drawn, 12, "w" * 64)
    assert "The reference is of 50 of its set's images" in said
    (said,) = check_reference(found, dataclasses.replace(CLEAN, mirror=True), 12, "w" * 64)
    assert "mirrored here and not mirrored there" in said
    with pytest.raises(InputError, match="of 12 features and inception gives 2048"):
        check_reference(found, CLEAN, 2048, "w" * 64)
    with pytest.raises(InputError, match="of the features of inception, not of vgg16"):
        check_reference(found, Protocol(network="vgg16"), 12, "w" * 64)
    with pytest.raises(InputError, match=r"other weights of inception \(sha256 wwwwwwww\.\.\.\)"):
        check_reference(found, CLEAN, 12, "v" * 64)


READ = Reading(width=20, height=12, channels=3, filter="box", background="white")


def test_how_images_were_read_comes_back(tmp_path: Path) -> None:
    write_reference(reference(), tmp_path / "r.npz")
    assert read_reference(tmp_path / "r.npz").reading is None
    write_reference(dataclasses.replace(reference(), reading=READ), tmp_path / "s.npz")
    assert read_reference(tmp_path / "s.npz").reading == READ


def test_images_of_another_size_are_refused_and_other_readings_told() -> None:
    assert list(check_reading(READ, "a", READ, "r.npz")) == []
    other = dataclasses.replace(READ, width=12, height=20)
    with pytest.raises(
        InputError, match=r"a has 12x20 px and r\.npz is of images of 20x12: images"
    ):
        list(check_reading(other, "a", READ, "r.npz"))
    grey = dataclasses.replace(READ, channels=1, filter="lanczos", background="black")
    told = list(check_reading(grey, "a", READ, "r.npz"))
    assert [("channels" in t, "lanczos here and box" in t, "black here" in t) for t in told] == [
        (True, False, False), (False, True, False), (False, False, True),
    ]  # fmt: skip
