"""Tests of what all faces together say of the units of their landmarks and boxes."""

import pathlib

import numpy as np
import pytest

from data_builders import faces
from data_builders.doctor import examination, units

SIZE = (200, 160)


def _seen(number, points, box):
    path = pathlib.Path(f"{number}.jpg")
    face = faces.Face(path, path.name, "", f"list:{number}", faces.Annotation)
    values = {
        "landmarks": np.float32(points).reshape(-1, 2),
        "landmark_mask": np.ones(len(points), bool),
        "box_ground_truth": np.float32(box),
    }
    return examination.Observation(
        examination.Listed(face, ("train",)), (), values=values, size=SIZE
    )


@pytest.fixture
def many():
    """(landmarks, x0, y0, width, height) of ten faces."""
    rng = np.random.default_rng(0)
    found = []
    for start in rng.uniform((30, 20), (70, 50), (10, 2)):
        points = start + rng.uniform(5, 75, (12, 2))
        found.append((points, (*start, 80, 80)))
    return found


def _of(faces_, scale=1.0, corners=False):
    seen = []
    for number, (points, (x, y, width, height)) in enumerate(faces_):
        if corners:
            width, height = x + width, y + height
        box = np.array([x, y, x + width, y + height])
        seen.append(_seen(number, points * scale, box * scale))
    return seen


@pytest.mark.parametrize("landmarks", [True, False])
def test_per_cent_and_smaller_copies_are_told(many, landmarks):
    if not landmarks:
        many = [(np.zeros((0, 2)), box) for _, box in many]
    assert units.made_for_smaller_photos(_of(many), "set") == []
    (told,) = units.made_for_smaller_photos(_of(many, 0.5), "set")
    assert "all 10 faces lie in the upper left of their photos" in told.what
    assert units.made_for_smaller_photos(_of(many[:4], 0.5), "set") == []
    assert units.made_for_smaller_photos(_of(many[:1]) + _of(many[1:], 0.5), "set") == []


def test_corners_where_width_and_height_belong_are_told(many):
    assert units.corners_for_sizes(_of(many), "set") == []
    (told,) = units.corners_for_sizes(_of(many, corners=True), "set")
    assert "10 of 10 boxes fit the landmarks only if" in told.what
    assert units.corners_for_sizes(_of(many[:5]) + _of(many[5:], corners=True), "set") == []
    assert units.corners_for_sizes([], "set") == []


def test_landmarks_of_larger_copies_are_told(many):
    assert units.made_for_larger_photos(_of(many), "set") == []
    (told,) = units.made_for_larger_photos(_of(many, 1.5), "set")
    assert "faces reach beyond the right or the lower border of their photos" in told.what
    assert units.made_for_larger_photos(_of(many[:4], 1.5), "set") == []
    outside = [(points - 150, box) for points, box in many[:1]]
    assert units.made_for_larger_photos(_of(outside) + _of(many[1:], 1.5), "set") == []


def test_width_and_height_where_corners_belong_are_told(many):
    rng = np.random.default_rng(1)
    starts = rng.uniform(5, 40, (20, 2))
    seen = [
        (np.zeros((0, 2)), (x, y, 60 - x, 62 - y)) for x, y in starts
    ]  # x, y, 60, 62 as corners
    (told,) = units.sizes_for_corners(_of(seen), "set")
    assert "the 20 boxes are much more alike" in told.what
    assert units.sizes_for_corners(_of(many), "set") == units.sizes_for_corners([], "set") == []
