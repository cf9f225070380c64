"""Tests of the command that finds faces, from photos to the table that other commands take."""

import csv
import json
import types

import numpy as np
import pytest
from PIL import Image

from scaf_jax import detect
from scaf_jax.data import folder_source
from scaf_jax.detection import detectors


def _of_gray(pixels):
    """Finds what is brighter than black: a face for each of two halves."""
    found = []
    for left, half in ((0, pixels[:, :50, 0]), (50, pixels[:, 50:, 0])):
        y, x = np.nonzero(half > 128)
        if len(x):
            found.append((left + x.min(), y.min(), left + x.max() + 1, y.max() + 1))
    boxes = np.array(found, np.float64).reshape(-1, 4)
    return types.SimpleNamespace(boxes=boxes, scores=np.ones(len(boxes)))


@pytest.fixture
def looked_at(monkeypatch):
    """What the detector has looked at, by the photo's number."""
    seen = []

    def look(pixels):
        seen.append(int(pixels[0, 0, 0]))
        return _of_gray(pixels)

    monkeypatch.setattr(detectors, "load", lambda name: types.SimpleNamespace(detect=look))
    return seen


def _photo(path, number, *faces):
    pixels = np.full((80, 100, 3), 10 * number, np.uint8)
    for x, y, side in faces:
        pixels[y : y + side, x : x + side] = 255
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    _photo(folder / "two, really.png", 1, (5, 10, 35), (55, 5, 40))
    _photo(folder / "a" / "one.png", 2, (3, 4, 40))
    _photo(folder / "small.png", 3, (5, 5, 20))
    _photo(folder / "none.png", 4)
    return folder


def test_a_row_a_face_and_an_empty_one_where_there_is_none(photos, looked_at, capsys):
    assert detect.main([str(photos)]) == 0
    with (photos / "boxes.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["name", "x0", "y0", "x1", "y1"],
        ["a/one.png", "3.0", "4.0", "43.0", "44.0"],
        ["none.png", "", "", "", ""],
        ["small.png", "", "", "", ""],
        ["two, really.png", "55.0", "5.0", "95.0", "45.0"],  # the larger one
        ["two, really.png", "5.0", "10.0", "40.0", "45.0"],
    ]
    said = capsys.readouterr().out
    assert "3 faces in 4 photos" in said and "2 photos show none of 32 pixels" in said
    with Image.open("detected_photos.png") as picture:
        assert picture.size[0] > 300
    assert sorted(x.name for x in photos.iterdir() if x.suffix != ".png") == ["a", "boxes.csv"]
    source = folder_source.FolderSource(photos, relative_box=(0, 0, 1, 1))
    assert source.keys == ["a/one.png", "two, really.png#1", "two, really.png#2"]
    np.testing.assert_array_equal(source[0]["box_ground_truth"], [3, 4, 43, 44])


def test_the_largest_and_smaller_ones(photos, looked_at):
    table = photos.parent / "found.csv"
    given = [str(photos), f"--output={table}", "--most_faces=1", "--smallest=10"]
    assert detect.main(given) == 0
    names = [line.split(",")[-5].strip('"') for line in table.read_text().splitlines()[1:]]
    assert names == ["a/one.png", "none.png", "small.png", " really.png"]


def test_stopped_work_goes_on(photos, looked_at):
    assert detect.main([str(photos)]) == 0
    whole = (photos / "boxes.csv").read_text()
    (photos / "boxes.csv").unlink()
    work = {"folder": str(photos), "detector": detectors.DEFAULT}
    lines = [
        {"work": work},
        {"name": "a/one.png", "boxes": [[3, 4, 43, 44]], "problem": ""},
        {"name": "none.png", "boxes": [], "problem": ""},
        {"name": "two, really.png", "boxes": [], "problem": "was damaged then"},
    ]
    part = photos / ".boxes.csv.part"
    part.write_text("\n".join(map(json.dumps, lines)) + '\n{"name": "sm')
    looked_at.clear()
    assert detect.main([str(photos)]) == 0
    assert (photos / "boxes.csv").read_text() == whole
    assert sorted(looked_at) == [10, 30]
    assert not part.exists()


def test_a_damaged_photo_is_named_and_has_no_row(photos, looked_at, caplog):
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff not a photo")
    assert detect.main([str(photos)]) == 1
    assert "broken.jpg" in caplog.text
    assert "broken.jpg" not in (photos / "boxes.csv").read_text()


def test_what_is_there_stays(photos, looked_at, caplog):
    (photos / "boxes.csv").write_text("mine")
    assert detect.main([str(photos)]) == 1
    assert "is there already; --overwrite replaces it" in caplog.text
    assert (photos / "boxes.csv").read_text() == "mine"
    assert detect.main([str(photos), "--overwrite"]) == 0
    assert (photos / "boxes.csv").read_text() != "mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["photos", "--workers=0"], "--workers is 1 or more"),
        (["photos", "--smallest=500"], "found no face of 500 pixels in 4 photos"),
    ],
)
def test_what_cannot_be_done_is_told(photos, looked_at, caplog, arguments, message):
    assert detect.main(arguments) == 1
    assert message in caplog.text
    assert not (photos / "boxes.csv").exists()
