"""Tests of the crop's geometry: boxes, squares, matrices, points and settings."""

import math

import numpy as np
import pytest

from scaf_jax.data import augmentations, geometry
from scaf_jax.landmarks import schemes


def test_the_default_crop_of_a_box():
    crop = geometry.CropSettings(input_size=100)
    # 100 high: 20 above, 12 below; the longer side, 132, about the center (150, 146).
    box = np.array([100.0, 100, 200, 200])
    np.testing.assert_allclose(geometry.face_square(box, crop), [84, 80, 216, 212])
    matrix = geometry.crop_matrix(box, crop)
    # The square's upper left corner is the crop's: half a pixel outside both first centers.
    np.testing.assert_allclose(geometry.to_crop(np.array([[83.5, 79.5]]), matrix), [[-0.5, -0.5]])
    np.testing.assert_allclose(geometry.to_crop(np.array([[215.5, 211.5]]), matrix), [[99.5, 99.5]])


def test_side_margins_are_fractions_of_the_height():
    crop = geometry.CropSettings(margin_top=0, margin_bottom=0, margin_left=0.1, margin_right=0.3)
    np.testing.assert_allclose(
        geometry.extend_box(np.array([10.0, 10, 20, 50]), crop), [6, 10, 32, 50]
    )


@pytest.mark.parametrize("convention", ["centers", "corners"])
def test_to_photo_inverts_to_crop_for_whole_batches(convention):
    rng = np.random.default_rng(1)
    crop = geometry.CropSettings(input_size=32)
    boxes = rng.uniform(0, 50, (3, 2))
    boxes = np.concatenate([boxes, boxes + rng.uniform(20, 60, (3, 2))], axis=1)
    changes = [augmentations.draw(rng, augmentations.STAGE2, 32).matrix for _ in boxes]
    matrices = np.stack(
        [geometry.crop_matrix(b, crop, c) for b, c in zip(boxes, changes, strict=True)]
    )
    points = rng.uniform(0, 100, (3, 5, 2))
    cut = geometry.to_crop(points, matrices, convention)
    np.testing.assert_allclose(geometry.to_photo(cut, matrices, convention), points)
    np.testing.assert_allclose(cut[1], geometry.to_crop(points[1], matrices[1], convention))


def test_the_corners_convention_scales_one_based_points():
    crop = geometry.CropSettings(input_size=64)
    box = np.array([30.0, 20, 90, 80])
    x0, y0, x1, _ = geometry.face_square(box, crop)
    points = np.array([[40.0, 50], [33, 22]])
    np.testing.assert_allclose(
        geometry.to_crop(points, geometry.crop_matrix(box, crop), "corners"),
        (points + 1 - [x0, y0]) * 64 / (x1 - x0),
    )


def test_mirroring_renumbers():
    points = np.arange(68 * 2.0).reshape(68, 2)
    mirrored = geometry.mirror(points, schemes.IBUG68.flip_permutation)
    np.testing.assert_array_equal(mirrored[36], points[45])
    np.testing.assert_array_equal(
        geometry.mirror(mirrored, schemes.IBUG68.flip_permutation), points
    )


def test_settings_survive_being_stored():
    crop = geometry.crop_settings("wflw", input_size=128, box="detector")
    assert (crop.margin_top, crop.margin_bottom) == (0.0, 0.1)
    assert geometry.CropSettings.from_dict(crop.to_dict()) == crop
    with pytest.raises(ValueError, match="unknown fields margin_up"):
        geometry.CropSettings.from_dict({**crop.to_dict(), "margin_up": 1})


def test_presets():
    assert geometry.crop_settings("300w") == geometry.CropSettings()
    affectnet = geometry.crop_settings("affectnet")
    assert (affectnet.margin_top, affectnet.margin_bottom) == (0.05, 0.25)
    with pytest.raises(ValueError, match="known: 300w, wflw, affectnet"):
        geometry.crop_settings("nothing")


@pytest.mark.parametrize(
    "values", [{"input_size": 0}, {"box": "mine"}, {"pixel_convention": "edges"}]
)
def test_settings_that_make_no_sense_are_refused(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        geometry.CropSettings(**values)


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [9, 5, 5, 9], [0, 0, math.nan, 1], [0, 1, 2]])
def test_a_box_that_encloses_nothing_is_refused(box):
    with pytest.raises(ValueError, match="face box"):
        geometry.crop_matrix(np.array(box), geometry.CropSettings())
