"""Projections kept beside photos: found for equal settings alone, and as good as a new search."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from stylegen.editing.latents import Latents, network_digest, read_notes
from stylegen.editing.projection import Projection, ProjectionConfig, open_distance, project
from stylegen.editing.projection.keeping import about_latents, find_kept, keep, kept_path
from stylegen.editing.projection.searching import Search
from stylegen.editing.projection.states import Known
from stylegen.editing.sampling import draw, seeds_to_ws
from stylegen.errors import InputError
from tests.editing.projection import small


@pytest.fixture
def target() -> Tensor:
    return 255 - draw(small.generator(), seeds_to_ws(small.generator(), [3, 4]))


def some(network: str = "") -> Known:
    latents = Latents(w=torch.randn(1, 6, 8), sources=("a.png",), network=network)
    return Known(latents=latents, step=3, seconds=1.5)


def found(target: Tensor, config: ProjectionConfig, **more: Any) -> Projection:
    g = small.generator()
    return project(g, target, small.distance(g), config, **more)


@pytest.mark.parametrize("space", ["w", "w+"])
@pytest.mark.parametrize("maps", ["after", "stored"])
def test_known_latents_give_what_a_search_gives(
    target: Tensor, space: str, maps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small.quick(space=space, noise_maps=maps)
    searched = found(target, config)
    plain = found(target, replace(config, noise_maps="stored"))  # as photos among sources are
    known = [plain.as_known(i) for i in range(2)]
    half = found(target, config, known=[known[0], None])
    monkeypatch.setattr(Search, "_code_step", None)
    again = found(target, config, known=known)
    for result, flags in ((half, (True, False)), (again, (True, True))):
        assert result.known == flags
        assert torch.equal(result.latents.w, searched.latents.w)
        assert torch.equal(result.with_maps, searched.with_maps)
        assert result.measures == searched.measures
        assert result.steps == searched.steps
    assert searched.known == (False, False)
    together = found(target, replace(config, group=2), known=known)
    assert torch.equal(together.latents.w, searched.latents.w)


def test_known_latents_that_cannot_serve_are_refused(target: Tensor) -> None:
    for config in (small.quick(noise_maps="joint"), small.quick(traced=2)):
        with pytest.raises(InputError, match="known latents have no codes along the way"):
            found(target, config, known=[some(), None])
    with pytest.raises(InputError, match="2 images were given, but 1 known latents"):
        found(target, small.quick(), known=[some()])
    with pytest.raises(InputError, match="latents of network 000000000000, not of this one"):
        found(target, small.quick(), known=[some("0" * 64), None])


def about(**changes: Any) -> dict[str, Any]:
    g = small.generator()
    return about_latents(g, small.distance(g), small.quick(**changes), None)


def test_settings_that_leave_latents_as_they_are_do_not_count() -> None:
    stored = about(noise_maps="stored")
    for same in ({"map_steps": 50}, {"map_lr": 1.0}, {"noise_weight": 0.0}, {"group": 4},
                 {"traced": 5}):  # fmt: skip
        assert about(**same) == stored
    for other in ({"noise_maps": "joint"}, {"space": "w+"}, {"steps": 7}, {"seed": 1}, {"lr": 0.2}):
        assert about(**other) != stored
    assert about(noise_maps="joint", noise_weight=0.0) != about(noise_maps="joint")
    g = small.generator()
    narrow = small.generator()
    narrow.set_precision(torch.bfloat16)
    other_distance = open_distance("discriminator", discriminator=small.discriminator(g, seed=5))
    others = [
        about_latents(small.generator(seed=4), small.distance(g), small.quick(), None),
        about_latents(g, other_distance, small.quick(), None),
        about_latents(g, open_distance("pyramid"), small.quick(), None),
        about_latents(g, small.distance(g), small.quick(), 1),
        about_latents(g, small.distance(g), small.quick(), None, (1, 2, 3, 4)),
        about_latents(narrow, small.distance(g), small.quick(), None),
    ]
    texts = {json.dumps(one, sort_keys=True) for one in (stored, *others)}
    assert len(texts) == 7


def test_what_is_kept_is_found_until_pixels_change(tmp_path: Path) -> None:
    photo, settings, known = tmp_path / "a.png", about(), some()
    target = torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4)
    assert find_kept(photo, target, settings) is None
    keep(photo, target, settings, known)
    path = kept_path(photo, settings)
    assert path.name.startswith(f"a.png.{network_digest(small.generator())[:12]}-")
    again = find_kept(photo, target, settings)
    assert again is not None
    assert torch.equal(again.latents.w, known.latents.w)
    assert (again.step, again.seconds) == (3, 1.5)
    assert find_kept(photo, target.flip(2), settings) is None
    assert find_kept(photo, target, about(steps=7)) is None
    keep(photo, target, about(steps=7), some())  # beside the first one
    assert find_kept(photo, target, settings) is not None
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_that_says_too_little_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    photo, settings = tmp_path / "a.png", about()
    target = torch.zeros(3, 4, 4, dtype=torch.uint8)
    keep(photo, target, settings, some())
    path = kept_path(photo, settings)
    note = read_notes(path)["projection"]
    del note["step"]
    some().latents.save(path, {"projection": note})
    with caplog.at_level(logging.WARNING):
        assert find_kept(photo, target, settings) is None
    assert "a.png is projected anew: 'step'" in caplog.text
