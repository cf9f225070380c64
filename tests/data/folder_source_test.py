"""Tests of folders of photos without labels."""

import os
import pickle

import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import folder_source, images


def _photo(path, width=40, height=20):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (width, height)).save(path)


def _table(tmp_path, *rows):
    path = tmp_path / "boxes.csv"
    path.write_text("\n".join(["name,x0,y0,x1,y1", *rows, ""]))
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a/z.PNG", "a b.jpg"):
        _photo(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def test_lists_photos_by_name(folder, caplog):
    source = folder_source.FolderSource(folder)
    assert "each whole photo is taken for a face" in caplog.text
    assert source.keys == ["a b.jpg", "a/z.PNG", "b.jpg"]
    record = source[1]
    assert record["key"] == "a/z.PNG" and record["index"] == 1
    assert record["image"] == (folder / "a" / "z.PNG").read_bytes()
    assert record["landmarks"].shape == (0, 2) and record["landmark_mask"].shape == (0,)
    np.testing.assert_array_equal(record["box_detector"], [0, 0, 40, 20])


def test_boxes_are_fractions_of_each_photo(folder, caplog):
    source = folder_source.FolderSource(folder, relative_box=(0.25, 0.1, 0.75, 0.9))
    for kind in ("box_detector", "box_ground_truth"):
        np.testing.assert_allclose(source[0][kind], [10, 2, 30, 18])
    assert "whole photo" not in caplog.text


def test_boxes_come_from_a_table(folder, tmp_path):
    table = _table(tmp_path, "a b.jpg,1,2,11,14", "../b.jpg,0,0,9,9")
    source = folder_source.FolderSource(folder, boxes_csv=table, relative_box=(0, 0, 0.5, 0.5))
    np.testing.assert_array_equal(source[0]["box_ground_truth"], [1, 2, 11, 14])
    np.testing.assert_array_equal(source[2]["box_ground_truth"], [0, 0, 20, 10])
    with pytest.raises(ValueError, match=r"2 photos have no box in .*boxes\.csv: a/z\.PNG, b\.jpg"):
        folder_source.FolderSource(folder, boxes_csv=table)


def test_a_table_in_the_folder_and_photos_without_a_face(folder, tmp_path, caplog):
    table = _table(folder, "a b.jpg,1,2,11,14", "a/z.PNG,,,,")
    with caplog.at_level("INFO"):
        source = folder_source.FolderSource(folder, relative_box=(0, 0, 0.5, 0.5))
    assert source.keys == ["a b.jpg", "b.jpg"]  # the last is not in the table
    np.testing.assert_array_equal(source[0]["box_ground_truth"], [1, 2, 11, 14])
    np.testing.assert_array_equal(source[1]["box_ground_truth"], [0, 0, 20, 10])
    assert f"the boxes of the faces are those of {table}" in caplog.text
    assert "1 of 3 photos show no face and are left out" in caplog.text
    other = _table(tmp_path, "b.jpg,2,3,9,9", "a b.jpg,,,,", "a/z.PNG,,,,")
    assert folder_source.FolderSource(folder, boxes_csv=other).keys == ["b.jpg"]
    with pytest.raises(ValueError, match="holds no boxes, only rows without boxes"):
        folder_source.FolderSource(folder, boxes_csv=_table(tmp_path, "b.jpg,,,,"))


def test_a_photo_with_several_rows_shows_several_faces(folder, tmp_path):
    table = _table(tmp_path, "b.jpg,1,2,11,14", "a b.jpg,0,0,9,9", "b.jpg,20,2,31,14")
    source = folder_source.FolderSource(folder, boxes_csv=table, relative_box=(0, 0, 1, 1))
    assert source.keys == ["a b.jpg", "a/z.PNG", "b.jpg#1", "b.jpg#2"]
    assert source.photos == ["a b.jpg", "a/z.PNG", "b.jpg", "b.jpg"]
    boxes = [source[i]["box_detector"].tolist() for i in (2, 3)]
    assert boxes == [[1, 2, 11, 14], [20, 2, 31, 14]]
    assert source[3]["image"] == (folder / "b.jpg").read_bytes()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            "b.jpg,0.25,0.25,0.75,0.8",
            "boxes.csv:2: the box [0.25, 0.25, 0.75, 0.8] is in fractions",
        ),
        ("b.jpg,1000,1000,1200,1230", "lies outside the photo b.jpg of 40 x 20 pixels"),
        ("b.jpg,-90,-90,-1,-1", "lies outside the photo b.jpg"),
        ("b.jpg,39,1,60,15", "lies outside the photo b.jpg of 40 x 20 pixels but for 4.8 %"),
        ("b.jpg,0,0,900,900", "reaches far outside the photo b.jpg"),
        ("b.jpg,10,10,11,18", "less than 2 pixels wide or high"),
    ],
)
def test_boxes_that_do_not_fit_their_photo_stop_or_are_left_out(folder, tmp_path, row, message):
    table = _table(tmp_path, row)
    with pytest.raises(images.ImageError) as info:
        folder_source.FolderSource(folder, boxes_csv=table, relative_box=(0, 0, 1, 1))
    assert message in str(info.value) and "1 photos or boxes cannot be used" in str(info.value)
    source = folder_source.FolderSource(
        folder, boxes_csv=table, relative_box=(0, 0, 1, 1), on_error="skip"
    )
    assert source.keys == ["a b.jpg", "a/z.PNG"]
    ((name, reason),) = source.skipped
    assert name == "b.jpg" and message in reason


def test_a_table_of_other_photos_is_an_error(folder, tmp_path):
    table = _table(tmp_path, "photos/b.jpg,1,2,11,14")
    with pytest.raises(ValueError, match=r"none of its names, such as photos/b\.jpg, is that of a"):
        folder_source.FolderSource(folder, boxes_csv=table, relative_box=(0, 0, 1, 1))
    # In a mixture the table may be of another folder.
    assert (
        len(
            folder_source.FolderSource(
                folder, boxes_csv=table, whole_table=False, relative_box=(0, 0, 1, 1)
            )
        )
        == 3
    )


@pytest.mark.parametrize(
    "box", [(40, 40, 120, 130), (0, 0, 2.5, 1), (1, 0, 2, 1), (25, 25, 75, 75)]
)
def test_pixels_in_place_of_fractions_are_refused(folder, box):
    with pytest.raises(ValueError, match="are no fractions of a photo's width and height"):
        folder_source.FolderSource(folder, relative_box=box)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", r"boxes\.csv:1: the header"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,3\n", r"boxes\.csv:2: 4 columns, but the header has 5"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,1,4\n", r"boxes\.csv:2: a box is"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,3,x\n", r"boxes\.csv:2: y1 is no number"),
        ("name,x0,y0,x1,y1\n", r"boxes\.csv: holds no boxes, only its header"),
    ],
)
def test_errors_name_the_tables_line(folder, tmp_path, text, message):
    table = tmp_path / "boxes.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=message):
        folder_source.FolderSource(folder, boxes_csv=table)


def test_damaged_photos_are_told_when_the_folder_is_opened(folder):
    (folder / "b.jpg").write_text("no image")
    (folder / "c.jpg").write_bytes(b"")
    _photo(folder / "d.jpg", 4, 400)
    with pytest.raises(images.ImageError, match=r": 3 photos or .*b\.jpg: not a readable image"):
        folder_source.FolderSource(folder)
    source = folder_source.FolderSource(folder, on_error="skip")
    assert source.keys == ["a b.jpg", "a/z.PNG"] and [source[i]["index"] for i in (0, 1)] == [0, 1]
    assert [name for name, _ in source.skipped] == ["b.jpg", "c.jpg", "d.jpg"]
    assert "4 x 400 pixels show no face" in source.skipped[2][1]
    for name in ("a b.jpg", "a/z.PNG"):
        (folder / name).write_bytes(b"")
    with pytest.raises(images.ImageError, match="None of the 5 photos is left"):
        folder_source.FolderSource(folder, on_error="skip")


def test_odd_files_are_harmless(folder):
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "pipe.jpg")  # reading it would wait for ever
    _photo(folder / "line\nbreak.jpg")
    source = folder_source.FolderSource(folder)
    assert source.keys == ["a b.jpg", "a/z.PNG", "b.jpg", r"line\nbreak.jpg"]
    assert source[3]["key"] == r"line\nbreak.jpg"


def test_nothing_to_read_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="no photos"):
        folder_source.FolderSource(tmp_path)
    with pytest.raises(FileNotFoundError, match="not a folder"):
        folder_source.FolderSource(tmp_path / "nowhere")


def test_can_be_sent_to_workers(folder):
    source = folder_source.FolderSource(folder)
    assert pickle.loads(pickle.dumps(source))[0]["key"] == source[0]["key"]
