"""Tests of finding swapped left and right."""

import functools

import numpy as np
import pytest

from data_builders.synthetic_faces import renderer
from scaf_jax.annotation import orientation
from scaf_jax.formats import pts
from scaf_jax.landmarks.schemes import IBUG68, WFLW98

SCHEMES = pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda s: s.name)


@functools.cache
def _faces(scheme, count=8):
    drawn = [renderer.render_face(2, i, size=32) for i in range(count)]
    return [d.landmarks68 if scheme is IBUG68 else d.landmarks98 for d in drawn]


def _turned(points, degrees):
    angle = np.deg2rad(degrees)
    c, s = np.cos(angle), np.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


@SCHEMES
@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_swapped_faces_are_found_however_they_are_tilted_and_whatever_the_model_said(
    scheme, degrees
):
    rng = np.random.default_rng(0)
    everything = np.ones(scheme.num_landmarks, bool)
    for points in _faces(scheme):
        points = _turned(points, degrees)
        nonsense = rng.normal(size=points.shape)
        swapped = points[list(scheme.flip_permutation)]
        assert not orientation.is_flipped(points, everything, nonsense, scheme)
        assert orientation.is_flipped(swapped, everything, nonsense, scheme)


@SCHEMES
def test_without_eyes_or_from_the_side_the_pre_labels_decide(scheme):
    mask = np.ones(scheme.num_landmarks, bool)
    mask[list(scheme.left_pupil)] = False
    rng = np.random.default_rng(1)
    for points in _faces(scheme):
        reference = _turned(points, 20) * 1.5 + 7 + rng.normal(0, 0.3, points.shape)
        swapped = points[list(scheme.flip_permutation)]
        assert not orientation.is_flipped(points, mask, reference, scheme)
        assert orientation.is_flipped(swapped, mask, reference, scheme)


@SCHEMES
def test_faces_of_turned_photos(scheme):
    rng = np.random.default_rng(2)
    mask = np.ones(scheme.num_landmarks, bool)
    for points in _faces(scheme):
        proposed = points * 1.3 + 5 + rng.normal(0, 1, points.shape)
        assert not orientation.is_turned(_turned(points, 40), mask, proposed)
        assert not orientation.is_turned(points, mask, rng.normal(size=points.shape))
        assert all(orientation.is_turned(_turned(points, d), mask, points) for d in (90, 180, 270))
        assert orientation.is_turned(points * (1, -1), mask, proposed)
        assert not orientation.is_turned(_turned(points, 180), mask & False, proposed)


def test_too_few_points_tell_nothing():
    mask = np.zeros(68, bool)
    mask[[8, 30]] = True
    points = _faces(IBUG68, 1)[0]
    swapped = points[list(IBUG68.flip_permutation)]
    assert not orientation.is_flipped(swapped, mask, points, IBUG68)


def test_real_faces_are_told_right(shared_faces):
    paths = sorted(shared_faces.rglob("*.pts"))
    everything = np.ones(68, bool)
    flip = list(IBUG68.flip_permutation)
    faces = [pts.read_pts(path, 68).astype(np.float64) for path in paths[::10]]
    for points, other in zip(faces, faces[1:] + faces[:1], strict=True):
        assert not orientation.is_flipped(points, everything, other, IBUG68)
        assert orientation.is_flipped(points[flip], everything, other, IBUG68)
