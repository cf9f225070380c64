"""Tests of what is refused of a user's photos and boxes, and that files and pixels are the same."""

import io

import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import geometry, images
from scaf_jax.inference import photo_faces

CROP = geometry.CropSettings(input_size=32, margin_top=0, margin_bottom=0)
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def test_boxes_are_none_one_or_several():
    for given, expected in (
        (None, [[0, 0, 80, 60]]),
        ((1, 2, 30, 40), [[1, 2, 30, 40]]),
        ([[1, 2, 30, 40], [-5, -5, 20, 20]], [[1, 2, 30, 40], [-5, -5, 20, 20]]),
        (np.zeros((0, 4)), np.zeros((0, 4))),
        ([], np.zeros((0, 4))),
    ):
        found = photo_faces.checked_boxes(given, (80, 60), "it")
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("boxes", "message"),
    [
        ((0, 0, np.nan, 5), "it: box 0 .* finite"),
        ((0, 0, np.inf, 5), "it: box 0 .* finite"),
        ([[0, 0, 5, 5], [9, 9, 9, 20]], "it: box 1 .* x0 < x1"),
        ((1e7, 0, 1e7 + 0.1, 5), "x0 < x1"),  # the same in float32
        ((80, 0, 90, 5), "box 0 .* outside the photo of 80 x 60 pixels"),
        ((0.2, -3, 0.8, 0), "outside the photo"),
        ((0.2, 0.2, 0.8, 0.9), "it is in fractions; boxes are in pixels of the photo of 80 x 60"),
        ((0, 0, 801, 5), "more than 10 times as large"),
        ((0, 0, 5), r"shape \(3,\); give one box"),
        (np.zeros((1, 1, 4)), "shape"),
        (7, "shape"),
        ("face", "all of them numbers"),
        ([[0, 0, 5, 5], None], "all of them numbers"),
    ],
)
def test_what_is_no_box_is_refused(boxes, message):
    with pytest.raises(ValueError, match=message):
        photo_faces.checked_boxes(boxes, (80, 60), "it")


@pytest.mark.parametrize(
    ("pixels", "error", "message"),
    [
        (PHOTO.astype(np.float32), TypeError, "photo 3: .* uint8 .* not float32; of levels 0 to 1"),
        (PHOTO.tolist(), TypeError, "uint8 .* not list"),
        (PHOTO[..., 0], ValueError, r"shape .* \(60, 80\). If it is gray: np.stack"),
        (np.zeros((5, 5, 4), np.uint8), ValueError, r"\(5, 5, 4\). Leave its fourth channel out"),
        (PHOTO.transpose(2, 0, 1), ValueError, r"If its channels come first: photo.transpose"),
        (np.zeros((0, 5, 3), np.uint8), ValueError, "5 x 0 pixels"),
        (np.zeros((1, 40_000, 3), np.uint8), ValueError, "40000 x 1 pixels"),
    ],
)
def test_what_is_no_photo_is_refused(pixels, error, message):
    with pytest.raises(error, match=message):
        photo_faces.of_pixels(pixels, None, CROP, "photo 3")


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_file_gives_what_people_see(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(PHOTO).save(tmp_path / "photo.png", exif=exif)
    seen, _ = images.decode_image((tmp_path / "photo.png").read_bytes(), "photo")
    boxes = [(5, 5, 45, 50), (10, 0, 30, 25)]
    found = photo_faces.of_file(tmp_path / "photo.png", boxes, CROP)
    same = photo_faces.of_pixels(seen, boxes, CROP, "photo")
    assert found.size == same.size == ((60, 80) if orientation == 6 else (80, 60))
    for field in ("boxes", "crops", "matrices"):
        np.testing.assert_array_equal(getattr(found, field), getattr(same, field))


def test_boxes_may_depend_on_the_size_of_the_file(tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    found = photo_faces.of_file(tmp_path / "photo.png", lambda size: (0, 0, *size), CROP)
    np.testing.assert_array_equal(found.boxes, [[0, 0, 80, 60]])


def test_boxes_are_sought_only_where_there_are_none(tmp_path):
    class Finder:
        side = 40

        def __call__(self, pixels):
            return np.array([[1, 2, 30, 20]], np.float32)

    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    for boxes, expected in ((None, [1, 2, 30, 20]), ((0, 0, 9, 9), [0, 0, 9, 9])):
        for found in (
            photo_faces.of_pixels(PHOTO, boxes, CROP, "photo", Finder()),
            photo_faces.of_file(tmp_path / "photo.png", boxes, CROP, Finder()),
            photo_faces.of_file(tmp_path / "photo.png", lambda size, b=boxes: b, CROP, Finder()),
        ):
            np.testing.assert_array_equal(found.boxes, [expected])
            assert (found.cut_again is None) == (boxes is not None)


def test_a_large_jpeg_is_decoded_smaller_for_the_smallest_face_only(tmp_path):
    rows, columns = np.mgrid[:800, :800] / 3.2
    smooth = np.stack([rows, columns, (rows + columns) / 2], axis=-1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "photo.jpg", quality=98)
    boxes = [(80, 80, 720, 720), (100, 100, 140, 140)]
    both = photo_faces.of_file(tmp_path / "photo.jpg", boxes, CROP)
    alone = photo_faces.of_file(tmp_path / "photo.jpg", boxes[0], CROP)
    whole = photo_faces.of_pixels(smooth, boxes, CROP, "photo")
    for found, expected in ((both.crops, whole.crops), (alone.crops, whole.crops[:1])):
        assert np.abs(found.astype(int) - expected).max() <= 5
    np.testing.assert_array_equal(both.matrices, whole.matrices)


def test_bad_files_are_named(tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"no photo")
    with pytest.raises(images.ImageError, match="text.jpg: not a readable image"):
        photo_faces.of_file(tmp_path / "text.jpg", None, CROP)
    file = io.BytesIO()
    Image.new("RGB", (40_000, 1)).save(file, "PNG")
    (tmp_path / "long.png").write_bytes(file.getvalue())
    with pytest.raises(images.ImageError, match="long.png: 40000 x 1 pixels"):
        photo_faces.of_file(tmp_path / "long.png", None, CROP)


def test_names_and_files_are_no_pixels():
    for photos, message in (
        ("group.jpg", r"for files: predict_files\(\['group.jpg'\]\)"),
        (Image.fromarray(PHOTO), r"not Image; of Pillow's images: np.asarray"),
    ):
        with pytest.raises(TypeError, match=message):
            photo_faces.one_by_one(photos, None)


def test_as_many_entries_of_boxes_as_photos():
    photos, boxes = photo_faces.one_by_one(PHOTO, (0, 0, 5, 5))
    assert len(photos) == 1 and boxes == [(0, 0, 5, 5)]
    photos, boxes = photo_faces.one_by_one([PHOTO, PHOTO], None)
    assert len(photos) == 2 and boxes == [None, None]
    with pytest.raises(ValueError, match="boxes: 4, for 1 photos; give a list with an entry"):
        photo_faces.one_by_one([PHOTO], (0, 0, 5, 5))
    with pytest.raises(ValueError, match="boxes: int, not a list, for 1 photos"):
        photo_faces.one_by_one([PHOTO], 5)
