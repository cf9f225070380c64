"""Tests of what coordinates mean in each tool."""

import numpy as np
import pytest

from scaf_jax.formats import conventions
from scaf_jax.formats.conventions import Unit
from scaf_jax.landmarks import scheme_files, schemes

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
    centers = [[0, 0], [WIDTH - 0.5, HEIGHT - 0.5]]
    converted = conventions.from_centers(centers, unit, WIDTH, HEIGHT)
    np.testing.assert_allclose(converted, [first_pixel, far_corner])
    np.testing.assert_allclose(conventions.to_centers(converted, unit, WIDTH, HEIGHT), centers)


def _named(*names):
    content = {"name": "own", "landmarks": [*names], "flip_pairs": [], "normalizer": [*names[:2]]}
    return scheme_files.scheme_from_dict(content, "test").scheme


def test_numbers_of_named_landmarks_mean_their_names():
    scheme = _named("left eye", "nose")
    given = ("nose", "left eye", "1", "0", "2", "chin", "")
    found = [conventions.landmark_name(name, scheme) for name in given]
    assert found == ["nose", "left eye", "nose", "left eye", "2", "chin", ""]


@pytest.mark.parametrize("scheme", [schemes.IBUG68, _named("1", "2", "3"), _named("1", "nose")])
def test_names_that_are_numbers_are_names_alone(scheme):
    for given in ("0", "1", "2", "67", "98"):
        assert conventions.landmark_name(given, scheme) == given
