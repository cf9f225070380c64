"""Tests of folders of photos without landmarks as a data set."""

import json
import sys

import numpy as np
import pytest
from PIL import Image

from data_builders import prepare
from data_builders.faces_folder import downloads
from scaf_jax.data import geometry, pipelines, prepared_sources, sources

NAMES = ("b.jpg", "a/z.PNG", "a b.jpg")
HEADER = "name,x0,y0,x1,y1\n"


@pytest.fixture
def photos(tmp_path):
    for name in NAMES:
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), (200, 0, 0)).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no photo")
    return tmp_path / "photos"


def _prepare(photos, **options):
    data_dir = str(photos.parent / "data")
    return prepare.prepare("faces_folder", manual_dir=str(photos), data_dir=data_dir, **options)


def _open(photos, name="faces_folder"):
    return prepared_sources.open_source(name, data_dir=str(photos.parent / "data"), split="train")


def test_names_of_tables_of_boxes(photos):
    path = photos / "bbox.csv"
    path.write_text(HEADER + "b.jpg,1,2,30,18\n")
    said = "\n".join(downloads.find(photos).problems)
    assert "whole photo is taken for a face; if bbox.csv has boxes, write them as boxes.csv" in said
    path.rename(photos / "Boxes.CSV")
    (photos / "scheme.json").write_text("{}")
    found = downloads.find(photos)
    assert "with Boxes.CSV" in found.layout and "write them as" not in "\n".join(found.problems)
    assert found.passed_over == {"other files (.txt)": 1}


@pytest.mark.parametrize("name", ["a b.txt", "a/z.xml", "z.json", "voc.xml", "a/list.csv"])
def test_what_programs_write_of_each_photo_is_named(photos, name):
    (photos / name).write_text("0 0.5 0.5 0.5 0.5")
    (photos / "a" / "other.json").write_text("{}")
    (photos / "README.txt").write_text("")
    assert f"if {name} has boxes, write them as" in "\n".join(downloads.find(photos).problems)


def test_without_boxes_the_whole_photo_is_the_face(photos):
    assert "warning" not in _prepare(photos)
    source = _open(photos)
    assert source.keys == ["a b.jpg", "a/z.PNG", "b.jpg"]
    record = source[1]
    assert record["image"] == (photos / "a" / "z.PNG").read_bytes()
    assert record["landmarks"].shape == (0, 2) and record["landmark_mask"].shape == (0,)
    np.testing.assert_array_equal(record["box_ground_truth"], [0, 0, 40, 20])
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes.csv", HEADER + "a b.jpg,1,2,3,4\nb.jpg,0,0,9,9\nb.jpg,5,6,7,8\n../x.jpg,0,0,1,1\n"),
        (
            "boxes.json",
            json.dumps(
                {
                    "a b.jpg": [1, 2, 3, 4],
                    "b.jpg": [[0, 0, 9, 9], [5, 6, 7, 8]],
                    "../x.jpg": [0, 0, 1, 1],
                }
            ),
        ),
        (
            "boxes.json",
            json.dumps(
                [
                    {"name": name, "x0": x0, "y0": y0, "x1": x1, "y1": y1}
                    for name, x0, y0, x1, y1 in (
                        ("a b.jpg", 1, 2, 3, 4),
                        ("b.jpg", 0, 0, 9, 9),
                        ("b.jpg", 5, 6, 7, 8),
                        ("../x.jpg", 0, 0, 1, 1),
                    )
                ]
            ),
        ),
    ],
    ids=["csv", "json object", "json list"],
)
def test_boxes_and_several_faces_on_a_photo(photos, name, text):
    (photos / name).write_text(text)
    report = _prepare(photos)
    assert (
        f"warning: 1 photos have no box in {name}, the whole photo takes its place: a/z." in report
    )
    assert f"warning: {name}: 1 names are no photos: ../x.jpg" in report
    source = _open(photos)
    boxes = {source.keys[i]: source[i]["box_ground_truth"].tolist() for i in range(len(source))}
    assert boxes == {
        "a b.jpg": [1, 2, 3, 4],
        "a/z.PNG": [0, 0, 40, 20],
        "b.jpg#1": [0, 0, 9, 9],
        "b.jpg#2": [5, 6, 7, 8],
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes.csv", HEADER + "a b.jpg,1,2,3,4\nb.jpg,,,,\n"),
        ("boxes.json", '{"a b.jpg": [1, 2, 3, 4], "b.jpg": []}'),
    ],
)
def test_photos_that_show_no_face_are_left_out(photos, name, text):
    (photos / name).write_text(text)
    found = {part.name: part.found for part in downloads.find(photos).parts}
    assert found == {"photos": 3, "photos without a face": 1, "faces": 2}
    _prepare(photos)
    assert _open(photos).keys == ["a b.jpg", "a/z.PNG"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("boxes.csv", HEADER + "b.jpg,1,2,x,4\n", r"boxes\.csv:2: .* is no box; write the four"),
        ("boxes.csv", HEADER + "b.jpg,1,2,1,4\n", r"boxes\.csv:2: the box .* with x0 < x1"),
        ("boxes.csv", HEADER + "b.jpg,nan,2,1,4\n", r"boxes\.csv:2: the box"),
        ("boxes.csv", HEADER + "b.jpg,50,2,60,4\n", r"boxes\.csv:2: .* outside the photo b\.jpg"),
        ("boxes.json", '{"b.jpg": [1, 2, 3]}', r"boxes\.json: 'b\.jpg': .* is no box"),
        ("boxes.json", '{"b.jpg": [1, 2, true, 4]}', r"'b\.jpg': .* is no box"),
        ("boxes.json", '{"b.jpg": [[1, 2, 3, 4], [1]]}', r"'b\.jpg', box 2: .* is no box"),
        ("boxes.json", '{"b.jpg": "x"}', "is no box"),
    ],
)
def test_a_bad_box_stops_or_is_left_out(photos, name, text, message):
    (photos / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        _prepare(photos)
    report = _prepare(photos, on_error="skip")
    assert "1 faces were left out" in report
    skipped = photos.parent / "data" / "faces_folder" / "default" / "1.0.0" / "skipped.csv"
    assert skipped.read_text().startswith("split,key,reason\ntrain,b.jpg")
    assert {"a b.jpg", "a/z.PNG"} <= set(_open(photos).keys)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"boxes.csv": "a,b\n"}, r"boxes\.csv:1: the header lacks name"),
        ({"boxes.json": "3"}, "must be an object or a list"),
        ({"boxes.json": '[{"x0": 1}]'}, "entry 1: must be an object with name"),
        ({"boxes.json": '{"b.jpg": [], "b.jpg": []}'}, r"'b\.jpg' is there twice"),
        ({"boxes.csv": HEADER, "boxes.json": "{}"}, "holds boxes.csv and boxes.json"),
    ],
)
def test_a_file_without_boxes_stops(photos, files, message):
    for name, text in files.items():
        (photos / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        _prepare(photos, on_error="skip")


def test_nothing_to_find(tmp_path):
    (tmp_path / "notes.txt").write_text("no photo")
    assert not downloads.recognize(tmp_path)
    with pytest.raises(ValueError, match="no photos .*in this folder or below"):
        _prepare(tmp_path)


def test_folders_have_names_of_their_own(photos):
    assert downloads.recognize(photos)
    assert "faces_folder/my_faces/" in _prepare(photos, builder_config="my_faces")
    (photos / "b.jpg").unlink()
    _prepare(photos)
    assert len(_open(photos, "faces_folder/my_faces")) == 3
    assert len(_open(photos, "faces_folder/default")) == len(_open(photos)) == 2
    with pytest.raises(ValueError, match="'My Faces' must be lower-case"):
        _prepare(photos, builder_config="My Faces")


def test_stage_1_reads_it(photos):
    _prepare(photos)
    source = sources.ConcatenatedSource([_open(photos)])
    batches = pipelines.train_batches(
        source,
        crop=geometry.CropSettings(input_size=64),
        augmentation=None,
        scheme=None,
        batch_size=3,
        seed=0,
    )
    batch = next(batches)
    batches.close()
    assert batch["image"].shape == (3, 64, 64, 3) and batch["landmarks"].shape == (3, 0, 2)
    assert batch["image"][..., 0].max() > 150


def test_a_table_of_other_photos_stops(photos):
    (photos / "boxes.csv").write_text(HEADER + "photos/b.jpg,1,2,13,14\n")
    with pytest.raises(ValueError, match=r"none of its names, such as photos/b\.jpg, is that of"):
        _prepare(photos)


def test_boxes_in_fractions_are_no_pixels(photos):
    (photos / "boxes.csv").write_text(HEADER + "b.jpg,0.1,0.1,0.9,0.9\n")
    with pytest.raises(ValueError, match=r"boxes\.csv:2: the box .* is in fractions of the photo"):
        _prepare(photos)


def test_photos_that_seem_to_be_for_testing_are_told(photos):
    assert not downloads.find(photos).problems
    for folder in ("Test", "val2017", "train"):
        (photos / folder).mkdir()
        Image.new("RGB", (40, 20)).save(photos / folder / "c.jpg")
    (problem,) = downloads.find(photos).problems
    assert problem.startswith("2 photos lie in folders called like test sets")


def test_what_is_passed_over_is_counted(photos, monkeypatch):
    (photos / "a" / "._z.PNG").write_bytes(b"")
    (photos / "c.NEF").write_bytes(b"")
    (photos / "boxes.csv").write_text(HEADER + "b.jpg,1,2,13,14\n")
    found = downloads.find(photos)
    assert found.passed_over == {
        "hidden files": 1,
        "other files (.txt)": 1,
        "photos that cannot be read (.nef)": 1,
    }
    assert "1 photos are of kinds that cannot be read" in found.problems[0]
