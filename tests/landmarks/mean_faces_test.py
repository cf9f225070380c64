"""Tests of average faces."""

import dataclasses

import numpy as np
import pytest

from data_builders.synthetic_faces.renderer import layout, parameters, render, surface
from scaf_jax.landmarks import mean_faces
from scaf_jax.landmarks.schemes import IBUG68, WFLW98


def test_they_are_those_of_the_average_head():
    identity = parameters.Identity()
    head = surface.head_surface(identity, layout.frontal_layout(identity, parameters.Expression()))
    for points, scheme in zip(render.landmarks_3d(head), (IBUG68, WFLW98), strict=True):
        flat = points[:, :2]
        expected = (flat - flat.min(axis=0)) / np.ptp(flat, axis=0)
        np.testing.assert_allclose(mean_faces.mean_face(scheme), expected, atol=1e-6)


@pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda scheme: scheme.name)
def test_they_are_their_own_mirror_images_and_fill_a_box(scheme):
    face = mean_faces.mean_face(scheme)
    mirrored = np.column_stack([1 - face[:, 0], face[:, 1]])[list(scheme.flip_permutation)]
    np.testing.assert_allclose(mirrored, face, atol=2e-6)
    placed = mean_faces.in_box(scheme, (10, 20, 110, 220))
    np.testing.assert_allclose(placed.min(axis=0), (9.5, 19.5))
    np.testing.assert_allclose(placed.max(axis=0), (109.5, 219.5))


def test_landmarks_of_other_schemes_stand_on_a_circle():
    four = dataclasses.replace(
        IBUG68,
        name="four",
        num_landmarks=4,
        flip_permutation=(0, 1, 2, 3),
        eye_corners=(0, 2),
        left_pupil=(0,),
        right_pupil=(2,),
        outline=(),
        strokes=(),
    )
    expected = [(1, 0.5), (0.5, 1), (0, 0.5), (0.5, 0)]
    np.testing.assert_allclose(mean_faces.mean_face(four), expected, atol=1e-12)
    assert mean_faces.has_face(IBUG68) and not mean_faces.has_face(four)
