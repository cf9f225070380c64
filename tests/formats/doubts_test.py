"""Tests of what landmarks cannot be."""

import numpy as np
import pytest

from scaf_jax.formats import doubts

FACE = np.array([[30.2, 40.1], [60.7, 41.0], [45.5, 60.0], [35.0, 75.5], [56.0, 76.0]])


@pytest.mark.parametrize("first", [0.0, 0.5, 1.0])  # what a file counts from
@pytest.mark.parametrize("filler", [0, 1, -1, -256, -999])
def test_fillers_are_found_whatever_the_file_counts_from(first, filler):
    points = FACE.copy()
    points[[1, 3]] = filler - first
    found = doubts.find(points.astype(np.float32))
    assert found.landmarks == [1, 3]
    assert found.message.startswith(f"lies at ({filler - first:g}, ")


def test_what_is_not_known_is_not_looked_at():
    points = FACE.copy()
    points[1] = 0
    points[2] = np.nan
    assert doubts.find(points, np.array([1, 0, 1, 1, 1], bool)) is None
    assert doubts.find(points * 0, np.zeros(5, bool)) is None


@pytest.mark.parametrize(("shift", "scale"), [(0, 100), (0.5, 100), (1, 100), (0, 90)])
def test_fractions_are_no_pixels(shift, scale):
    found = doubts.find(FACE / scale - shift)
    assert found.landmarks == [0, 1, 2, 3, 4] and "are fractions" in found.message
    assert doubts.find(FACE / 10) is None


def test_a_single_landmark_may_lie_near_the_corner():
    assert doubts.find(np.array([[0.7, 0.4]])) is None
    assert doubts.find(np.array([[0.7, 0.4], [20, 30]])) is None


def test_many_landmarks_at_one_place():
    points = FACE.copy()
    points[[0, 2]] = 80, 80
    assert doubts.find(points) is None  # eyes of a face from the side
    points[4] = 80, 80
    assert doubts.find(points).landmarks == [0, 2, 4]
    rng = np.random.default_rng(0)
    dense = rng.uniform(20, 90, (98, 2))
    dense[60:66] = 50, 50  # a closed mouth
    assert doubts.find(dense) is None
    dense[:30] = 50, 50
    assert len(doubts.find(dense).landmarks) == 36


def test_points_outside_or_on_the_edge_are_nothing_odd():
    points = FACE.copy()
    points[0], points[1], points[2] = (-3.0, -4.0), (0, 40), (12, 12)
    assert doubts.find(points) is None
