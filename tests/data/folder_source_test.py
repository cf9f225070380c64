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


@pytest.fixture
def folder(tmp_path):
    for name in ("b.jpg", "a/z.PNG", "a b.jpg"):
        _photo(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def test_lists_photos_by_name(folder):
    source = folder_source.FolderSource(folder)
    assert source.keys == ["a b.jpg", "a/z.PNG", "b.jpg"]
    record = source[1]
    assert record["key"] == "a/z.PNG" and record["index"] == 1
    assert record["image"] == (folder / "a" / "z.PNG").read_bytes()
    assert record["landmarks"].shape == (0, 2) and record["landmark_mask"].shape == (0,)
    np.testing.assert_array_equal(record["box_detector"], [0, 0, 40, 20])


def test_boxes_are_fractions_of_each_photo(folder):
    source = folder_source.FolderSource(folder, relative_box=(0.25, 0.1, 0.75, 0.9))
    for kind in ("box_detector", "box_ground_truth"):
        np.testing.assert_allclose(source[0][kind], [10, 2, 30, 18])


def test_boxes_come_from_a_table(folder, tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text("name,x0,y0,x1,y1\na b.jpg,1,2,3,4\n../b.jpg,0,0,1,1\n")
    source = folder_source.FolderSource(folder, boxes_csv=table, relative_box=(0, 0, 0.5, 0.5))
    np.testing.assert_array_equal(source[0]["box_ground_truth"], [1, 2, 3, 4])
    np.testing.assert_array_equal(source[2]["box_ground_truth"], [0, 0, 20, 10])
    with pytest.raises(ValueError, match=r"b\.jpg is not in the table"):
        _ = folder_source.FolderSource(folder, boxes_csv=table)[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n", r"boxes\.csv:1: the header"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,3\n", r"boxes\.csv:2: 4 columns, but the header has 5"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,1,4\n", r"boxes\.csv:2: a box is"),
        ("name,x0,y0,x1,y1\nb.jpg,1,2,3,x\n", r"boxes\.csv:2: y1 is no number"),
    ],
)
def test_errors_name_the_tables_line(folder, tmp_path, text, message):
    table = tmp_path / "boxes.csv"
    table.write_text(text)
    with pytest.raises(ValueError, match=message):
        folder_source.FolderSource(folder, boxes_csv=table)


def test_a_damaged_photo_is_named(folder):
    (folder / "b.jpg").write_text("no image")
    with pytest.raises(images.ImageError, match=r"photos/b\.jpg: not a readable image"):
        _ = folder_source.FolderSource(folder)[2]


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
