import io
import json
import logging
import zipfile

import pytest
from PIL import Image

from stylegen.data import DataConfig, open_images
from stylegen.errors import InputError

buffer = io.BytesIO()
Image.new("L", (4, 4)).save(buffer, format="PNG")
PNG = buffer.getvalue()


@pytest.fixture
def make(tmp_path):
    def made(names, metadata=None, table=None):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(PNG)
        if metadata is not None:
            text = metadata if isinstance(metadata, str) else json.dumps(metadata)
            (tmp_path / "dataset.json").write_text(text)
        if table is not None:
            content = table if isinstance(table, bytes) else table.encode()
            (tmp_path / "labels.csv").write_bytes(content)
        return DataConfig(path=str(tmp_path), labels=True)

    return made


def found(config):
    images = open_images(config)
    assert images.num_classes == len(images.class_names)
    assert [images[i][1] for i in range(len(images))] == images.labels.tolist()
    return images.class_names, images.labels.tolist()


def test_sub_folders(make):
    assert found(make(["dog/1.png", "cat/1.png", "cat/deep/2.png"])) == (("cat", "dog"), [0, 0, 1])


def test_shared_parent_folders_are_passed_over(make):
    names = ["train/all/dog/1.png", "train/all/cat/1.png"]
    assert found(make(names)) == (("cat", "dog"), [0, 1])


def test_one_folder_is_one_class(make):
    assert found(make(["cat/1.png", "cat/2.png"])) == (("cat",), [0, 0])


def test_loose_images_have_no_labels(make):
    config = make(["cat/1.png", "loose.png"])
    with pytest.raises(
        InputError, match=r"neither dataset.json .* labels.csv, .* \(see loose.png\)"
    ):
        open_images(config)
    assert open_images(DataConfig(path=config.path)).num_classes == 0


def test_indices(make):
    labels = [["b.png", 2], ["a.png", 0], ["c.png", 2]]
    config = make(["a.png", "b.png", "c.png"], {"labels": labels})
    assert found(config) == (("0", "1", "2"), [0, 2, 2])


def test_indices_with_names(make):
    metadata = {"labels": [["a.png", 1], ["b.png", 0]], "class_names": ["x", "y", "z"]}
    assert found(make(["a.png", "b.png"], metadata)) == (("x", "y", "z"), [1, 0])


def test_indices_take_the_names_of_folders(make):
    metadata = {"labels": [["dog/1.png", 0], ["cat/1.png", 1]]}
    assert found(make(["dog/1.png", "cat/1.png"], metadata)) == (("dog", "cat"), [1, 0])
    metadata = {"labels": [["dog/1.png", 0], ["cat/1.png", 0]]}
    assert found(make(["dog/1.png", "cat/1.png"], metadata)) == (("0",), [0, 0])


def test_names_and_mapping_and_backslashes(make):
    metadata = {"labels": {"s\\a.png": "pear", "b.png": "apple"}}
    assert found(make(["s/a.png", "b.png"], metadata)) == (("apple", "pear"), [0, 1])


def test_labels_of_absent_files_are_passed_over_aloud(make, caplog):
    config = make(["a.png"], {"labels": [["a.png", 0], ["gone.png", 1]]})
    with caplog.at_level(logging.WARNING):
        assert found(config)[1] == [0]
    assert "labels 1 files that are not there" in caplog.text


def test_null_labels_fall_to_folders(make):
    assert found(make(["x/a.png"], {"labels": None})) == (("x",), [0])


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("[]", "should be an object"),
        ({"labels": "a"}, "should be a list of"),
        ({"labels": ["a.png"]}, "wanted"),
        ({"labels": [["a.png", 0, 1]]}, "wanted"),
        ({"labels": [["a.png", 0.5]]}, "The class of a.png .* is 0.5; wanted an index or a name"),
        ({"labels": [["a.png", True]]}, "is True; wanted an index or a name"),
        ({"labels": [["a.png", [0, 1]]]}, "wanted an index or a name"),
        ({"labels": [["a.png", -1]]}, "is -1; wanted 0 to 99999"),
        ({"labels": [["a.png", 10**9]]}, "is 1000000000; wanted 0 to"),
        ({"labels": []}, "gives no class for 1 of 1 images, such as a.png"),
        ({"labels": [["a.png", 2]], "class_names": ["x", "y"]}, "is 2; wanted one of 2 classes: x"),
        ({"labels": [["a.png", "w"]], "class_names": ["x", "y"]}, "is 'w'; wanted one of 2"),
        ({"labels": [["a.png", 0]], "class_names": "x"}, "should be a list of names"),
        ({"labels": [["a.png", 0], ["b.png", "x"]]}, "indices and names mixed"),
    ],
)
def test_wrong_dataset_json(make, metadata, sentence):
    with pytest.raises(InputError, match=sentence):
        open_images(make(["a.png"], metadata))


CSV = "dog/1.png,terrier\ncat/1.png,tabby\n"


@pytest.mark.parametrize(
    "table",
    [
        CSV,
        f"name,class\n{CSV}",
        "\ufefffile name , kind\r\n" + CSV.replace("\n", "\r\n"),
        CSV.replace(",", ";"),
        CSV.replace(",", "\t").replace("/", "\\"),
        '\n"dog/1.png","terrier"\n\n cat/1.png , tabby ',
        CSV + CSV,
    ],
)
def test_csv(make, table):
    config = make(["cat/1.png", "dog/1.png"], table=table)
    assert found(config) == (("tabby", "terrier"), [0, 1])


def test_csv_of_indices(make):
    table = "image,label\na.png,2\nb.png,010\n"
    class_names = tuple(str(i) for i in range(11))
    assert found(make(["a.png", "b.png"], table=table)) == (class_names, [2, 10])


def test_csv_in_a_zip(make, tmp_path):
    make(["a.png", "b.png"], table="a.png,x\nb.png,y\n")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as file:
        for name in ("a.png", "b.png", "labels.csv"):
            file.write(tmp_path / name, name)
    assert found(DataConfig(path=str(tmp_path / "set.zip"), labels=True)) == (("x", "y"), [0, 1])


def test_csv_changes_the_digest(make):
    tables = (None, "a.png,x\n", "a.png,y\n")
    digests = {
        open_images(DataConfig(path=make(["a.png"], table=table).path)).digest for table in tables
    }
    assert len(digests) == 3


def test_dataset_json_wins_over_csv_aloud(make, caplog):
    config = make(["a.png"], {"labels": [["a.png", "x"]]}, table="a.png,y\n")
    assert found(config) == (("x",), [0])
    assert "labels.csv is not read" in caplog.text
    config = make(["a.png"], {"labels": None}, table="a.png,y\n")
    assert found(config) == (("y",), [0])


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"a.png,\xff\n", "labels.csv of .* is not a table in UTF-8"),
        ('a.png,"x\n', "is not a table in UTF-8"),
        ("a.png,x,1\n", r"Line 1 of labels.csv .*; wanted a name and a class"),
        ("name,class\na.png,\n", r"Line 2 of labels.csv .*; wanted a name and a class"),
        ("a.png,x\na.png,y\n", "Line 2 .* puts a.png into class y, an earlier one into x"),
        ("b.png,x\n", "gives no class for 1 of 1 images, such as a.png"),
        ("a.png,123456789\n", "is 123456789; wanted 0 to 99999"),
        ("", "gives no class for 1 of 1"),
    ],
)
def test_wrong_csv(make, table, sentence):
    with pytest.raises(InputError, match=sentence):
        open_images(make(["a.png"], table=table))
