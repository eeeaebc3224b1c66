"""Latents of seeds, files and photos, and how photos' latents are kept."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import stylegen.editing.photos as photos_module
from stylegen.editing.latents import Latents, network_digest
from stylegen.editing.photos import photo_projector, read_photo
from stylegen.editing.projection.config import ProjectionConfig
from stylegen.editing.projection.states import Known
from stylegen.editing.sampling import seeds_to_ws
from stylegen.editing.sources import parse_sources, resolve, resolve_groups, source_names
from stylegen.errors import InputError
from stylegen.networks import Generator
from tests.editing import small


def generator(**changes: Any) -> Generator:
    network = small.generator(noise=0, **changes)
    with torch.no_grad():
        network.mapping.w_avg.copy_(torch.linspace(-1, 1, 8))
    return network


class FakeProjection:
    """Stands for the projection: a photo's latents are its mean, and calls are counted."""

    def __init__(self) -> None:
        self.name, self.digest = "", "d0"
        self.calls: list[Sequence[str]] = []

    def open_distance(self, name: str, **_: Any) -> "FakeProjection":
        self.name = name
        return self

    def project(
        self, network: Generator, images: torch.Tensor, *_: Any, sources: Sequence[str], **__: Any
    ) -> SimpleNamespace:
        self.calls.append(sources)
        config = network.config
        mean = images.float().mean(dim=(1, 2, 3))[:, None, None] / 255
        w = mean.expand(-1, config.num_ws, config.w_dim)
        latents = Latents(w=w, sources=tuple(sources), network=network_digest(network))
        found = [Known(latents=one, step=0, seconds=0.0) for one in latents]
        return SimpleNamespace(as_known=found.__getitem__)


@pytest.fixture
def projection(monkeypatch: pytest.MonkeyPatch) -> FakeProjection:
    fake = FakeProjection()
    monkeypatch.setattr(photos_module, "open_distance", fake.open_distance)
    monkeypatch.setattr(photos_module, "project", fake.project)
    return fake


def paint(path: Path, grey: int = 0, size: tuple[int, int] = (16, 16)) -> Path:
    Image.new("RGB", size, (grey, grey, grey)).save(path)
    return path


def test_names_with_commas_within_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tb").mkdir()
    for name in ("tb/x,y.png", "3,4.png", "a, b,c.npz", "z.png"):
        (tmp_path / name).write_text("")
    assert parse_sources("1,tb/x,y.png") == [1, Path("tb/x,y.png")]
    assert parse_sources("1-2, tb/x,y.png ,3,4.png,5,a, b,c.npz,6") == [
        1, 2, Path("tb/x,y.png"), Path("3,4.png"), 5, Path("a, b,c.npz"), 6,
    ]  # fmt: skip
    assert parse_sources("1,q,z.png") == [1, Path("q"), Path("z.png")]


def test_lists_of_sources() -> None:
    assert parse_sources("0-3,85, photo.jpg ,a/w.npz") == [
        0, 1, 2, 3, 85, Path("photo.jpg"), Path("a/w.npz"),
    ]  # fmt: skip
    assert parse_sources("./85,5-a.png") == [Path("85"), Path("5-a.png")]


def test_a_file_with_a_comma_in_its_name(tmp_path: Path) -> None:
    path = paint(tmp_path / "you,me.png")
    assert parse_sources(str(path)) == [path]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "seeds such as"), ("1,,2", "'1,,2'"), ("3-1", "small to large"), ("4294967296", "above")],
)
def test_bad_lists_are_refused(text: str, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        parse_sources(text)


def test_seeds_files_and_latents_in_their_order(tmp_path: Path) -> None:
    network = generator()
    expected = seeds_to_ws(network, [3, 1, 2])
    np.savez(tmp_path / "w.npz", w=expected[:2].numpy())
    given = Latents(w=expected[2:], sources=("two",))
    latents = resolve(network, [2, tmp_path / "w.npz", given, "1,3"])
    assert torch.equal(latents.w, expected[[2, 0, 1, 2, 1, 0]])
    assert latents.sources == ("2", "w.npz:0", "w.npz:1", "two", "1", "3")
    assert latents.network == network_digest(network)
    for one in (2, np.int64(2), "2", given):
        assert torch.equal(resolve(network, one).w, expected[2:])


@pytest.mark.parametrize("cutoff", [None, 2])
def test_truncation_is_the_same_for_a_seed_and_its_file(tmp_path: Path, cutoff: int | None) -> None:
    network = generator()
    resolve(network, 5).save(tmp_path / "w.npz")
    seed, file = resolve_groups(network, [5, tmp_path / "w.npz"], psi=0.6, cutoff=cutoff)
    assert torch.equal(seed.w, file.w)
    w, mean = seeds_to_ws(network, [5])[0].double(), torch.linspace(-1, 1, 8).double()
    expected = mean + 0.6 * (w - mean)
    expected[cutoff:] = w[cutoff:] if cutoff else expected[cutoff:]
    assert torch.allclose(file.w[0].double(), expected, rtol=0, atol=1e-6)
    assert file.sources == ("5",)


def test_classes_of_seeds() -> None:
    network = generator(c_dim=2)
    network.class_names = ("cat", "dog")
    assert torch.equal(
        resolve(network, 4, class_name="dog").w, seeds_to_ws(network, [5, 4], 1.0, None, 1)[1:]
    )
    with pytest.raises(InputError, match="the classes are: cat, dog"):
        resolve(network, Latents(w=torch.zeros(1, 6, 8), sources=("x",)), class_name="cow")


def test_latents_that_do_not_fit_are_refused_before_photos_are_projected(
    tmp_path: Path, projection: FakeProjection
) -> None:
    network = generator()
    np.savez(tmp_path / "w.npz", w=np.zeros((1, 14, 8), dtype=np.float32))
    sources = [paint(tmp_path / "p.png"), tmp_path / "w.npz"]
    with pytest.raises(InputError, match=r"w\.npz: latents of 14 layers .* takes 6 layers"):
        resolve(network, sources, photos=photo_projector(network))
    assert projection.calls == []


def test_latents_of_another_network_are_taken_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network, parent = generator(), generator(channel_max=4)
    given = resolve(parent, 1)
    latents = resolve(network, given)
    assert torch.equal(latents.w, given.w)
    assert latents.network == network_digest(network)
    assert f"latents of network {network_digest(parent)[:12]}" in caplog.text
    caplog.clear()
    resolve(network, latents)
    assert caplog.text == ""


def test_what_is_missing_is_told() -> None:
    network = generator()
    with pytest.raises(InputError, match="at least one"):
        resolve(network, [])
    with pytest.raises(InputError, match=r"absent\.npz does not exist"):
        resolve(network, "absent.npz")
    with pytest.raises(InputError, match="must be projected first"):
        resolve(network, "photo.jpg")


def test_names_show_mistakes_before_any_work(tmp_path: Path) -> None:
    np.savez(tmp_path / "w.npz", w=np.zeros((2, 6, 8)))
    paint(tmp_path / "p.png")
    names = source_names([7, tmp_path / "w.npz", f"{tmp_path}/p.png,1-2"])
    assert names == ["7", "w.npz:0", "w.npz:1", "p.png", "1", "2"]
    (tmp_path / "text.jpg").write_text("hello")
    for text, sentence in [
        ("seven", "seven does not exist; wanted seeds"),
        (f"{tmp_path}/text.jpg", "cannot be read as a picture"),
        (str(tmp_path), "cannot be opened"),
    ]:
        with pytest.raises(InputError, match=sentence):
            source_names(text)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_photos_are_cropped_and_resized_to_the_network(tmp_path: Path, channels: int) -> None:
    network = generator(img_channels=channels, base_size=(3, 5))
    sheet = np.zeros((24, 60, 3), dtype=np.uint8)  # 40 x 24 in the middle is 5 : 3
    sheet[:, 10:50] = 200
    Image.fromarray(sheet).save(tmp_path / "p.png")
    image = read_photo(tmp_path / "p.png", network)
    assert (image.shape, image.dtype) == ((channels, 12, 20), torch.uint8)
    expected = {1: [200], 2: [200, 255], 3: [200] * 3, 4: [200, 200, 200, 255]}[channels]
    assert (image == torch.tensor(expected, dtype=torch.uint8)[:, None, None]).all()


def test_photos_for_networks_that_draw_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="draws 5"):
        read_photo(paint(tmp_path / "p.png"), generator(img_channels=5))


def test_photos_are_projected_once_and_kept(tmp_path: Path, projection: FakeProjection) -> None:
    network = generator()
    a, b = paint(tmp_path / "a.png", 51), paint(tmp_path / "b.png", 102)
    rows, columns = resolve_groups(network, [[b, 5, a], [a]], photos=photo_projector(network))
    assert projection.calls == [["b.png"], ["a.png"]]  # kept one by one on a CPU
    assert torch.allclose(rows.w[0], torch.tensor(102 / 255))
    assert torch.equal(rows.w[1:2], seeds_to_ws(network, [5]))
    assert torch.allclose(columns.w[0], torch.tensor(51 / 255))
    assert rows.sources == ("b.png", "5", "a.png")
    (kept,) = tmp_path.glob(f"a.png.{network_digest(network)[:12]}-????????.npz")
    with np.load(kept) as file:
        assert np.array_equal(file["w"], columns.w.numpy())
    again = resolve(network, [a, b], photos=photo_projector(network))
    assert len(projection.calls) == 2
    assert torch.equal(again.w, torch.cat([columns.w, rows.w[:1]]))
    resolve(network, kept)  # which is a latent file as any other


def test_what_has_changed_is_projected_anew(tmp_path: Path, projection: FakeProjection) -> None:
    network = generator()
    path = paint(tmp_path / "a.png", 51)

    def run(network: Generator = network, **options: Any) -> float:
        return resolve(network, path, photos=photo_projector(network, **options)).w[0, 0, 0].item()

    steps = ProjectionConfig(steps=7, noise_maps="stored")
    changes: list[Callable[[], float]] = [
        run,
        lambda: run(config=steps),
        lambda: run(config=steps, distance="pyramid"),
        lambda: run(config=steps, distance="pyramid", cache=False),
        lambda: run(generator(channel_max=4)),
    ]
    for number, change in enumerate(changes, 1):
        change()
        assert len(projection.calls) == number
    for change in (changes[0], changes[1], changes[2], changes[4]):
        change()  # all are kept, none has pushed another out
    assert len(projection.calls) == len(changes)
    paint(path, 102)
    assert run(config=steps, distance="pyramid") == pytest.approx(102 / 255)
    projection.digest = "d1"
    run(config=steps, distance="pyramid")
    assert len(projection.calls) == len(changes) + 2


def test_a_damaged_file_is_made_anew(
    tmp_path: Path, projection: FakeProjection, caplog: pytest.LogCaptureFixture
) -> None:
    network = generator()
    path = paint(tmp_path / "a.png", 51)
    resolve(network, path, photos=photo_projector(network))
    (kept,) = tmp_path.glob("a.png.*.npz")
    kept.write_text("no latents")
    for _ in range(2):
        resolve(network, path, photos=photo_projector(network))
    assert len(projection.calls) == 2
    assert "a.png is projected anew" in caplog.text
    assert Latents.load(kept).sources == ("a.png",)


def test_where_nothing_can_be_kept_the_work_goes_on(
    tmp_path: Path, projection: FakeProjection, caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    network = generator()
    path = paint(tmp_path / "a.png", 51)

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(Latents, "save", refuse)
    latents = resolve(network, path, photos=photo_projector(network))
    assert torch.allclose(latents.w, torch.tensor(51 / 255))
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "a.png are not kept" in caplog.text
    assert list(tmp_path.iterdir()) == [path]


def test_photos_that_cannot_be_read_are_named(tmp_path: Path, projection: FakeProjection) -> None:
    network = generator()
    good, bad = paint(tmp_path / "a.png", size=(64, 64)), tmp_path / "cut.png"
    bad.write_bytes(good.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cut\.png cannot be read as a picture"):
        resolve(network, [good, bad], photos=photo_projector(network))
    with pytest.raises(InputError, match=r"absent\.png cannot be opened: No such file"):
        resolve(network, tmp_path / "absent.png", photos=photo_projector(network))
    assert projection.calls == []
