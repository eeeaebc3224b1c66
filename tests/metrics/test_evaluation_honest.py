"""What an evaluation must not hide: ignored options, sizes, settings, and what was not tested."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from stylegen.errors import InputError
from stylegen.metrics import evaluate, save_reference, workplace
from stylegen.metrics.path_length import compared_px
from stylegen.metrics.references import read_reference, write_reference
from stylegen.metrics.runs import of_final_size
from tests.metrics.test_evaluation_whole import Perceived
from tests.metrics.toys import configure, make_generator, save, save_folder

pytestmark = pytest.mark.usefixtures("toy")


def notes_with(report: Any, words: str) -> list[str]:
    return [note for note in report.notes if words in note]


def test_a_line_of_few_images_is_left_out_of_all_and_noted_when_named(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 40), save_folder(tmp_path / "b", 30, seed=1)
    everything = evaluate(configure(a, b, metrics=("all",), splits=2))
    assert "fd_infinity_demo" not in everything.metrics
    (said,) = notes_with(everything, "fid_infinity needs")
    assert "at least 512 images, 4 for each of the 128 features" in said
    named = evaluate(configure(a, b, metrics=("fid_infinity",)))
    metric = named.metrics["fd_infinity_demo"]
    assert (metric.error, metric.error_kind) == (None, None)
    assert notes_with(named, "may be far off, below 0 even, and no error is given")


def test_a_reference_knows_its_size_and_its_images(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 12), save_folder(tmp_path / "b", 30, seed=1)
    wide = save_folder(tmp_path / "c", 12, side=9)
    path = tmp_path / "b.npz"
    config = configure(a, b, metrics=("fid",))
    save_reference(dataclasses.replace(config, max_images=20), path)
    by_file = dataclasses.replace(config, against=str(path))
    report = evaluate(by_file)
    assert len(report.sides["against"]["data_sha256"]) == 64
    assert notes_with(report, "The reference is of 20 of its set's images")
    assert not notes_with(report, " here and ")
    with pytest.raises(InputError, match=r"c has 9 px and .*b\.npz is of images of 8: images of"):
        evaluate(dataclasses.replace(by_file, a=str(wide)))
    with pytest.raises(InputError, match=r"--max-images is of reading images, and .*b\.npz holds"):
        evaluate(dataclasses.replace(by_file, max_images=7))
    drawn = str(save(tmp_path / "s.safetensors", make_generator()))
    with pytest.raises(InputError, match="--resolution, --filter are of reading images"):
        evaluate(dataclasses.replace(by_file, a=drawn, resolution=8, filter="box"))


def test_a_reference_that_does_not_know_its_size_is_noted(tmp_path: Path) -> None:
    b, path = save_folder(tmp_path / "b", 30), tmp_path / "b.npz"
    config = configure(b, b, metrics=("fid",))
    save_reference(config, path)
    older = dataclasses.replace(read_reference(path), reading=None)
    write_reference(older, path, overwrite=True)
    report = evaluate(dataclasses.replace(config, against=str(path)))
    assert notes_with(report, "does not say what size its images have")


def test_drawn_images_are_no_difference_to_a_file(tmp_path: Path) -> None:
    path, drawn = tmp_path / "b.npz", save(tmp_path / "s.safetensors", make_generator())
    b = save_folder(tmp_path / "b", 30)
    save_reference(configure(drawn, b), path)
    report = evaluate(configure(drawn, path, metrics=("fid",), samples=12, psi=0.7))
    assert not notes_with(report, "images are drawn here and")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"samples": 9}, "--samples is of a snapshot's images, and no side is a snapshot"),
        ({"psi": 0.5, "noise": "const"}, "--psi, --noise are of a snapshot's images"),
        ({"held_out": "x"}, "--held-out is of the metric memorisation, which is not taken"),
        ({"crop": True}, "--crop is of path lengths, which are not taken"),
        ({"sweep": (0.5,)}, "--sweep is of the metric psi_sweep, which is not taken"),
        ({"lpips": "alex", "lpips_weights": "x"}, "--lpips, --lpips-weights are of LPIPS"),
    ],
)
def test_options_without_effect_are_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    a = save_folder(tmp_path / "a", 4)
    with pytest.raises(InputError, match=said):
        evaluate(configure(a, a, metrics=("fid",), **options))


def run_of(folder: Path, *generators: Any) -> Path:
    folder.mkdir()
    for i, generator in enumerate(generators):
        save(folder / f"snapshot-{i:06}.safetensors", generator, float(i))
    return folder


def test_what_is_not_tested_is_not_called_tied(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", make_generator(), make_generator(seed=4))
    b = save_folder(tmp_path / "b", 40)
    for metrics, tested in ((("kid",), False), (("fid",), True)):
        found = evaluate(configure(run, b, metrics=metrics, samples=40)).sections.snapshots
        assert found is not None
        assert (found.tied is not None, found.paired) == (tested, tested)


def test_snapshots_of_other_shapes_are_left_out_and_named(tmp_path: Path) -> None:
    run = run_of(tmp_path / "run", make_generator(channels=1), make_generator(), make_generator())
    paths = [str(path) for path in sorted(run.glob("*.safetensors"))]
    kept, why = of_final_size(paths)
    assert kept == paths[1:]
    report = evaluate(configure(run, save_folder(tmp_path / "b", 12), metrics=("fid",), samples=12))
    assert report.sections.snapshots is not None
    assert len(report.sections.snapshots.points) == 2
    (said,) = notes_with(report, "of the run's 3 snapshots")
    assert said == f"Not taken: {why['snapshots']}."
    assert "1 of the run's 3 snapshots (snapshot-000000.safetensors) draw other sizes" in said
    assert of_final_size(kept) == (kept, {})


def test_images_too_small_for_lpips_are_told_before_any_work(tmp_path: Path) -> None:
    a, b = save(tmp_path / "a.safetensors", make_generator()), save_folder(tmp_path / "b", 12)
    config = configure(a, b, metrics=("ppl",), samples=12, lpips_weights="none")
    with pytest.raises(InputError, match=r"ppl2_wend needs images of at least 16 px .* have 8"):
        evaluate(config)
    everything = dataclasses.replace(config, metrics=("all",), splits=2, crop=True)
    (said,) = notes_with(evaluate(everything), "ppl2_wend needs images of at least 16 px")
    assert "as the middle that --crop leaves of them, have 4" in said


def test_the_compared_part_has_the_size_that_is_foretold() -> None:
    import torch

    from stylegen.metrics.path_length import _seen

    for size in ((16, 16), (40, 36), (600, 520), (1024, 1024)):
        for crop in (False, True):
            seen = _seen(torch.zeros(1, 3, size[1], size[0]), crop)
            assert min(seen.shape[2:]) == compared_px(size, crop)


def test_settings_of_lpips_are_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workplace, "Lpips", Perceived)
    monkeypatch.setattr("stylegen.metrics.evaluation.smallest_px", lambda _: 1)
    a, b = save(tmp_path / "a.safetensors", make_generator()), save_folder(tmp_path / "b", 12)
    report = evaluate(configure(a, b, metrics=("ppl",), samples=12, path_samples=4))
    expected = {
        "lpips": "vgg", "lpips_weights_sha256": Perceived.weights_digest, "path_samples": 4,
        "path_epsilon": 1e-4, "crop": False,
    }  # fmt: skip
    assert expected.items() <= report.protocol.items()
    assert "network" not in report.protocol
    assert notes_with(report, "The lpips_vgg weights are not the published file")
    assert not notes_with(report, "The vgg16 weights")


def test_held_out_images_are_recorded(tmp_path: Path) -> None:
    a, b = save_folder(tmp_path / "a", 30), save_folder(tmp_path / "b", 40, seed=1)
    held = save_folder(tmp_path / "h", 35, seed=2)
    report = evaluate(configure(a, b, metrics=("memorisation",), held_out=str(held)))
    assert len(report.protocol["held_out_sha256"]) == 64


def test_a_sweep_divides_as_the_headline_does(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator(c_dim=2))
    save_folder(tmp_path / "b" / "a", 30)
    save_folder(tmp_path / "b" / "b", 10, seed=1)
    config = configure(
        a, tmp_path / "b", metrics=("fid", "psi_sweep", "fid_infinity"), samples=40, sweep=(1.0,),
        protocols=("fid50k_full",),
    )  # fmt: skip
    report = evaluate(config)
    value = report.metrics["fd_demo"].value
    sweep, line = report.sections.psi_sweep, report.sections.fid_against_n
    assert sweep is not None
    assert line is not None
    assert sweep.points[0].values["fd_demo"].value == pytest.approx(value, rel=1e-6)
    assert line.values[-1] == pytest.approx(value, rel=1e-6)


def test_two_snapshots_draw_their_own_latents(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator())
    report = evaluate(configure(a, a, metrics=("fid",), samples=20, seed=5))
    assert report.protocol["seed_against"] == 6
    assert report.metrics["fd_demo"].value > 1e-3
    assert notes_with(report, "Both sides are the same file or set")


def test_another_training_set_may_hold_these_images(tmp_path: Path) -> None:
    a = save(tmp_path / "a.safetensors", make_generator(), provenance={"data_digest": "0" * 64})
    b = save_folder(tmp_path / "b", 20)
    report = evaluate(configure(a, b, metrics=("memorisation",), samples=20))
    assert notes_with(report, "trained on a set of another content; these may be part of it")
