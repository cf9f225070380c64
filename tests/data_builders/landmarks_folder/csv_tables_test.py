"""Tests of tables as spreadsheets and scripts write them."""

import unicodedata

import numpy as np
import pytest

POINTS = np.array([(10, 20), (30, 20), (20, 40)], float)


@pytest.mark.parametrize("filler", [0, -1, -256, 1])
@pytest.mark.parametrize("first_pixel", [0, 1])
def test_fillers_stop(photos, filler, first_pixel):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", points=[*POINTS[:2].tolist(), (filler, filler)])])
    read = photos.read()["a.jpg"]
    assert "landmarks.csv:2: landmark 3 lies at" in read
    assert read.endswith("; write nothing into both cells where it is not known")


def test_many_landmarks_at_one_place_stop(photos):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", 1, 1, 50, 45, points=[(30, 25)] * 3)], header="x0 y0 x1 y1")
    assert "landmark 1 (and 2 more) lies at (30, 25), where too many" in photos.read()["a.jpg"]


@pytest.mark.parametrize("empty", ["", "nan", "NaN", "NA", "None", "null", "#N/A", "<NA>"])
def test_words_for_not_known(photos, empty):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", points=[(empty, empty), *POINTS[1:].tolist()])])
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], [(np.nan, np.nan), *POINTS[1:]])


def test_fractions_stop(photos):
    photos.photo("a.jpg", "b.jpg")
    photos.csv(
        [
            photos.row("a.jpg", "", "", "", "", points=(POINTS / 60).tolist()),
            photos.row("b.jpg", 0.1, 0.2, 0.8, 0.9),
        ],
        header="x0 y0 x1 y1",
    )
    read = photos.read()
    assert "landmarks.csv:2: all landmarks lie between 0 and 1" in read["a.jpg"]
    assert "landmarks.csv:3: the box" in read["b.jpg"] and "fractions" in read["b.jpg"]


@pytest.mark.parametrize("column", ["split", "Split", "SPLIT"])
@pytest.mark.parametrize(
    ("train", "other", "name"),
    [("Train", "Test", "test"), ("training", "Valid", "val"), ("TRAIN", "test_hard", "test_hard")]
    + [("train2017", "validation", "val"), ("trainset", "Testing", "test")],
)
def test_cells_say_splits(photos, column, train, other, name):
    photos.photo("a.jpg", "b.jpg")
    photos.csv([photos.row("a.jpg", train), photos.row("b.jpg", other)], header=column)
    assert photos.listed()[0] == {"train": ["a.jpg"], name: ["b.jpg"]}


@pytest.mark.parametrize("cell", ["", "0", "fold1", "trainval", "dev"])
def test_cells_that_are_not_understood_stop(photos, cell):
    photos.photo("a.jpg", "b.jpg")
    photos.csv([photos.row("a.jpg", "train"), photos.row("b.jpg", cell)], header="split")
    assert f"split is '{cell}'; call it train" in "".join(map(str, photos.read().values()))


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("Usage", ("Training", "PublicTest")),
        ("set", ("train", "val")),
        ("phase", ("train", "dev")),
        ("is_test", ("0", "1")),
        ("Partition", ("0", "2")),
        ("data_split", ("A", "B")),
        ("train", ("True", "False")),
        ("fold", ("0", "4")),
        ("val", ("", "1")),
        ("test", ("", "x")),
    ],
)
def test_columns_that_say_splits_but_are_called_otherwise_stop(photos, column, cells):
    photos.photo("a.jpg", "b.jpg")
    photos.csv([photos.row(f"{p}.jpg", c) for p, c in zip("ab", cells, strict=True)], header=column)
    with pytest.raises(ValueError, match=f"the column '{column}' looks as if it said splits"):
        photos.find()


@pytest.mark.parametrize(
    ("column", "cells"), [("note", ("test", "smiles")), ("valid", ("1", "0")), ("note", ("", ""))]
)
def test_other_columns_say_nothing(photos, column, cells):
    photos.photo("a.jpg", "b.jpg")
    photos.csv([photos.row(f"{p}.jpg", c) for p, c in zip("ab", cells, strict=True)], header=column)
    assert "by a hash" in photos.listed()[1]


def test_names_of_tables_say_splits(photos):
    photos.photo("a.jpg", "b.jpg")
    photos.csv([photos.row("a.jpg")], "landmarks_Train.csv")
    photos.csv([photos.row("b.jpg")], "landmarks_test2017.csv")
    assert photos.listed()[0] == {"train": ["a.jpg"], "test": ["b.jpg"]}
    photos.csv([photos.row("b.jpg")], "landmarks_dev.csv")
    with pytest.raises(ValueError, match=r"landmarks_dev\.csv: the name .* looks like a split"):
        photos.find()


def test_tables_in_split_folders(photos):
    photos.photo("Train/a.jpg", "Val/b.jpg")
    photos.csv([photos.row("a.jpg")], "Train/landmarks.csv")
    photos.csv([photos.row("b.jpg")], "Val/landmarks.csv")
    assert photos.listed()[0] == {"train": ["Train/a.jpg"], "val": ["Val/b.jpg"]}


def test_rows_without_a_known_landmark_are_no_labeled_faces(photos):
    photos.photo("a.jpg", "b.jpg", "c.jpg")
    blank = [("", "")] * 3
    photos.csv(
        [
            photos.row("a.jpg", "", "", "", "", "train"),
            photos.row("b.jpg", 1, 2, 50, 45, "test", points=blank),
            photos.row("c.jpg", "", "", "", "", "test", points=blank),
        ],
        header="x0 y0 x1 y1 split",
    )
    splits, problems = photos.listed()
    assert splits == {"train": ["a.jpg"], "test": ["b.jpg"]}
    assert "1 faces have neither a known landmark nor a box and are left out: c.jpg" in problems
    assert "test: 1 of 1 faces have a box but no known landmark" in problems
    assert "test: no landmark is known" in problems


@pytest.mark.parametrize(("width", "height"), [(60, 50), ("", ""), (60, "")])
def test_the_size_that_a_table_tells_is_compared(photos, width, height):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", width, height)], header="width height")
    assert isinstance(photos.read()["a.jpg"], dict)
    photos.csv([photos.row("a.jpg", 50, 60)], header="width height")
    assert "landmarks.csv:2: was made for '50' x '60' pixels" in photos.read()["a.jpg"]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_spreadsheets_of_other_countries(photos, delimiter):
    photos.photo("a.jpg")
    row = [str(cell).replace(".0", ",0") for cell in photos.row("a.jpg", points=POINTS.tolist())]
    row[0] = "a.jpg"
    path = photos.csv([row], delimiter=delimiter)
    path.write_text("\ufeff" + f"sep={delimiter}\n" + path.read_text())
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], POINTS)
    (photos.root / "scheme.json").unlink()
    with pytest.raises(ValueError, match=r'scheme\.json is missing(.|\n)*"left", "right", "chin"'):
        photos.find()


@pytest.mark.parametrize(("on_disk", "given"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_in_either_spelling(photos, on_disk, given):
    names = {form: unicodedata.normalize(form, "Zoë/Zoë.jpg") for form in ("NFC", "NFD")}
    photos.photo(names[on_disk])
    photos.csv([photos.row(names[given])])
    assert list(photos.landmarks()) == [names[on_disk]]
    assert "have no landmarks" not in photos.listed()[1]


@pytest.mark.parametrize("word", ["-", "53,9", "1px"])
def test_other_words_are_told_what_to_write(photos, word):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", points=[(f'"{word}"', 2), *POINTS[1:].tolist()])])
    assert photos.read()["a.jpg"].endswith(", or nothing into both cells where it is not known")


@pytest.mark.parametrize("name", ["a.JPG", "photos/a.jpg", "my%20photos/a.jpg", "a", "A.png"])
def test_what_photo_a_name_may_mean_is_told(photos, name):
    photos.photo("my photos/a.jpg", "my photos/b.jpg")
    photos.csv([photos.row(name), photos.row("my photos/b.jpg")])
    assert f"they may mean, such as my photos/a.jpg for {name};" in photos.listed()[1]


@pytest.mark.parametrize("name", ["labels.csv", "landmarks.tsv", "a/landmarks.csv"])
def test_tables_that_are_called_otherwise_are_named(photos, name):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg")], name)
    with pytest.raises(ValueError, match=rf"; if {name} has them, save it as landmarks\.csv"):
        photos.find()


def test_a_second_download_of_a_table_is_named(photos):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg")])
    assert "not read" not in photos.listed()[1]
    photos.csv([photos.row("a.jpg", points=POINTS + 5)], "Landmarks (1).csv")
    assert "Landmarks (1).csv: not read, since only landmarks.csv" in photos.listed()[1]
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], POINTS)


@pytest.mark.parametrize("zero", [0, 0.0, -1])
def test_a_box_of_zeros_is_none(photos, zero):
    photos.photo("a.jpg")
    photos.csv([photos.row("a.jpg", zero, zero, zero, zero)], header="x0 y0 x1 y1")
    np.testing.assert_array_equal(
        photos.read()["a.jpg"]["box_ground_truth"], [10.5, 20.5, 30.5, 40.5]
    )
    assert "landmarks.csv: 1 boxes are 0, 0, 0, 0 or -1 throughout" in photos.listed()[1]
