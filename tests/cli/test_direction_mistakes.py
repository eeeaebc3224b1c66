"""``stylegen directions``: one sentence for each mistake, before any work where possible."""

from pathlib import Path

import pytest
from PIL import Image

from stylegen.cli.direction_files import check_files
from stylegen.errors import InputError
from tests.cli.directing import run, write_material


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_material(tmp_path_factory.mktemp("files"))


def test_what_cannot_be_written_is_found_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_files([tmp_path / "new" / "deep" / "x.npz"], overwrite=False)
    assert not (tmp_path / "new").exists()
    (tmp_path / "x.npz").write_text("")
    with pytest.raises(InputError, match="exists already"):
        check_files([tmp_path / "x.npz"], overwrite=False)
    check_files([tmp_path / "x.npz"], overwrite=True)
    with pytest.raises(InputError, match="is a folder"):
        check_files([tmp_path], overwrite=True)
    with pytest.raises(InputError, match=r"x\.npz is a file; wanted a folder"):
        check_files([tmp_path / "x.npz" / "y.npz"], overwrite=True)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match="may not be written"):
        check_files([tmp_path / "new" / "x.npz"], overwrite=False)


BAD = {
    "find --network {n} --method pca --count 0 --out {f}/x": "--count is 0",
    "find --network {n} --method pca --count 9 --out {f}/x": "wanted 1 to 8",
    "find --network {n} --method sefa --layers 9 --out {f}/x": "layer 9",
    "find --network {n} --method sefa --samples 1 --out {f}/x": "at least 2",
    "find --network {n} --method pca --count 2 --out {f}/n-pca": "exists already",
    "find --network {n} --method pca --class a --out {f}/x": "without classes",
    "find --network {f}/absent --method pca --out {f}/labels.csv": "is a file",
    "find --network {f}/absent --method pca --sheet 5,x.npz --out {f}/x": "x.npz does not exist",
    "find --network {f}/absent --method pca --sheet a --out {f}/x": "a does not exist",
    "from-labels --network {n} --out {f}/x.npz": "wanted --labels, --factor",
    "from-labels --network {n} --to b --out {f}/x.npz": "without classes",
    "from-labels --network {c} --to z --out {f}/x.npz": "the classes are: a, b",
    "from-labels --network {c} --factor smile --out {f}/x.npz": "have 4 channels",
    "from-labels --network {n} --labels {f}/absent.csv --out {f}/x.npz": "absent.csv",
    "from-labels --network {n} --labels {f}/text.npz --out {f}/x.npz": "text.npz",
    "from-labels --network {n} --labels {f}/labels.csv --to 7 --out {f}/x.npz": "0, 1",
    "from-labels --network {n} --labels {f}/labels.csv --out {f}/x.npy": "end in .npz",
    "from-labels --network {n} --labels {f}/labels.csv --out {f}/text.npz": "exists already",
    "from-labels --network {n} --labels {f}/labels.csv --factor yaw --out {f}/x.npz": "wanted one",
    "from-labels --network {f}/absent --factor age --out {f}/x.npz": "the factors are: yaw, ",
    "from-labels --network {f}/absent --factor glasses=yes --out {f}/x.npz": "values are: False, T",
    "from-labels --network {f}/absent --factor hair_style --out {f}/x.npz": "its values are: bald",
    "from-labels --network {f}/absent --factor yaw=1 --out {f}/x.npz": "is a number",
    "from-labels --network {n} --labels {f}/labels.csv --to 7 --out {f}/new/x.npz": "0, 1",
    "from-labels --network {n} --factor yaw --to more --out {f}/x.npz": "--factor NAME=VALUE",
    "from-labels --network {c} --to a --class b --out {f}/x.npz": "--class is for",
    "from-labels --network {n} --labels {f}/labels.csv --ridge 0 --out {f}/x.npz": "ridge",
    "from-labels --network {f}/absent --factor yaw --out {f}/labels.csv/x.npz": "is a file",
    "from-labels --network {n} --labels {f}/typo.csv --out {f}/x.npz": "typo.csv, line 1: ",
    "from-labels --network {f}/absent --factor yaw --orthogonal-to {f}/text.npz --out {f}/x.npz":
        "text.npz",
    "from-labels --network {n} --labels {f}/labels.csv --purify --out {f}/x.npz": "--purify is for",
    "from-labels --network {n} --labels {f}/labels.csv --orthogonal-to {f}/other.npz "
    "--out {f}/x.npz": "was found in network",
    "from-labels --network {f}/absent --factor yaw --orthogonal-to {f}/old.npz --out {f}/x.npz":
        "lacks the normal",
    "find --network {n} --method pca --count 1 --out {f}/left": "pca-01.npz exists already",
    "apply --network {f}/absent --direction {d} --sources 1 --out {f}/x.png --fps 12": "for videos",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.csv": "should end in",
    "apply --network {f}/absent --direction {d} --sources 1 --out {f}/labels.csv/x.png":
        "labels.csv is a file",
    "apply --network {f}/absent --direction {d} --sources 1 --out {f}/labels.csv/x.gif":
        "labels.csv is a file",
    "apply --network {n} --direction {f}/text.npz --sources 1 --out {f}/x.png": "text.npz",
    "apply --network {n} --direction {f}/c-pca/pca-00.npz --sources 1 --out {f}/x.png": "was found",
    "apply --network {n} --direction {d} --sources 1 --strength a --out {f}/x.png": "strength is",
    "apply --network {n} --direction {d} --sources 1 --steps 1 --out {f}/x.png": "at least 2",
    "apply --network {n} --direction {d} --sources x.jpg --out {f}/x.png": "x.jpg",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.tga": "x.tga",
    "apply --network {c} --direction {f}/c-pca/pca-00.npz --sources 1 --out {f}/x.jpg":
        "transparency",
    "from-labels --network {n} --factor yaw --distance-weights x --out {f}/x.npz": "is for photos",
    "apply --network {n} --direction {d} --sources 1 --layers 6 --out {f}/x.png": "layer 6",
    "apply --network {n} {dd} --sources 1 --out {f}/x.gif": "one direction",
    "apply --network {n} {dd} --direction {d} --sources 1 --out {f}/x.png": "3 times",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.gif --fps 0": "fps",
    "apply --network {n} --direction {d} --sources 1 --out {f}/x.gif --strength 2": "needs a range",
    "report --network {n} {f}/absent.npz": "does not exist",
    "report --network {n} {f}/text.npz": "text.npz",
    "report --network {n} {d} --samples 1": "samples",
    "report --network {n} {d} --out {f}/labels.csv/r.json": "labels.csv is a file",
    "report --network {n} {d} --out {f}/n-pca": "is a folder",
    "report --network {n} {d} --out {f}/labels.csv": "exists already",
    "report --network {n} {d} --features-weights x": "is for --features squeezenet",
    "report --network {n} {d} --features demo --features-weights x": "squeezenet, not for demo",
    "report --network {n} {d} --features squeezenet": "needs its weights",
    "report --network {n} {d} --sources 1 --samples 9": "--sources and --samples",
    "report --network {n} {d} --sources 1,x.jpg": "x.jpg",
    "report --network {n} {d} --samples 0": "samples",
    "report --network {c} {f}/c-pca --factors": "have 4 channels",
}  # fmt: skip


@pytest.mark.parametrize("command", BAD)
def test_mistakes_are_one_sentence(files: dict[str, Path], command: str) -> None:
    before = sorted(files["f"].rglob("*"))
    command_line = command.replace("{dd}", "--direction {d} --direction {d}")
    result = run(command_line, **files, d=files["f"] / "n-pca" / "pca-00.npz")
    assert isinstance(result.exception, InputError), result.output
    assert BAD[command] in str(result.exception)
    assert sorted(files["f"].rglob("*")) == before


def test_sources_are_never_written_over(files: dict[str, Path], tmp_path: Path) -> None:
    photo = tmp_path / "me.png"
    Image.new("RGB", (16, 16)).save(photo)
    before = photo.read_bytes()
    direction = files["f"] / "n-pca" / "pca-00.npz"
    start = f"apply --network {{n}} --direction {direction} --overwrite --sources {photo}"
    for command in (
        f"{start} --out {photo}",
        f"find --network {{n}} --method pca --overwrite --sheet {photo} --out {tmp_path}",
    ):
        if "find" in command:  # a sheet's name is its own
            photo.rename(tmp_path / "sheet.png")
            command = command.replace("me.png", "sheet.png")
        result = run(command, **files)
        assert result.exit_code != 0
        assert "is one of the photos; take another folder or name" in str(result.exception)
    assert (tmp_path / "sheet.png").read_bytes() == before
