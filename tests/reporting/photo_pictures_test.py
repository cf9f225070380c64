"""Tests that faces are drawn where they are, on photos of any size."""

import numpy as np
import pytest

from scaf_jax.reporting import photo_pictures
from scaf_jax.reporting.drawing import BLUE, YELLOW


@pytest.mark.parametrize("scale", [1, 4])
def test_landmarks_and_boxes_are_where_they_are(scale):
    photo = np.zeros((100 * scale, 80 * scale, 3), np.uint8)
    points = np.array([[[30, 40], [50, 60]], [[-500, 1e9], [5, 5]]]) + 0.5
    boxes = np.array([[20, 30, 70, 90], [-1e9, -5, 1e9, 20]], np.float32)
    picture = photo_pictures.with_faces(photo, points * scale - 0.5, boxes * scale, side=100)
    assert picture.shape == (100, 80, 3) and not photo.any()
    for x, y in ((30, 40), (50, 60), (5, 5)):
        assert tuple(picture[y, x]) == BLUE
    for x, y in ((20, 50), (69, 50), (40, 30), (40, 89), (40, 19)):
        assert tuple(picture[y, x]) == YELLOW
    assert not picture[70, 40].any()


def test_a_photo_without_faces_stays_as_it_is():
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    picture = photo_pictures.with_faces(photo, np.zeros((0, 68, 2)), np.zeros((0, 4)))
    np.testing.assert_array_equal(picture, photo)
