"""Tests of finding landmarks that go by the numbers of others."""

import numpy as np
import pytest

from scaf_jax.annotation import numbering


@pytest.fixture
def faces():
    """(given, proposed): points that were proposed, corrected by some pixels."""
    rng = np.random.default_rng(0)
    shape = rng.uniform(0, 100, (20, 2))
    given = [shape * rng.uniform(0.8, 1.2) + rng.normal(0, 3, (20, 2)) for _ in range(4)]
    return given, [points + rng.normal(0, 3, points.shape) for points in given]


def test_corrections_are_nothing_odd(faces):
    given, proposed = faces
    assert numbering.find(given, proposed) == []
    for change in (lambda p: p + (60, 20), lambda p: p * 0.2, lambda p: p[:, ::-1] * (-1, 1)):
        assert numbering.find(given, [change(points) for points in proposed]) == []
    garbage = np.random.default_rng(1).uniform(0, 100, (4, 20, 2))
    assert numbering.find(given, list(garbage)) == []


def test_a_network_that_is_wrong_alike_on_all_faces_is_nothing_odd():
    rng = np.random.default_rng(0)
    angles = np.linspace(0, np.pi, 17)
    jaw = 50 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    eyes = np.array([[-25.0, -20], [25, -20]])
    given = [np.concatenate([jaw, eyes]) + rng.normal(0, 0.5, (19, 2)) for _ in range(4)]
    # Each landmark of the jaw where one further on is, and the last ones together.
    slid = np.concatenate([jaw[3:], np.repeat(jaw[-1:], 3, axis=0), eyes])
    assert numbering.find(given, [slid + rng.normal(0, 0.5, (19, 2)) for _ in given]) == []
    corner = np.concatenate([jaw[rng.permutation(17)] * 0.1, eyes])  # hardly trained
    assert numbering.find(given, [corner] * 4) == []


def test_names_that_were_sorted(faces):
    given, proposed = faces
    order = sorted(range(20), key=str)
    wrong = [points[order] for points in given]
    wrong[0][3] = np.nan
    found = dict(numbering.find(wrong, proposed))
    assert len(found) > 10 and all(order[i] == other for i, other in found.items())
    assert numbering.find(wrong[:2], proposed[:2]) == []
    wrong = [points.copy() for points in given]
    for points in wrong[:2]:  # proposals of these two had changed places
        points[[0, 1]] = points[[1, 0]]
    assert numbering.find(wrong, proposed) == []
