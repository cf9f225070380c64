"""Tests of which photos are meant, and of where their faces are said to be."""

import logging
import os
import pathlib
import unicodedata

import numpy as np
import pytest
from PIL import Image

from scaf_jax.inference import photo_inputs


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    """Five files, two of which are no photos by their names."""
    for name in ("b.jpg", "a/c.PNG", "a/d.webp", "a/notes.txt", "raw"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


def test_photos_of_folders_files_and_patterns(folder, monkeypatch):
    whole = photo_inputs.find([str(folder)])
    assert whole.root == folder and whole.names == ("a/c.PNG", "a/d.webp", "b.jpg")
    assert whole.paths == [folder / name for name in whole.names]
    monkeypatch.chdir(folder)
    for inputs, root, names in (
        (["."], folder, whole.names),
        (["**/*"], folder, whole.names),
        (["a"], folder / "a", ("c.PNG", "d.webp")),
        (["a/*"], folder / "a", ("c.PNG", "d.webp")),
        (["raw"], folder, ("raw",)),
        (["a", "b.jpg", "a/c.PNG"], folder, whole.names),
    ):
        found = photo_inputs.find(inputs)
        assert (found.root, found.names) == (root, names), inputs
    for nothing in ("nowhere.jpg", "*.gif", "a/*.txt"):
        with pytest.raises(FileNotFoundError, match="there is no such photo"):
            photo_inputs.find(["b.jpg", nothing])


def test_the_results_are_no_photos(folder):
    found = photo_inputs.find([str(folder)], leave_out=folder / "a")
    assert found.names == ("b.jpg",)
    with pytest.raises(FileNotFoundError, match="are in the folder of the results"):
        photo_inputs.find([str(folder / "a")], leave_out=folder / "a" / os.curdir)


def _table(folder: pathlib.Path, *rows: str) -> pathlib.Path:
    path = folder / "boxes.csv"
    path.write_text("\n".join(["name,x0,y0,x1,y1", *rows]))
    return path


def test_boxes_of_a_table_and_for_the_rest(folder, caplog):
    photos = photo_inputs.find([str(folder)])
    rows = ("a/c.PNG,1,2,3,4", "b.jpg,0,0,9,9", "a/c.PNG,5,6,7,8", "gone.jpg,0,0,1,1")
    table = _table(folder, *rows)
    with caplog.at_level(logging.WARNING):
        boxes = photo_inputs.FaceBoxes(photos, boxes_csv=table)
    assert "gone.jpg of the table: no such photo" in caplog.text
    assert "no face is looked for in a/d.webp" in caplog.text
    np.testing.assert_array_equal(boxes(folder / "a/c.PNG", (9, 9)), [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert boxes(folder / "a/d.webp", (9, 9)).shape == (0, 4)
    both = photo_inputs.FaceBoxes(photos, boxes_csv=table, relative_box=(0.5, 0, 1, 0.5))
    np.testing.assert_array_equal(both(folder / "a/d.webp", (40, 20)), [20, 0, 40, 10])
    np.testing.assert_array_equal(both(folder / "b.jpg", (40, 20)), [[0, 0, 9, 9]])
    none = _table(folder, "a/c.PNG,1,2,3,4", "b.jpg,,,,")
    both = photo_inputs.FaceBoxes(photos, boxes_csv=none, relative_box=(0.5, 0, 1, 0.5))
    assert both(folder / "b.jpg", (40, 20)).shape == (0, 4)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("b.jpg,5,5,6,6", "is less than 2 pixels wide or high and shows no face"),
        ("b.jpg,39,19,79,39", "lies outside the photo b.jpg of 40 x 20 pixels but for 0.1 %"),
        ("b.jpg,-41,0,20,20", "reaches far outside the photo b.jpg"),
        ("b.jpg,0.1,0.1,0.8,0.9", "is in fractions of the photo and not in pixels"),
    ],
)
def test_boxes_that_do_not_fit_their_photo_are_refused(folder, row, problem):
    photos = photo_inputs.find([str(folder)])
    for searched in (False, True):
        boxes = photo_inputs.FaceBoxes(photos, boxes_csv=_table(folder, row), searched=searched)
        with pytest.raises(ValueError, match=f"boxes.csv:2: the box .* {problem}"):
            boxes(folder / "b.jpg", (40, 20))


def test_a_detector_looks_where_the_table_has_no_row(folder):
    photos = photo_inputs.find([str(folder)])
    boxes = photo_inputs.FaceBoxes(photos, boxes_csv=_table(folder, "b.jpg,0,0,9,9"), searched=True)
    np.testing.assert_array_equal(boxes(folder / "b.jpg", (40, 20)), [[0, 0, 9, 9]])
    assert boxes(folder / "a/d.webp", (9, 9)) is None


@pytest.mark.parametrize(("on_disk", "given"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_in_either_spelling(tmp_path, on_disk, given):
    names = {form: unicodedata.normalize(form, "Zo\u00eb/Zo\u00eb.jpg") for form in ("NFC", "NFD")}
    path = tmp_path / names[on_disk]
    path.parent.mkdir()
    path.write_bytes(b"\xff\xd8")
    assert photo_inputs.find([str(tmp_path / names[given])]).paths == [path]


def test_boxes_that_are_percent_are_warned_of(tmp_path, caplog):
    Image.new("RGB", (640, 480)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"no photo")
    photos = photo_inputs.find([str(tmp_path)])
    for rows, odd in (
        (["a.jpg,30,20,60,70", "b.jpg,1,2,30,40"], True),
        (["a.jpg,30,20,160,70"], False),
        (["b.jpg,1,2,30,40"], False),
    ):
        caplog.clear()
        photo_inputs.FaceBoxes(photos, boxes_csv=_table(tmp_path, *rows), searched=True)
        told = "boxes.csv: all boxes lie between 0 and 100, as percent do" in caplog.text
        assert told == odd


def test_whole_photos_are_warned_of(folder, caplog):
    boxes = photo_inputs.FaceBoxes(photo_inputs.find([str(folder)]))
    assert "give --detector, --boxes or --box" in caplog.text
    np.testing.assert_array_equal(boxes(folder / "b.jpg", (40, 20)), [0, 0, 40, 20])


def test_what_is_no_box_is_refused(folder):
    photos = photo_inputs.find([str(folder)])
    for row, message in (
        ("b.jpg,1,2,1,4", "boxes.csv:2: a box is x0"),
        ("b.jpg,1,2,nan,4", "boxes.csv:2: x1 is nan"),
        ("photos/b.jpg,1,2,3,4", "no name in it is that of a photo.*such as a/c.PNG"),
    ):
        with pytest.raises(ValueError, match=message):
            photo_inputs.FaceBoxes(photos, boxes_csv=_table(folder, row))
    assert photo_inputs.parse_box(" (0.2, 0, 1, 1)") == (0.2, 0, 1, 1)
    for text in ("face", "(1, 2", "5", "(0, 0, 1, None)", "__import__('os')"):
        with pytest.raises(ValueError, match="is no box; write four fractions"):
            photo_inputs.parse_box(text)
    for text in ("(0, 0, 1)", "(0, 1, 1, 0)"):
        with pytest.raises(ValueError, match="--box: a box is x0"):
            photo_inputs.parse_box(text)


def test_patterns_give_what_folders_give(tmp_path):
    """Hidden files, what systems leave, other kinds and second ways to a photo do not count."""
    root = tmp_path / "photos"
    names = ("a.jpg", "b/c.JFIF", "b/._c.jpg", "__MACOSX/a.jpg", "@eaDir/a.jpg", "d.txt")
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"\xff\xd8")
    (root / "loop").symlink_to(root)
    (root / "link").symlink_to(root / "b")
    in_folder = photo_inputs.find([str(root)])
    assert in_folder.names == ("a.jpg", "b/c.JFIF")
    by_pattern = photo_inputs.find([str(root / "**" / "*")])
    assert by_pattern.names == in_folder.names
    # A folder that is hidden itself was meant.
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.jpg").write_bytes(b"\xff\xd8")
    assert photo_inputs.find([str(tmp_path / ".cache" / "*.jpg")]).names == ("a.jpg",)
    assert photo_inputs.find([str(root / "b" / "._c.jpg")]).names == ("._c.jpg",)


def test_boxes_in_the_other_unit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--box: .* are no fractions"):
        photo_inputs.parse_box("(40, 40, 120, 130)")
