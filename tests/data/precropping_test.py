"""Tests of face regions cut out beforehand: training must not notice."""

import functools
import io
import itertools

import cv2
import numpy as np
import pytest
from PIL import Image

from data_builders.synthetic_faces.renderer import render_face
from scaf_jax.data import augmentations, face_view, geometry, images, precropping, samples
from scaf_jax.landmarks import schemes

MARGINS = ("300w",)
# Where the face is in photos of 1200 x 900: inside, at a corner (its crops leave the photo), and
# so small that nothing is made smaller.
PLACES = {"inside": (300, 60, 800), "corner": (-200, 500, 800), "small": (500, 400, 120)}


@functools.cache
def _record(place):
    """A rendered face pasted into a photo, as a source's record."""
    left, top, side = PLACES[place]
    face = render_face(3, 1, size=256)
    scale = side / 256
    pixels = cv2.GaussianBlur(np.random.default_rng(0).uniform(60, 200, (900, 1200, 3)), (0, 0), 8)
    matrix = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
    pasted = cv2.warpAffine(face.image, matrix, (1200, 900), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.ones((256, 256)), matrix, (1200, 900), flags=cv2.INTER_NEAREST)
    photo = np.where(inside[..., None] > 0, pasted, pixels).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    mask = np.ones(68, bool)
    mask[5] = False
    points = geometry.to_crop(face.landmarks68, matrix)
    boxes = {
        name: (np.tile([left, top], 2) + scale * value).astype(np.float32)
        for name, value in (("truth", face.box_ground_truth), ("detector", face.box_detector))
    }
    return {
        "image": file.getvalue(),
        "landmarks": np.where(mask[:, None], points, 0).astype(np.float32),
        "landmark_mask": mask,
        "box_detector": boxes["detector"],
        "box_ground_truth": boxes["truth"],
        "key": place,
        "subset": "",
        "index": 0,
    }


def _cropped(place, size=128, margins=MARGINS):
    return precropping.precrop(_record(place), precropping.Cropping(size, margins))


class _Chosen:
    """In place of a random generator: gives chosen points of the ranges that it is asked for."""

    def __init__(self, *fractions):
        self._fractions = iter(fractions)

    def random(self):
        return 0.99  # not mirrored: that changes nothing about what a crop reaches

    def uniform(self, low, high, size=None):
        return np.broadcast_to(low + next(self._fractions) * (high - low), size or ())


@pytest.mark.parametrize("place", PLACES)
def test_the_region_is_stored_at_the_size_asked_for(place):
    record, stored = _record(place), _cropped(place)
    before, after = (
        geometry.face_square(r["box_ground_truth"], geometry.crop_settings("300w"))
        for r in (record, stored)
    )
    side = min(128, before[2] - before[0])
    np.testing.assert_allclose(after[2:] - after[:2], side, rtol=1e-5)
    with Image.open(io.BytesIO(stored["image"])) as image:
        assert image.format == "JPEG"
        assert max(image.size) < 3 * side  # both boxes and the room about them
        assert all(table[0] <= 2 for table in image.quantization.values())  # quality 95
    np.testing.assert_array_equal(stored["photo_size"], [1200, 900])
    # Points: the matrix maps them there, and back to where they were.
    known = record["landmark_mask"]
    back = geometry.to_photo(stored["landmarks"], stored["stored_matrix"])
    np.testing.assert_allclose(back[known], record["landmarks"][known], atol=0.01)
    np.testing.assert_array_equal(stored["landmarks"][~known], 0)
    for name in ("box_detector", "box_ground_truth"):
        back = geometry.box_to_photo(stored[name], stored["stored_matrix"])
        np.testing.assert_allclose(back, record[name], atol=0.01)


@pytest.mark.parametrize("convention", ["centers", "corners"])
@pytest.mark.parametrize("box", ["ground_truth", "detector"])
@pytest.mark.parametrize("place", PLACES)
def test_evaluation_crops_are_those_of_the_photo(place, box, convention):
    crop = geometry.crop_settings("300w", input_size=128, box=box, pixel_convention=convention)
    evaluate = samples.EvaluationCrop(crop, 68)
    original, stored = evaluate((0, _record(place))), evaluate((0, _cropped(place)))
    _assert_same_pixels(original["image"], stored["image"])
    for name in ("landmarks", "photo_landmarks", "box_ground_truth"):
        np.testing.assert_allclose(stored[name], original[name], atol=0.01)
        assert stored[name].dtype == original[name].dtype == np.float32
    np.testing.assert_array_equal(stored["landmark_mask"], original["landmark_mask"])
    # A prediction in the crop is led back to the photo itself.
    corners = np.array([[0.0, 0], [127, 0], [64, 100]])
    np.testing.assert_allclose(
        geometry.to_photo(corners, stored["matrix"], convention),
        geometry.to_photo(corners, original["matrix"], convention),
        atol=0.02,
    )


@pytest.mark.parametrize("convention", ["centers", "corners"])
def test_evaluation_can_stay_in_the_stored_image(convention):
    stored = _cropped("inside")
    crop = geometry.crop_settings("300w", input_size=128, pixel_convention=convention)
    row = samples.EvaluationCrop(crop, 68, of_image=True)((0, stored))
    np.testing.assert_array_equal(row["photo_landmarks"], stored["landmarks"])
    np.testing.assert_array_equal(row["box_ground_truth"], stored["box_ground_truth"])
    # What a network says of the crop is led back there, as the pool's scores are.
    back = geometry.to_photo(row["landmarks"], row["matrix"], convention)
    known = row["landmark_mask"]
    np.testing.assert_allclose(back[known], stored["landmarks"][known], atol=1e-3)


@pytest.mark.parametrize("convention", ["centers", "corners"])
@pytest.mark.parametrize("place", PLACES)
def test_training_crops_are_those_of_the_photo(place, convention):
    crop = geometry.crop_settings("300w", input_size=128, pixel_convention=convention)
    train = samples.TrainCrop(crop, augmentations.STAGE2, schemes.IBUG68)
    for seed in range(6):
        original, stored = (
            train((0, record), np.random.default_rng(seed))
            for record in (_record(place), _cropped(place))
        )
        _assert_same_pixels(original["image"], stored["image"])
        np.testing.assert_allclose(stored["landmarks"], original["landmarks"], atol=0.01)
        np.testing.assert_array_equal(stored["landmark_mask"], original["landmark_mask"])


@pytest.mark.parametrize("input_size", [64, 256])
def test_the_strongest_augmentation_finds_what_the_photo_has(input_size):
    """In a white photo, what is black in a crop lies outside what is stored."""
    record = _record("inside") | {"image": _white(1200, 900)}
    record |= {"box_ground_truth": np.array([500, 350, 650, 500], np.float32)}
    record |= {"box_detector": record["box_ground_truth"]}
    stored = precropping.precrop(record, precropping.Cropping(input_size, MARGINS))
    with Image.open(io.BytesIO(stored["image"])) as image:
        assert max(image.size) < 2 * input_size  # it is a part of the photo only
    crop = geometry.crop_settings("300w", input_size=input_size)
    for settings in (augmentations.STAGE1, augmentations.STAGE2):
        for turn, shear, x, y in itertools.product((0, 0.1, 0.5, 0.9, 1), (0, 1), (0, 1), (0, 1)):
            numbers = _Chosen(turn, shear, np.array([x, y]), 0.0)
            change = augmentations.draw(numbers, settings, input_size).matrix
            assert face_view.face_view(stored, crop, change).cut().min() > 250
    # What reaches further than the strongest augmentation sees where the region ends.
    change = np.array([[0.7, 0, 0], [0, 0.7, 0]]) @ np.array([[1, -1, 0], [1, 1, 0], [0, 0, 1]])
    assert face_view.face_view(stored, crop, change * 0.6).cut().min() == 0


def test_every_margin_named_is_left_room_for():
    narrow, wide = _cropped("small"), _cropped("small", margins=("300w", "affectnet"))
    heights = [images.image_size(r["image"], "")[1] for r in (narrow, wide)]
    assert heights[0] < heights[1]  # AffectNet's margin is larger below
    first = _cropped("inside", margins=("wflw", "300w"))
    square = geometry.face_square(first["box_ground_truth"], geometry.crop_settings("wflw"))
    np.testing.assert_allclose(square[2] - square[0], 128, rtol=1e-5)


def test_a_photo_that_would_not_get_smaller_is_kept_as_it_is():
    record = _record("inside") | {"box_ground_truth": np.array([0, 0, 1200, 900], np.float32)}
    kept = precropping.precrop(record, precropping.Cropping(4096, MARGINS))
    assert kept["image"] is record["image"]
    np.testing.assert_array_equal(kept["stored_matrix"], np.eye(2, 3))


def test_sizes_have_limits():
    with pytest.raises(ValueError, match=r"cropped_9999: choose a side from 16 to 4096 pixels"):
        precropping.Cropping(9999, MARGINS)


def test_a_box_far_larger_than_the_photo_is_an_error():
    record = _record("inside") | {"box_ground_truth": np.array([-1e5, -1e5, 1e5, 1e5], np.float32)}
    with pytest.raises(
        precropping.RegionError, match="inside: the face box is far larger than the photo"
    ):
        precropping.precrop(record, precropping.Cropping(128, MARGINS))


def _white(width, height):
    file = io.BytesIO()
    Image.new("RGB", (width, height), (255, 255, 255)).save(file, "PNG")
    return file.getvalue()


def _assert_same_pixels(first, second):
    """Equal but for one more interpolation and one JPEG, in gray levels."""
    difference = np.abs(first.astype(int) - second)
    assert difference.mean() < 3 and np.percentile(difference, 99) < 25
