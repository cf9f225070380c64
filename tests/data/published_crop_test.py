"""Tests of the whole-pixel crop against what the published loader made, and against ours."""

import json

import numpy as np
import pytest

from scaf_jax.data import geometry, images, published_crop, warping
from scaf_jax.formats import pts

CROP = geometry.CropSettings(input_size=256)


@pytest.fixture(scope="module")
def fixtures(shared):
    records = json.loads((shared / "parity" / "crops_256.json").read_text())
    crops = np.load(shared / "parity" / "crops_256.npz", allow_pickle=False)["crops"]
    return list(zip(records, crops, strict=True))


def test_regions_are_the_published_ones(fixtures):
    for record, _ in fixtures:
        region = published_crop.published_region(np.array(record["box"]), CROP)
        for field in ("extended", "roi", "tl", "br"):
            np.testing.assert_array_equal(getattr(region, field), record[field], record["file"])


def test_pixels_and_landmarks_are_the_published_ones(fixtures, shared):
    for record, expected in fixtures:
        path = shared / "data" / "faces_300w_layout" / record["file"]
        photo, _ = images.decode_image(images.read_encoded(path), record["file"])
        corners = record["tl"], record["br"]
        crop = published_crop.published_crop(photo, *corners, 256)
        assert np.abs(crop.astype(float) - expected).mean() < 1
        points = pts.read_pts(path.with_suffix(".pts"), 68) - 1
        np.testing.assert_allclose(
            published_crop.published_landmarks(points, *corners, 256),
            record["landmarks_in_crop"],
            atol=1e-3,
        )


def test_outside_the_photo_is_black_and_inside_its_pixels():
    photo = np.full((30, 40, 3), 200, np.uint8)
    crop = published_crop.published_crop(photo, (-20, -20), (20, 20), 16)
    assert crop[:7].max() == 0 and crop[:, :7].max() == 0
    assert crop[10:, 10:].min() == 200
    assert published_crop.published_crop(photo, (50, 0), (60, 10), 16).max() == 0


def test_an_empty_region_is_refused():
    with pytest.raises(ValueError, match="empty"):
        published_crop.published_crop(np.zeros((9, 9, 3), np.uint8), (5, 5), (5, 9), 16)


def test_the_exact_crop_differs_by_rounding_only():
    # Box and margins are whole and the larger region (100 -> 142) is too: nothing is truncated.
    rng = np.random.default_rng(0)
    photo = np.kron(rng.integers(0, 256, (30, 30, 3)), np.ones((10, 10, 1))).astype(np.uint8)
    crop = geometry.CropSettings(input_size=100, margin_top=0, margin_bottom=0)
    box = np.array([100, 100, 200, 200])
    region = published_crop.published_region(box, crop)
    np.testing.assert_array_equal(region.br - region.tl, [142, 142])
    ours = warping.warp(photo, geometry.crop_matrix(box, crop), 100)
    theirs = published_crop.published_crop(photo, region.tl, region.br, 100)
    assert np.abs(ours.astype(float) - theirs).mean() < 0.5
