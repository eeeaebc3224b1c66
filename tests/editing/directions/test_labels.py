"""Tables of labels, and how labels are parted in two groups."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from stylegen.editing.directions import read_labels
from stylegen.editing.directions.labels import outer_thirds, part_labels
from stylegen.editing.latents import Latents
from stylegen.errors import InputError


def test_a_table_is_read(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffSeed,label\n85, smiling\n\n3,not\n85,smiling\n")
    assert read_labels(path) == ([85, 3], ["smiling", "not"])
    path.write_text("0,a\n1,b\n")
    assert read_labels(path) == ([0, 1], ["a", "b"])


def test_a_table_names_ranges_and_files_beside_it(tmp_path: Path) -> None:
    Latents(w=torch.zeros(1, 6, 8), sources=("x",)).save(tmp_path / "w.npz")
    (tmp_path / "labels.csv").write_text('source,smile\n3-5,a\nw.npz,b\n"7,9",b\n')
    found = read_labels(tmp_path / "labels.csv")
    assert found == ([3, 4, 5, tmp_path / "w.npz", 7, 9], ["a", "a", "a", "b", "b", "b"])


def test_a_file_whose_name_has_a_comma(tmp_path: Path) -> None:
    for name in ("x,y.png", "1,2"):
        Image.new("RGB", (8, 8)).save(tmp_path / name, format="PNG")
    (tmp_path / "labels.csv").write_text('"x,y.png",yes\n"1,2",yes\n"3,4",no\n')
    found = read_labels(tmp_path / "labels.csv")
    assert found == ([tmp_path / "x,y.png", tmp_path / "1,2", 3, 4], ["yes", "yes", "no", "no"])
    (tmp_path / "labels.csv").write_text('"' + ",".join(["7"] * 999) + '",no\n')
    assert read_labels(tmp_path / "labels.csv") == ([7], ["no"])


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "no labels"),
        ("seed,label\n", "no labels"),
        ("8S,a\n3,b\n", "line 1: .*8S does not exist"),
        ("name,label\n3,b\n", "line 1: .*name does not exist"),
        ("1\n", "line 1: '1' is no entry"),
        ("seed,label\n\n1,a,b\n", "line 3: '1,a,b' is no entry"),
        ("1,a\nx,b\n", "line 2: .*x does not exist"),
        ("1,\n", "wanted source,label"),
        ("5-3,a\n", "small to large"),
        ("99999999999,a\n", "above the largest"),
        ("1,a\nlabels.csv,b\n", "labels.csv cannot be read as a picture"),
        ("1,a\n2,b\n1,b\n", "line 3: 1 is labelled 'b', but 'a' further up"),
    ],
)
def test_tables_of_another_form(tmp_path: Path, text: str, wrong: str) -> None:
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=rf"labels\.csv.*{wrong}"):
        read_labels(tmp_path / "labels.csv")


def test_tables_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_bytes(b"1,\xff\n")
    with pytest.raises(InputError, match="UTF-8"):
        read_labels(tmp_path / "labels.csv")
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(InputError, match="is no file"):
            read_labels(path)


def parted(*labels: str, to: str | None = None, away: str | None = None) -> list[tuple[int, bool]]:
    kept, high = part_labels(labels, to, away)
    return list(zip(kept.tolist(), high.tolist(), strict=True))


def test_how_labels_are_parted() -> None:
    assert parted("no", "yes", "no") == [(0, False), (1, True), (2, False)]
    assert parted("1", "0", to="0") == [(0, False), (1, True)]
    assert parted("a", "b", away="b") == [(0, True), (1, False)]
    assert parted("a", "b", "c", to="b") == [(0, False), (1, True), (2, False)]
    assert parted("a", "b", "c", to="b", away="c") == [(1, True), (2, False)]
    assert parted("5", "1", "3") == [(1, False), (0, True)]
    assert parted("1", "2", "3", to="2") == [(0, False), (1, True), (2, False)]
    with pytest.raises(InputError, match="the labels are: a, b, c"):
        parted("a", "b", "c")
    with pytest.raises(InputError, match="no label 'x'; the labels are: a, b"):
        parted("a", "b", to="x")
    with pytest.raises(InputError, match="from 'a' to itself"):
        parted("a", "b", to="a", away="a")


def test_outer_thirds() -> None:
    kept, high = outer_thirds(torch.tensor([5.0, 1, 4, 2, 6, 3, 0]))
    assert kept.tolist() == [6, 1, 0, 4]
    assert high.tolist() == [False, False, True, True]
    with pytest.raises(InputError, match="cannot be parted"):
        outer_thirds(torch.tensor([1.0, 1, 1, 1, 1, 2]))
