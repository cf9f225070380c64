"""Tests of the random changes of training faces."""

import dataclasses
import math

import numpy as np
import pytest

from scaf_jax.data import augmentations

NOTHING = augmentations.AugmentationSettings(
    flip_probability=0,
    rotation_degrees=0,
    translation=0,
    scale=(1, 1),
    shear_degrees=0,
    occlusion_probability=0,
    interpolation="bicubic",
    border="black",
)


def _draws(settings, count=400, size=256):
    rng = np.random.default_rng(0)
    return [augmentations.draw(rng, settings, size) for _ in range(count)]


def test_no_change_is_the_identity():
    (change,) = _draws(NOTHING, 1)
    assert not change.flip
    np.testing.assert_array_equal(change.matrix, np.eye(2, 3))


def test_mirroring_happens_as_often_as_asked_and_turns_the_plane():
    changes = _draws(dataclasses.replace(augmentations.STAGE1, flip_probability=0.25))
    flips = [change.flip for change in changes]
    assert 0.18 < np.mean(flips) < 0.32
    assert flips == [np.linalg.det(change.matrix[:, :2]) < 0 for change in changes]


def test_rotation_fills_its_range():
    changes = _draws(dataclasses.replace(NOTHING, rotation_degrees=30))
    angles = [math.degrees(math.atan2(c.matrix[1, 0], c.matrix[0, 0])) for c in changes]
    assert -30 <= min(angles) < -28 and 28 < max(angles) <= 30


def test_shifts_are_whole_pixels_of_the_larger_region():
    shifts = np.array(
        [c.matrix[:, 2] for c in _draws(dataclasses.replace(NOTHING, translation=0.04))]
    )
    np.testing.assert_array_equal(shifts, np.round(shifts))
    # 4 % of ceil(256 sqrt 2) = 363 pixels is 14.5.
    assert 14 <= np.abs(shifts).max() <= 15
    assert (shifts[:, 0] != shifts[:, 1]).any()


def test_scale_is_drawn_apart_for_x_and_y():
    scales = np.array(
        [np.diag(c.matrix[:, :2]) for c in _draws(dataclasses.replace(NOTHING, scale=(0.9, 1.2)))]
    )
    assert 0.9 <= scales.min() < 0.91 and 1.19 < scales.max() <= 1.2
    assert np.abs(scales[:, 0] - scales[:, 1]).max() > 0.2


def test_shear_leaves_y():
    matrices = np.array([c.matrix for c in _draws(dataclasses.replace(NOTHING, shear_degrees=5))])
    np.testing.assert_array_equal(matrices[:, 1], [[0, 1, 0]] * len(matrices))
    assert 0.08 < np.abs(matrices[:, 0, 1]).max() <= math.tan(math.radians(5))


def test_the_stages_are_changed_as_published():
    assert augmentations.STAGE1 == augmentations.AugmentationSettings(
        0.5, 45, 0.035, (0.94, 1.03), 5, 0, "bicubic", "black"
    )
    assert augmentations.STAGE2 == augmentations.AugmentationSettings(
        0.5, 30, 0.04, (0.94, 1.05), 5, 0, "bicubic", "black"
    )


def test_occlusion_hides_a_part_as_often_as_asked():
    image = np.full((64, 64, 3), 100, np.uint8)
    rng = np.random.default_rng(0)
    hidden = [(augmentations.occlude(rng, image, 0.5) != 100).any(-1).mean() for _ in range(200)]
    assert (image == 100).all()
    assert 0.38 < np.mean(np.array(hidden) > 0) < 0.62
    assert max(hidden) < 0.25
    assert not (augmentations.occlude(rng, image, 0) != 100).any()


@pytest.mark.parametrize(
    "values",
    [
        {"flip_probability": 1.1},
        {"rotation_degrees": -1},
        {"scale": (1.1, 1.0)},
        {"shear_degrees": 90},
        {"interpolation": "nearest"},
        {"border": "white"},
    ],
)
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        dataclasses.replace(augmentations.STAGE1, **values)
