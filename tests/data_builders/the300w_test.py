"""Tests of the 300-W builder on small folders laid out like the downloads."""

import logging
import pathlib
import sys

import numpy as np
import pytest
import scipy.io
from PIL import Image

from data_builders import prepare
from data_builders.the300w import boxes, downloads, layouts
from scaf_jax.data import images, prepared_sources
from scaf_jax.formats import pts

# Two faces a folder, the second of odd name; listed so that sorting matters.
NAMES = {
    "afw": ["9_1.jpg", "10_1.JPG"],
    "helen/trainset": ["b_1.jpg", "a_1.jpg"],
    "lfpw/trainset": ["image_0002.png", "image_0001.png"],
    "helen/testset": ["d_1.jpg", "c_1.jpg"],
    "lfpw/testset": ["image_0002.png", "image_0001.png"],
    "ibug": ["image_092 _01.jpg", "image_003_1.jpg"],
}
TRAIN_KEYS = [
    "afw/10_1.JPG",
    "afw/9_1.jpg",
    "helen/trainset/a_1.jpg",
    "helen/trainset/b_1.jpg",
    "lfpw/trainset/image_0001.png",
    "lfpw/trainset/image_0002.png",
]
COMMON_KEYS = [
    "helen/testset/c_1.jpg",
    "helen/testset/d_1.jpg",
    "lfpw/testset/image_0001.png",
    "lfpw/testset/image_0002.png",
]
CHALLENGING_KEYS = ["ibug/image_003_1.jpg", "ibug/image_092 _01.jpg"]


def _points(key):
    """68 points of a face, 1-based as in the files, different for each face."""
    rng = np.random.default_rng(sum(key.encode()))
    return np.round(rng.uniform(5, 45, (68, 2)), 3).astype(np.float32)


def _extent(points):
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _write_pts(path, points):
    rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in points)
    path.write_text(f"version: 1\nn_points:  68\n{{\n{rows}\n}}\n")


def _write_boxes(path, entries):
    fields = [("imgName", object), ("bb_detector", object), ("bb_ground_truth", object)]
    cells = np.empty((1, len(entries)), object)
    for i, entry in enumerate(entries):
        cells[0, i] = np.array([[tuple(entry)]], fields)
    scipy.io.savemat(path, {"bounding_boxes": cells})


@pytest.fixture
def layout(tmp_path):
    """Downloads as they unzip; the boxes in the files differ from the landmarks' extent."""
    root = tmp_path / "downloads"
    (root / "Bounding Boxes").mkdir(parents=True)
    for folder, names in NAMES.items():
        (root / folder).mkdir(parents=True)
        entries = []
        for number, name in enumerate(names):
            path = root / folder / name
            Image.new("RGB", (50, 50), (number, 0, 0)).save(path)
            points = _points(f"{folder}/{name}")
            _write_pts(path.with_suffix(".pts"), points)
            truth = _extent(points)[None].astype(float)
            entries.append((name.replace(" ", ""), truth + 2, truth + 1))
        _write_boxes(_box_file(root, folder), entries)
    return root


def _box_file(root, folder):
    return root / "Bounding Boxes" / f"bounding_boxes_{folder.replace('/', '_')}.mat"


@pytest.fixture
def prepared(layout, tmp_path):
    """Prepares the downloads and opens a split: prepared('train')."""

    def open_split(split):
        data_dir = str(tmp_path / "data")
        if not pathlib.Path(data_dir).exists():
            prepare.prepare("the300w", manual_dir=str(layout), data_dir=data_dir)
        return prepared_sources.open_source("the300w", data_dir=data_dir, split=split)

    return open_split


def _error_of(layout, tmp_path, **options):
    with pytest.raises(ValueError) as info:
        prepare.prepare(
            "the300w", manual_dir=str(layout), data_dir=str(tmp_path / "data"), **options
        )
    return info.value


def test_splits_hold_the_published_lists_in_order(prepared):
    expected = {
        "train": TRAIN_KEYS,
        "test_common": COMMON_KEYS,
        "test_challenging": CHALLENGING_KEYS,
        "test_full": COMMON_KEYS + CHALLENGING_KEYS,
    }
    for split, keys in expected.items():
        source = prepared(split)
        assert source.keys == keys
        assert [source[i]["index"] for i in range(len(source))] == list(range(len(keys)))
    assert "tensorflow" not in sys.modules


def test_records_hold_what_the_files_say(prepared, layout):
    source = prepared("test_full")
    for i in range(len(source)):
        record = source[i]
        points = _points(record["key"])
        np.testing.assert_allclose(record["landmarks"], points - 1, atol=1e-3)
        np.testing.assert_allclose(record["box_ground_truth"], _extent(points) + 1, atol=1e-3)
        np.testing.assert_allclose(record["box_detector"], _extent(points) + 2, atol=1e-3)
        assert record["image"] == (layout / record["key"]).read_bytes()
        assert record["key"].startswith(record["subset"] + "/")


def test_without_box_files_boxes_are_drawn_around_the_landmarks(layout, prepared, caplog):
    _box_file(layout, "afw").unlink()
    truth = np.arange(4.0)[None]
    _write_boxes(_box_file(layout, "helen/trainset"), [("a_1.jpg", np.zeros((0, 0)), truth)])
    with caplog.at_level(logging.WARNING, logger="absl"):
        source = prepared("train")
    for i in (0, 1, 3):  # no file for two faces, no entry for the last
        around = _extent(_points(source.keys[i]))
        np.testing.assert_allclose(source[i]["box_ground_truth"], around, atol=1e-3)
        np.testing.assert_allclose(source[i]["box_detector"], around, atol=1e-3)
    np.testing.assert_array_equal(source[2]["box_ground_truth"], truth[0])
    np.testing.assert_array_equal(source[2]["box_detector"], truth[0])
    assert "afw: no box file" in caplog.text
    assert "no ground-truth box for 1 faces" in caplog.text
    assert "no detector box for 2 faces" in caplog.text
    assert "helen/trainset/a_1.jpg, helen/trainset/b_1.jpg" in caplog.text


def test_what_is_missing_is_named(layout, tmp_path, capsys):
    (layout / "afw" / "9_1.pts").unlink()
    (layout / "afw" / "10_1.JPG").unlink()
    for path in (layout / "ibug").iterdir():
        path.unlink()
    (layout / "ibug").rmdir()
    arguments = [f"--manual_dir={layout}", f"--data_dir={tmp_path / 'data'}"]
    assert prepare.main(["the300w", *arguments, "--strict"]) == 1
    assert "the downloads are incomplete" in capsys.readouterr().err

    assert prepare.main(["the300w", *arguments]) == 0
    output = capsys.readouterr().out
    assert "test_common 4, test_full 4, train 4" in output and "test_challenging" not in output
    assert "afw: 0 faces, the published set has 337" in output
    assert "afw: 1 photos have no .pts file: 9_1.jpg" in output
    assert "afw: 1 .pts files have no photo: 10_1" in output
    assert f"ibug: the folder {layout / 'ibug'} is missing" in output
    assert "helen/testset: 2 faces, the published set has 330" in output


def test_the_published_counts():
    counts = layouts.EXPECTED_FACES
    assert counts["afw"] + counts["helen/trainset"] + counts["lfpw/trainset"] == 3148
    assert counts["helen/testset"] + counts["lfpw/testset"] == 554
    assert counts["ibug"] == 135
    assert layouts.EXPECTED_PRIVATE == {"01_Indoor": 300, "02_Outdoor": 300}


def test_no_faces_at_all(tmp_path):
    (tmp_path / "downloads" / "afw").mkdir(parents=True)
    error = _error_of(tmp_path / "downloads", tmp_path)
    assert "no faces in" in str(error) and "helen/trainset" in str(error)


def test_a_damaged_points_file_is_named(layout, tmp_path):
    path = layout / "afw" / "9_1.pts"
    path.write_text(path.read_text().replace("n_points:  68", "n_points:  67"))
    error = _error_of(layout, tmp_path)
    assert isinstance(error, pts.PtsError) and str(path) in str(error)


def test_a_damaged_photo_is_named(layout, tmp_path):
    path = layout / "ibug" / "image_092 _01.jpg"
    path.write_bytes(path.read_bytes()[:-100])
    error = _error_of(layout, tmp_path)
    assert isinstance(error, images.ImageError) and str(path) in str(error)


def test_points_of_another_photo_are_noticed(layout, tmp_path):
    _write_pts(layout / "afw" / "9_1.pts", _points("afw/9_1.jpg") * 10)
    assert "far outside the photo 9_1.jpg of 50 x 50" in str(_error_of(layout, tmp_path))


def test_points_that_span_nothing_are_noticed(layout, tmp_path):
    _box_file(layout, "afw").unlink()
    _write_pts(layout / "afw" / "9_1.pts", np.full((68, 2), 7.0))
    assert "9_1.pts: the points do not span a face" in str(_error_of(layout, tmp_path))


def test_box_files_are_not_trusted(tmp_path):
    path = tmp_path / "boxes.mat"
    box = np.arange(4.0)[None]
    _write_boxes(path, [("../secret.jpg", box, box)])
    with pytest.raises(boxes.BoxFileError, match="boxes.mat: entry 1: imgName is no file name"):
        boxes.read_boxes(path)
    scipy.io.savemat(path, {"bounding_boxes": np.zeros((1, 3))})
    with pytest.raises(boxes.BoxFileError, match="boxes.mat: entry 1 lacks imgName"):
        boxes.read_boxes(path)
    scipy.io.savemat(path, {"other": np.zeros(3)})
    with pytest.raises(boxes.BoxFileError, match="holds no list 'bounding_boxes'"):
        boxes.read_boxes(path)
    for content in (b"", b"cos\nsystem\n(S'true'\ntR.", path.read_bytes()[:150]):
        path.write_bytes(content)
        with pytest.raises(boxes.BoxFileError, match="boxes.mat: "):
            boxes.read_boxes(path)
    with path.open("wb") as file:
        file.truncate(boxes.MAX_BYTES + 1)
    with pytest.raises(boxes.BoxFileError, match="larger than"):
        boxes.read_boxes(path)


def test_boxes_that_enclose_nothing_count_as_missing(tmp_path):
    path = tmp_path / "boxes.mat"
    good, bad = np.arange(4.0)[None], np.array([[3.0, 3, 3, 9]])
    _write_boxes(path, [("A b.jpg", bad, good), ("c.jpg", good, good * np.nan)])
    found = boxes.read_boxes(path)
    assert list(found) == ["ab.jpg", "c.jpg"]
    assert found["ab.jpg"].detector is None and found["c.jpg"].ground_truth is None


def test_the_frames_beside_the_repository(shared, tmp_path):
    root = shared / "data" / "faces_300w_layout"
    found = downloads.find(root)
    assert [part.found for part in found.parts] == [330, 2375, 300, 434, 86, 130]
    assert found.layout == "300-W as iBUG's downloads unzip"
    assert len(found.problems) == 6  # the counts; no face lacks a box
    # A box file holds the extent of the 1-based points.
    for members in found.splits.values():
        annotation = members[0].annotate()
        assert annotation.box_ground_truth is not None
        around = _extent(annotation.landmarks) + 1
        np.testing.assert_allclose(annotation.box_ground_truth, around, atol=1e-3)
