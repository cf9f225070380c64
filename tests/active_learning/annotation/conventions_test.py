"""Tests of what coordinates mean in each tool."""

import numpy as np
import pytest

from scaf_jax.active_learning.annotation import conventions
from scaf_jax.active_learning.annotation.conventions import Unit
from scaf_jax.landmarks import schemes

WIDTH, HEIGHT = 200, 100


@pytest.mark.parametrize(
    ("unit", "first_pixel", "far_corner"),
    [
        (Unit.ONE_BASED, (1, 1), (WIDTH + 0.5, HEIGHT + 0.5)),
        (Unit.EDGES, (0.5, 0.5), (WIDTH, HEIGHT)),
        (Unit.PERCENT, (0.25, 0.5), (100, 100)),
    ],
)
def test_the_first_pixel_and_the_far_corner_are_where_the_tool_has_them(
    unit, first_pixel, far_corner
):
    centres = [[0, 0], [WIDTH - 0.5, HEIGHT - 0.5]]
    converted = conventions.from_centres(centres, unit, WIDTH, HEIGHT)
    np.testing.assert_allclose(converted, [first_pixel, far_corner])
    np.testing.assert_allclose(conventions.to_centres(converted, unit, WIDTH, HEIGHT), centres)


def test_landmarks_are_called_by_their_numbers():
    assert conventions.landmark_names(schemes.IBUG68)[:3] == ("0", "1", "2")
    assert len(conventions.landmark_names(schemes.WFLW98)) == 98
