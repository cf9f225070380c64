"""Tests of warping: what is drawn at a landmark must be found at its crop position."""

import numpy as np
import pytest

from scaf_jax.data import augmentations, geometry, warping


def _dot(height, width, x, y, sigma):
    """A photo that is black but for a round white dot about (x, y), center coordinates."""
    rows, columns = np.mgrid[:height, :width]
    dot = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * sigma**2))
    return np.repeat(np.round(dot).astype(np.uint8)[..., None], 3, axis=-1)


def _centroid(image):
    weights = image[..., 0].astype(float)
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    return np.array([(weights * columns).sum(), (weights * rows).sum()]) / weights.sum()


@pytest.mark.parametrize(
    ("box_side", "sigma"), [(30, 1.5), (60, 2.0), (300, 12.0)], ids=["enlarge", "keep", "reduce"]
)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("interpolation", warping.INTERPOLATIONS)
def test_a_landmark_lies_on_the_pixel_that_shows_it(box_side, sigma, seed, interpolation):
    rng = np.random.default_rng(seed)
    crop = geometry.CropSettings(input_size=64)
    corner = rng.uniform(40, 60, 2)
    box = np.concatenate([corner, corner + box_side])
    point = corner + box_side * rng.uniform(0.4, 0.6, 2)
    photo = _dot(420, 450, point[0], point[1], sigma)
    change = augmentations.draw(rng, augmentations.STAGE1, 64) if seed else None
    matrix = geometry.crop_matrix(box, crop, change.matrix if change else None)
    expected = geometry.to_crop(point[None], matrix)[0]
    found = _centroid(warping.warp(photo, matrix, 64, interpolation))
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_a_crop_of_the_photos_own_size_is_a_copy():
    photo = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    crop = geometry.CropSettings(input_size=20, margin_top=0, margin_bottom=0)
    matrix = geometry.crop_matrix(np.array([7, 9, 27, 29]), crop)
    np.testing.assert_array_equal(warping.warp(photo, matrix, 20), photo[9:29, 7:27])


@pytest.mark.parametrize("side", [20, 200])
def test_outside_the_photo_is_black(side):
    photo = np.full((side, side, 3), 255, np.uint8)
    crop = geometry.CropSettings(input_size=20, margin_top=0, margin_bottom=0)
    half_outside = np.array([-0.5, 0, 0.5, 1]) * side
    cut = warping.warp(photo, geometry.crop_matrix(half_outside, crop), 20)
    assert cut[:, :9].max() == 0
    assert cut[2:, 11:].min() == 255
    beyond = np.array([5, 5, 6, 6.0]) * side
    assert warping.warp(photo, geometry.crop_matrix(beyond, crop), 20).max() == 0


@pytest.mark.parametrize("side", [20, 200])
def test_outside_the_photo_may_be_its_mirror_image(side):
    shades = np.linspace(50, 250, side).astype(np.uint8)
    photo = np.repeat(np.tile(shades, (side, 1))[..., None], 3, axis=-1)
    crop = geometry.CropSettings(input_size=20, margin_top=0, margin_bottom=0)
    half_outside = np.array([-0.5, 0, 0.5, 1]) * side
    matrix = geometry.crop_matrix(half_outside, crop)
    cut = warping.warp(photo, matrix, 20, border=warping.MIRRORED).astype(int)
    assert cut.min() >= 45
    np.testing.assert_allclose(cut[:, :10], cut[:, :9:-1], atol=3)
    inside = warping.warp(photo, matrix, 20)[:, 12:]
    np.testing.assert_allclose(cut[:, 12:], inside, atol=3)


def test_fine_patterns_are_averaged_where_the_photo_shrinks_much():
    photo = np.zeros((256, 256, 3), np.uint8)
    photo[::2] = 255
    crop = geometry.CropSettings(input_size=50, margin_top=0, margin_bottom=0)
    cut = warping.warp(photo, geometry.crop_matrix(np.array([8, 8, 248, 248]), crop), 50)
    np.testing.assert_allclose(cut, 127.5, atol=2)


def test_shrink_matrix_keeps_the_corner():
    matrix = warping.shrink_matrix(4, (8, 12))
    corner = geometry.to_crop(np.array([[-0.5, -0.5], [0.5, 0.5]]), matrix)
    np.testing.assert_allclose(corner, [[7.5, 11.5], [11.5, 15.5]])
