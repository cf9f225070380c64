"""Tests of what is taken for a folder of photos with landmarks of a user's own."""

import json

import pytest
from PIL import Image

from data_builders.doctor import __main__ as doctor
from data_builders.doctor import recognition
from data_builders.landmarks_folder import downloads

KEYPOINTS = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "categories": [{"id": 1, "name": "face", "keypoints": ["eye", "chin"]}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "keypoints": [9, 9, 2, 9, 20, 2]}],
}
BOXES_ONLY = KEYPOINTS | {"categories": [{"id": 1, "name": "car"}]}


def _photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 50)).save(path)


def _pts(path, num_points=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    points = "".join(f"{10 + i} {12 + i}\n" for i in range(num_points))
    path.write_text(f"version: 1\nn_points: {num_points}\n{{\n{points}}}\n")


@pytest.fixture
def photos(tmp_path):
    root = tmp_path / "photos"
    _photo(root / "more" / "a.JPG")
    return root


@pytest.mark.parametrize("name", ["faces.json", "train/faces.json", "annotations/faces.json"])
def test_coco_keypoints_are_recognized(photos, name):
    (photos / "a_first.json").write_text("[1, 2]")
    path = photos / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(KEYPOINTS))
    assert downloads.recognize(photos)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": []}', json.dumps(BOXES_ONLY)], ids=len)
def test_a_stray_json_is_not(photos, text):
    (photos / "package.json").write_text(text)
    assert not downloads.recognize(photos)
    assert recognition.recognize(photos) == ["faces_folder"]


def test_points_without_a_photo_are_not(photos):
    _pts(photos / "more" / "b.pts")
    _pts(photos / "a.pts")
    assert not downloads.recognize(photos)
    assert not downloads.recognize(photos / "nowhere")


def test_the_doctor_prints_a_scheme_for_points_beside_photos(photos, tmp_path, capsys):
    _pts(photos / "more" / "a.pts")
    assert downloads.recognize(photos)
    assert doctor.main([str(photos), f"--out={tmp_path / 'report'}"]) == 1
    printed = capsys.readouterr().err
    assert "scheme.json is missing" in printed and '["point_1", "point_2"]' in printed


def test_the_doctor_prints_a_scheme_for_coco_keypoints(photos, tmp_path, capsys):
    (photos / "faces.json").write_text(json.dumps(KEYPOINTS))
    assert doctor.main([str(photos), f"--out={tmp_path / 'report'}"]) == 1
    assert '["eye", "chin"]' in capsys.readouterr().err


def test_published_sets_with_points_beside_photos_are_themselves(tmp_path):
    for number in range(2):
        _photo(tmp_path / "helen" / "trainset" / f"{number}.jpg")
        _pts(tmp_path / "helen" / "trainset" / f"{number}.pts", 68)
        _photo(tmp_path / "afw" / f"{number}.jpg")
        _pts(tmp_path / "afw" / f"{number}.pts", 68)
    assert recognition.recognize(tmp_path) == ["the300w"]
