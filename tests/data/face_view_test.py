"""Tests of the one way from a record to its crop and back, of whole photos and of parts of them."""

import dataclasses
import io

import cv2
import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import face_view, geometry, images, precropping, warping

SIZE = 64
CROP = geometry.crop_settings("300w", input_size=SIZE)
POINTS = np.array([[180.0, 120], [260, 130], [221.5, 188.25]])
CONVENTIONS = ("centers", "corners")


def _record(file_format="PNG"):
    pixels = np.random.default_rng(0).uniform(0, 255, (300, 400, 3))
    pixels = cv2.GaussianBlur(pixels, (0, 0), 6).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, file_format)
    return {
        "image": file.getvalue(),
        "key": "someone",
        "landmarks": POINTS.astype(np.float32),
        "landmark_mask": np.ones(3, bool),
        "box_ground_truth": np.array([150, 80, 290, 220], np.float32),
        "box_detector": np.array([140, 90, 300, 230], np.float32),
    }


def _stored():
    return precropping.precrop(_record(), precropping.Cropping(48, ("300w",)))


def _crop(convention):
    return dataclasses.replace(CROP, pixel_convention=convention)


@pytest.mark.parametrize("box", geometry.BOX_KINDS)
def test_a_whole_photos_view_is_that_of_its_box(box):
    record, crop = _record(), dataclasses.replace(CROP, box=box)
    view = face_view.face_view(record, crop)
    np.testing.assert_array_equal(view.box, record[f"box_{box}"])
    matrix = geometry.crop_matrix(record[f"box_{box}"], crop)
    for found in (view.matrix, view.photo_matrix, view.image_matrix):
        np.testing.assert_array_equal(found, matrix)
    pixels, _ = images.decode_image(record["image"], "")
    np.testing.assert_array_equal(view.cut(), warping.warp(pixels, matrix, SIZE))


@pytest.mark.parametrize("convention", CONVENTIONS)
@pytest.mark.parametrize("make", [_record, _stored])
def test_points_there_and_back(make, convention):
    record = make()
    view = face_view.face_view(record, _crop(convention))
    there = view.to_crop(record["landmarks"])
    np.testing.assert_allclose(there, view.photo_to_crop(POINTS), atol=1e-4)
    np.testing.assert_allclose(view.to_image(there), record["landmarks"], atol=1e-4)
    np.testing.assert_allclose(view.crop_to_photo(there), POINTS, atol=1e-4)
    back = geometry.to_photo(there, view.image_matrix, convention)
    np.testing.assert_allclose(back, record["landmarks"], atol=1e-4)
    back = geometry.to_photo(there, view.photo_matrix, convention)
    np.testing.assert_allclose(back, POINTS, atol=1e-4)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_a_part_of_a_photo_is_seen_as_the_photo_is(convention):
    whole, part = (face_view.face_view(r, _crop(convention)) for r in (_record(), _stored()))
    assert whole.stored is None and part.stored is not None
    np.testing.assert_allclose(part.photo_matrix, whole.matrix, atol=1e-4)
    np.testing.assert_allclose(
        part.to_crop(part.record["landmarks"]), whole.to_crop(POINTS), atol=1e-4
    )
    assert np.abs(part.cut().astype(int) - whole.cut()).mean() < 3


def test_the_half_pixels_of_corners_are_the_photos():
    """With the matrix of the pixels a landmark would come back beside its place."""
    view = face_view.face_view(_stored(), _crop("corners"))
    there = view.to_crop(view.record["landmarks"])
    beside = geometry.to_photo(there, view.matrix, "corners") - view.record["landmarks"]
    scale = geometry.matrix_scale(view.stored)
    np.testing.assert_allclose(beside, 0.5 * (scale - 1), atol=1e-4)
    assert scale < 0.5
    # Asked for by name, the other convention's places come out: where the pixels are.
    pixels = geometry.to_crop(view.record["landmarks"], view.matrix)
    np.testing.assert_allclose(view.to_crop(view.record["landmarks"], "centers"), pixels, atol=1e-4)


def test_a_change_happens_in_the_crop_about_its_center():
    turned = np.array([[0.0, -1, 3], [1, 0, 0]])
    plain, changed = (face_view.face_view(_record(), CROP, change) for change in (None, turned))
    center = (SIZE - 1) / 2
    moved = geometry.compose(turned, np.column_stack([np.eye(2), [-center] * 2]))
    expected = geometry.to_crop(plain.to_crop(POINTS), moved) + center
    np.testing.assert_allclose(changed.to_crop(POINTS), expected, atol=1e-6)


@pytest.mark.parametrize(("size", "shrink"), [(128, 1), (64, 2), (32, 4), (16, 8), (4, 8)])
def test_a_large_jpeg_is_decoded_smaller(size, shrink):
    crop = geometry.CropSettings(input_size=size, margin_top=0, margin_bottom=0)
    view = face_view.face_view(_record("JPEG"), crop)
    assert view.jpeg_shrink == shrink
    assert view.cut().shape == (size, size, 3)


def test_what_lies_outside_is_black_or_the_mirror_image():
    record = _record() | {"box_ground_truth": np.array([-60, 80, 80, 220], np.float32)}
    view = face_view.face_view(record, CROP)
    assert view.cut()[:, :10].max() == 0
    assert view.cut(border=warping.MIRRORED)[:, :10].min() > 0


@pytest.mark.parametrize("box", [[5, 5, 5, 9], [0, 0, np.nan, 1]])
def test_a_wrong_box_is_told_with_the_face(box):
    with pytest.raises(ValueError, match="someone: face box"):
        face_view.face_view(_record() | {"box_ground_truth": np.array(box, np.float32)}, CROP)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("box", [(700, 0, 800, 100), (-900, -90, -850, -50), (50, 500, 90, 560)])
def test_a_crop_of_nothing_is_an_error_with_the_photos_name(kind, box):
    record = _record(kind) | {"box_ground_truth": np.array(box, np.float32)}
    crop = geometry.CropSettings(input_size=SIZE, box="ground_truth")
    with pytest.raises(
        images.ImageError, match=r"someone: the box .* outside the photo of 400 x 300"
    ):
        face_view.face_view(record, crop).cut()


def test_a_box_outside_whose_crop_shows_the_photo_is_cut():
    record = _record() | {"box_ground_truth": np.array((400, 0, 500, 100), np.float32)}
    crop = geometry.CropSettings(input_size=SIZE, margin_left=0.5, box="ground_truth")
    assert face_view.face_view(record, crop).cut().any()
