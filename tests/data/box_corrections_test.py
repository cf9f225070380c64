"""Tests of corrections of boxes: what one was moved by is found again, wrong boxes or not."""

import math

import numpy as np
import pytest

from scaf_jax.data import box_corrections
from scaf_jax.data.box_corrections import BoxCorrection


@pytest.fixture
def boxes() -> np.ndarray:
    rng = np.random.default_rng(0)
    start = rng.uniform(-20, 300, (40, 2))
    return np.concatenate([start, start + rng.uniform(20, 200, (40, 2))], axis=1)


def test_what_boxes_are_wrong_by_is_found(boxes):
    true = BoxCorrection(-0.02, -0.15, 1.1, 0.75)
    wanted = true.apply(boxes)
    first = boxes[0]
    width, height = first[2:] - first[:2]
    np.testing.assert_allclose(wanted[0, 2:] - wanted[0, :2], [1.1 * width, 0.75 * height])
    middle = (wanted[0, :2] + wanted[0, 2:] - first[:2] - first[2:]) / 2
    np.testing.assert_allclose(middle, [-0.02 * width, -0.15 * height])
    wanted[::4] += 500  # a quarter of another face
    fitted = box_corrections.fit(boxes, wanted)
    np.testing.assert_allclose(fitted.apply(boxes), true.apply(boxes), atol=1)
    assert fitted.faces == 40 and BoxCorrection.from_dict(fitted.to_dict()) == fitted


def test_what_makes_no_sense_is_refused(boxes):
    with pytest.raises(ValueError, match="needs 5 faces; there are 4"):
        box_corrections.fit(boxes[:4], boxes[:4])
    with pytest.raises(ValueError, match="shift_x is .*, not within"):
        box_corrections.fit(boxes, boxes + 10_000)
    good = BoxCorrection().to_dict()
    for change, message in (
        ({"scale_x": 0.0}, "scale_x is 0.0"),
        ({"shift_y": math.nan}, "shift_y is nan"),
        ({"scale_y": "1"}, "scale_y is '1', which has the wrong type"),
        ({"faces": True}, "faces is True"),
        ({"more": 1}, "more is unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            BoxCorrection.from_dict(good | change)


def test_boxes_about_landmarks_are_tight():
    points = np.array([[[3, 4], [7, 10], [5, 5]]])
    np.testing.assert_array_equal(box_corrections.about_landmarks(points), [[2.5, 3.5, 7.5, 10.5]])
