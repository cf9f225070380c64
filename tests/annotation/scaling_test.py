"""Tests of finding landmarks in another unit."""

import numpy as np
import pytest

from scaf_jax.annotation import scaling


@pytest.fixture
def faces():
    """(given, proposed, sizes): points that were proposed, corrected by some pixels."""
    rng = np.random.default_rng(0)
    sizes = [np.array([300.0 + 40 * i, 200 + 30 * i]) for i in range(4)]
    given = [size * rng.uniform(0.3, 0.8, (20, 2)) for size in sizes]
    return given, [points + rng.normal(0, 3, points.shape) for points in given], sizes


def test_corrections_are_nothing_odd(faces):
    given, proposed, sizes = faces
    assert scaling.find(given, proposed, sizes) == ""
    elsewhere = [points + 20 * i for i, points in enumerate(given)]
    assert scaling.find(given, elsewhere, sizes) == ""
    assert scaling.find([], [], []) == ""


@pytest.mark.parametrize("factor", [0.5, 1.1, 2])
def test_photos_of_another_size(faces, factor):
    given, proposed, sizes = faces
    scaled = [points * factor for points in given]
    said = f"those of photos {factor:g} times as large"
    assert scaling.find(scaled, proposed, sizes) == said
    assert scaling.find(scaled[:2], proposed[:2], sizes[:2]) == ""
    assert scaling.find([given[0], *scaled[1:]], proposed, sizes) == ""


def test_percent(faces):
    given, proposed, sizes = faces
    percent = [points / size * 100 for points, size in zip(given, sizes, strict=True)]
    assert scaling.find(percent, proposed, sizes) == "percent of width and height"
