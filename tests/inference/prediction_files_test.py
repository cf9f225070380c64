"""Tests of the files of results: whole, readable by what they are for, none over another."""

import csv
import dataclasses
import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from data_builders.landmarks_folder import csv_tables
from scaf_jax.formats import coco_reader, pts
from scaf_jax.inference import found_faces, prediction_files
from scaf_jax.landmarks import scheme_files, schemes


def _found(path: pathlib.Path, count: int) -> found_faces.FileFaces:
    rng = np.random.default_rng(count)
    boxes = np.tile(np.float32([1.5, 2, 30, 25]), (count, 1))
    points = rng.uniform(-5, 40, (count, 68, 2))
    faces = found_faces.Faces(points, np.full(count, -3, "f4"), boxes, np.zeros(count, "i8"))
    return found_faces.FileFaces(path, faces, (40, 30))


@pytest.fixture
def photos(tmp_path) -> dict[str, found_faces.FileFaces]:
    """Photos with one, two and no faces, whose names get in each other's way."""
    counts = {"a/x.jpg": 1, "a/x.png": 1, "a/y.jpg": 2, "a/y_1.jpg": 1, "none, so far.jpg": 0}
    found = {}
    for name, count in counts.items():
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(path)
        found[name] = _found(path, count)
    return found


def test_what_is_written_is_read_again(photos, tmp_path):
    folder, bad = tmp_path / "out", found_faces.FileFaces(tmp_path / "bad.jpg", None, error="bad")
    files = prediction_files.PredictionFiles(folder, schemes.IBUG68, {"model": "m", "flip": True})
    for name, found in (photos | {"bad.jpg": bad}).items():
        files.add(name, found)
    files.close()
    assert files.num_faces == 5 and files.unusable == [{"name": "bad.jpg", "error": "bad"}]

    content = json.loads((folder / "predictions.json").read_text(), parse_constant=pytest.fail)
    assert content["model"] == "m" and content["unusable"] == files.unusable
    assert [photo["name"] for photo in content["photos"]] == list(photos)
    places = []
    for photo, found in zip(content["photos"], photos.values(), strict=True):
        with Image.open(folder / photo["picture"]) as picture:
            assert picture.size == (photo["width"], photo["height"])
        places.append(photo["picture"])
        for i, face in enumerate(photo["faces"]):
            np.testing.assert_allclose(face["landmarks"], found.faces.landmarks[i], atol=1e-4)
            points = pts.read_pts(folder / face["pts"], 68)
            np.testing.assert_allclose(points - 1, found.faces.landmarks[i], atol=1e-3)
            assert face["box"] == [1.5, 2, 30, 25] and face["nnm"] == -3
            places.append(face["pts"])
    assert len(set(places)) == len(places) == 10

    own = scheme_files.read_scheme(folder / "scheme.json")
    root = tmp_path / "photos"
    (folder / "landmarks.csv").rename(root / "landmarks.csv")
    listed, problems = csv_tables.list_faces(root, csv_tables.find_files(root), own)
    assert problems == [] and own.scheme == schemes.IBUG68
    assert [face.name for face in listed] == ["a/x.jpg", "a/x.png", *["a/y.jpg"] * 2, "a/y_1.jpg"]
    annotation = listed[3].annotate()
    expected = photos["a/y.jpg"].faces.landmarks[1]
    np.testing.assert_allclose(annotation.landmarks, expected, atol=1e-3)
    np.testing.assert_array_equal(annotation.box_ground_truth, [1.5, 2, 30, 25])


def test_nothing_is_replaced_unasked(photos, tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ValueError, match="is not empty; empty it, or give --overwrite"):
        prediction_files.PredictionFiles(tmp_path / "out", schemes.IBUG68, {})
    with pytest.raises(ValueError, match="is a file"):
        prediction_files.PredictionFiles(tmp_path / "file", schemes.IBUG68, {})
    files = prediction_files.PredictionFiles(
        tmp_path / "out", schemes.IBUG68, {}, pictures=False, overwrite=True
    )
    files.add("a/x.jpg", photos["a/x.jpg"])
    files.close()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "coco.json",
        "landmarks.csv",
        "mine",
        "predictions.json",
        "predictions.jsonl",
        "pts",
        "scheme.json",
    ]


def test_names_that_a_spreadsheet_would_run_are_read_as_the_photos_that_they_are(photos, tmp_path):
    name = "=cmd|calc.jpg"
    path = photos["a/x.jpg"].path.rename(tmp_path / name)
    files = prediction_files.PredictionFiles(tmp_path / "out", schemes.IBUG68, {}, pictures=False)
    files.add(name, dataclasses.replace(photos["a/x.jpg"], path=path))
    files.close()
    table = (tmp_path / "out" / "landmarks.csv").rename(tmp_path / "landmarks.csv")
    assert table.read_text().splitlines()[1].startswith(f"./{name},1.5")
    own = scheme_files.read_scheme(tmp_path / "out" / "scheme.json")
    listed, problems = csv_tables.list_faces(tmp_path, csv_tables.find_files(tmp_path), own)
    assert problems == [] and [face.name for face in listed] == [name]


def test_a_photo_that_is_gone_is_noted(photos, tmp_path):
    files = prediction_files.PredictionFiles(tmp_path / "out", schemes.IBUG68, {})
    found = photos["a/x.jpg"]
    found.path.unlink()
    files.add("a/x.jpg", found)
    files.close()
    assert files.num_faces == 0 and "cannot be read" in files.unusable[0]["error"]
    assert json.loads((tmp_path / "out" / "predictions.json").read_text())["photos"] == []


def test_photos_that_were_looked_at_are_kept_when_work_is_stopped(photos, tmp_path):
    folder, (first, second, *_) = tmp_path / "out", photos
    about = {"model": "m"}
    with prediction_files.PredictionFiles(folder, schemes.IBUG68, about) as files:
        files.add(first, photos[first])  # and then it is killed
    files = prediction_files.PredictionFiles(folder, schemes.IBUG68, about)
    assert files.is_done(first, photos[first].path) and not files.is_done(
        second, photos[second].path
    )
    files.add(second, photos[second])
    files.close()
    content = json.loads((folder / "predictions.json").read_text())
    assert [photo["name"] for photo in content["photos"]] == [first, second]
    places = {face["pts"] for photo in content["photos"] for face in photo["faces"]}
    assert places == {"pts/a/x.pts", "pts/a/x-2.pts"}
    photos[first].path.write_bytes(b"changed")
    with prediction_files.PredictionFiles(folder, schemes.IBUG68, about) as files:
        assert not files.is_done(first, photos[first].path)
    with pytest.raises(ValueError, match="is of another model than this command's"):
        prediction_files.PredictionFiles(folder, schemes.IBUG68, {"model": "n"})


def test_coco_says_what_was_found(photos, tmp_path):
    files = prediction_files.PredictionFiles(tmp_path / "out", schemes.IBUG68, {"model": "m"})
    found = photos["a/y.jpg"]
    sure = np.tile(np.linspace(0, 1, 68, dtype="f4"), (2, 1))
    faces = dataclasses.replace(found.faces, confidence=sure)
    files.add("a/y.jpg", dataclasses.replace(found, faces=faces))
    files.close()
    document = json.loads((tmp_path / "out" / "coco.json").read_text())
    read = list(coco_reader.read_document("coco.json", document, schemes.IBUG68))
    assert len(read) == 2 and not any(face.problems for face in read)
    first = read[1].points[3]
    np.testing.assert_allclose((first.x, first.y), faces.landmarks[1, 3] + 0.5, atol=1e-3)
    assert document["annotations"][0]["bbox"] == [1.5, 2, 28.5, 23]
    assert document["annotations"][0]["score"] == pytest.approx(0.5, abs=1e-3)
    with (tmp_path / "out" / "landmarks.csv").open() as file:
        assert next(csv.DictReader(file))["confidence"] == "0.5000"
