"""Tests of what boxes of a set say together."""

import numpy as np
import pytest

from scaf_jax.data import box_sets


def test_faces_that_all_lie_in_the_upper_left():
    ends, sizes = np.full((5, 2), 50.0), np.full((5, 2), 100)
    assert "all 5 faces lie in the upper left of their photos, none beyond 50 %" in (
        box_sets.upper_left(ends, sizes)
    )
    assert box_sets.upper_left(ends[:4], sizes[:4]) == ""
    ends[3, 0] = 60
    assert box_sets.upper_left(ends, sizes) == ""


def _faces(count=20):
    """Boxes of faces in photos of 400 x 300 pixels, of much the same shape."""
    rng = np.random.default_rng(0)
    starts, width = rng.uniform(20, 90, (count, 2)), rng.uniform(80, 110, count)
    sides = np.stack([width, width * rng.uniform(1, 1.15, count)], axis=1)
    return np.concatenate([starts, starts + sides], axis=1), np.full((count, 2), (400, 300))


def test_boxes_as_they_should_be_are_nothing_odd():
    boxes, sizes = _faces()
    assert box_sets.doubts(boxes + (150, 40, 150, 40), sizes) == []
    assert box_sets.doubts(np.zeros((0, 4)), np.zeros((0, 2))) == []
    one_place = np.tile(boxes[:1], (20, 1)) + (150, 40, 150, 40)
    assert box_sets.doubts(one_place, sizes) == []


def test_width_and_height_where_corners_belong():
    boxes, sizes = _faces()
    wrong = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    wrong[:, :2] = np.minimum(wrong[:, :2], wrong[:, 2:] - 5)  # else they stop
    said = box_sets.sizes_for_corners(wrong, sizes)
    assert said.startswith("the 20 boxes are much more alike in shape if x1, y1 are")
    assert said in box_sets.doubts(wrong, sizes)
    assert box_sets.sizes_for_corners(wrong[:4], sizes[:4]) == ""
    assert box_sets.sizes_for_corners(wrong, sizes / 2) == ""  # they would reach out of the photos


@pytest.mark.parametrize(
    ("box", "size", "odd"),
    [
        ((20, 30, 70, 80), (300, 300), True),
        ((20, 30, 70, 80), (1000, 299), False),
        ((20, 30, 101, 80), (300, 300), False),
        ((-1, 30, 70, 80), (300, 300), False),
    ],
)
def test_percent_of_a_single_photo(box, size, odd):
    said = box_sets.doubts([box], [size])
    assert (
        said
        == ["all boxes lie between 0 and 100, as percent do, though the photos are larger"][
            : int(odd)
        ]
    )
