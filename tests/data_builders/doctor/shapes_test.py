"""Tests of the checks by the shape of faces."""

import numpy as np
import pytest

from data_builders.doctor import shapes
from scaf_jax.landmarks import scheme_files, schemes

FLIP = schemes.IBUG68.flip_permutation


def _usual_face():
    """68 points of a face that is its own mirror image, 40 by 40 pixels about (30, 30)."""
    rng = np.random.default_rng(0)
    face = rng.uniform((2, -20), (20, 20), (68, 2))
    face[36:48, 1] = -abs(face[36:48, 1])  # the eyes are above the rest
    for i, j in enumerate(FLIP):
        if i == j:
            face[i, 0] = 0
        elif i < j:
            face[i, 0] *= -1
            face[j] = face[i] * (-1, 1)
    return face + 30


def test_the_usual_shape_does_not_depend_on_missing_points():
    rng = np.random.default_rng(1)
    points = _usual_face() * rng.uniform(0.5, 2, (200, 1, 1)) + rng.normal(0, 9, (200, 1, 2))
    full = shapes.median_shape(points, np.ones((200, 68), bool))
    partly = shapes.median_shape(points, rng.random((200, 68)) < 0.66)
    assert full[FLIP, :] == pytest.approx(full * (-1, 1), abs=1e-6)
    np.testing.assert_allclose(partly, full, atol=0.03)
    unknown = shapes.median_shape(points, np.arange(68) > 3 * np.ones((200, 1)))
    assert np.isnan(unknown[:4]).all() and np.isfinite(unknown[4:]).all()


def test_pairs_that_do_not_pair():
    shape = shapes.median_shape(_usual_face()[None], np.ones((1, 68), bool))
    assert shapes.wrong_pairs(shape, FLIP, 100) == []
    wrong = list(FLIP)
    wrong[36], wrong[45], wrong[39], wrong[42] = 42, 39, 45, 36  # corners of the eyes crossed
    assert dict(shapes.wrong_pairs(shape, wrong, 100)) == {36: 45, 39: 42}
    alone = list(range(68))
    assert {first for first, _ in shapes.wrong_pairs(shape, alone, 100)} >= {0, 36}


def test_faces_that_lean_and_look_aside_on_average_are_no_wrong_pairs():
    face = (_usual_face() - 30) / 13
    depth = 0.3 - 0.2 * (face**2).sum(axis=1)  # toward the camera, the nose most
    angle = np.radians(8)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    looks_aside = face + depth[:, None] * (0.5, 0)
    for shape in (face @ turn, looks_aside, looks_aside @ turn):
        assert shapes.wrong_pairs(shape, FLIP, 100) == []
        wrong = list(FLIP)
        wrong[36], wrong[45], wrong[39], wrong[42] = 42, 39, 45, 36
        assert dict(shapes.wrong_pairs(shape, wrong, 100)) == {36: 45, 39: 42}


def test_a_scheme_whose_left_is_right():
    points = np.tile(_usual_face(), (10, 1, 1))
    masks = np.ones((10, 68), bool)
    assert shapes.share_with_eyes_swapped(points, masks, schemes.IBUG68) == 0
    points[:3] = points[:3, list(FLIP)]
    assert shapes.share_with_eyes_swapped(points, masks, schemes.IBUG68) == pytest.approx(0.3)
    assert shapes.share_with_eyes_swapped(points, masks & False, schemes.IBUG68) == 0


def _own_scheme(pair, names=("eye_l", "eye_r", "nose", "chin")):
    content = {"name": "own", "landmarks": list(names), "flip_pairs": [list(names[:2])]}
    content["normalizer"] = [names[i] for i in pair]
    return scheme_files.scheme_from_dict(content, "test").scheme


def test_schemes_of_ones_own_say_by_their_normalizer_which_the_eyes_are():
    points = np.tile([(1.0, 1), (3, 1), (2, 2), (2, 3)], (10, 1, 1))
    points[:3, :2] = points[:3, 1::-1]
    masks = np.ones((10, 4), bool)
    assert shapes.share_with_eyes_swapped(points, masks, _own_scheme((0, 1))) == pytest.approx(0.3)
    assert shapes.share_with_eyes_swapped(points, masks, _own_scheme((2, 3))) == 0


def test_faces_that_stand_on_their_heads():
    points, masks = np.tile(_usual_face(), (10, 1, 1)), np.ones((10, 68), bool)
    points[:4] *= (1, -1)
    assert shapes.share_upside_down(points, masks, schemes.IBUG68) == pytest.approx(0.4)
    assert shapes.share_upside_down(points, masks & False, schemes.IBUG68) == 0
    points, masks = points[:, :4], masks[:, :4]
    assert shapes.share_upside_down(points, masks, _own_scheme((2, 3))) == 0
    assert shapes.share_upside_down(points, masks, _own_scheme((0, 1), "abcd")) == 0


def test_a_turned_face_is_not_taken_for_a_mirrored_one():
    face = _usual_face()
    shape = shapes.median_shape(face[None], np.ones((1, 68), bool))
    upside_down = 60 - face
    from_the_side = face * (0.05, 1)
    points = np.stack([face, upside_down, from_the_side, face[list(FLIP)], face])
    masks = np.ones((5, 68), bool)
    masks[4] = False
    wrong = shapes.numbered_as_mirrored(points, masks, shape)
    np.testing.assert_array_equal(wrong, [False, False, False, True, False])
