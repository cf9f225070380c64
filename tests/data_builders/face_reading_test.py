"""Tests of reading and checking one face."""

import numpy as np
import pytest
from PIL import Image

from data_builders import face_reading, faces
from scaf_jax.data import images

POINTS = np.array([[10, 12], [30, 12], [20, 25]], np.float32)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (60, 40), (9, 8, 7)).save(path)
    return path


def _read(image, points=POINTS, **fields):
    annotation = faces.Annotation(np.array(points), **fields)
    face = faces.Face(image, "a", "part", "list:1", lambda: annotation, {"happy": True})
    return face_reading.read_face(face, 3)


def test_what_is_read(image):
    box, detector = np.array([5, 6, 40, 30.0]), np.array([1, 2, 50, 39.0])
    read = _read(image, box_ground_truth=box, box_detector=detector)
    assert read["image"] == image.read_bytes()
    np.testing.assert_array_equal(read["landmarks"], POINTS)
    assert read["landmarks"].dtype == np.float32 and read["landmark_mask"].all()
    np.testing.assert_array_equal(read["box_ground_truth"], box)
    np.testing.assert_array_equal(read["box_detector"], detector)
    assert (read["key"], read["subset"], read["happy"]) == ("a", "part", True)
    assert set(read) - {"happy"} == set(faces.features(3)) - {"index"}


def test_missing_boxes_are_drawn_around_the_points(image):
    read = _read(image)
    # Points count from pixels' centers, boxes from their edges.
    np.testing.assert_array_equal(read["box_ground_truth"], [10.5, 12.5, 30.5, 25.5])
    np.testing.assert_array_equal(read["box_detector"], read["box_ground_truth"])


def test_unknown_points_may_hold_anything(image):
    points = np.concatenate([POINTS[:2], [[np.nan, 1e9]]])
    box = np.array([0, 0, 20, 20])
    read = _read(image, points, mask=np.array([True, True, False]), box_ground_truth=box)
    np.testing.assert_array_equal(read["landmarks"], [*POINTS[:2], (0, 0)])
    np.testing.assert_array_equal(read["landmark_mask"], [True, True, False])


def test_unknown_points_count_in_no_box(image):
    points = np.concatenate([POINTS, [[-5000, 0]]])[[0, 2, 3]]
    read = _read(image, points, mask=np.array([True, True, False]))
    np.testing.assert_array_equal(read["box_ground_truth"], [10.5, 12.5, 20.5, 25.5])


@pytest.mark.parametrize(
    ("point", "good"),
    [((-59, -39), True), ((119, 79), True), ((-61, 0), False), ((0, 81), False)],
)
def test_points_may_lie_a_photo_outside_and_no_more(image, point, good):
    points = np.concatenate([POINTS[:2], [point]])
    if good:
        np.testing.assert_array_equal(_read(image, points)["landmarks"], points)
    else:
        with pytest.raises(
            faces.FaceError, match="list:1: .*far outside the photo a.png of 60 x 40"
        ):
            _read(image, points)


@pytest.mark.parametrize(
    ("box", "good"),
    [
        ([-10, -10, 70, 50], True),
        ([57, 0, 70, 9], True),
        ([59.5, 0, 70, 9], False),
        ([60, 0, 70, 9], False),
        ([-9, 0, 0, 9], False),
        ([-61, 0, 30, 30], False),
        ([0, 0, 121, 30], False),
    ],
)
def test_boxes_may_reach_out_but_must_show_something(image, box, good):
    if good:
        read = _read(image, box_ground_truth=np.array(box))
        np.testing.assert_array_equal(read["box_ground_truth"], np.float32(box))
    else:
        with pytest.raises(faces.FaceError, match="list:1: the box .*outside the photo"):
            _read(image, box_ground_truth=np.array(box))


def test_a_photo_on_its_side_is_measured_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 160)).save(tmp_path / "a.png", exif=exif)  # shows 160 x 40
    read = _read(tmp_path / "a.png", box_ground_truth=np.array([130, 5, 150, 30]))
    assert read["box_ground_truth"][0] == 130


def test_sets_without_landmarks_need_boxes(image):
    annotation = faces.Annotation(np.zeros((0, 2), np.float32))
    face = faces.Face(image, "a", "", "list:1", lambda: annotation)
    with pytest.raises(faces.FaceError, match="list:1: .*there is no box"):
        face_reading.read_face(face, 0)


@pytest.mark.parametrize("place", [(0, 0), (-1, -1), (-257, -257), (1, 1)])
def test_a_point_that_nobody_marked_is_no_landmark(image, place):
    points = np.concatenate([POINTS[:2], [place]])
    with pytest.raises(faces.FaceError, match=r"list:1: landmark 3 lies at \(.* nobody marked"):
        _read(image, points)
    with pytest.raises(faces.FaceError, match="; write 'nan nan' where it is not known"):
        _read(image, points, unknown_as="'nan nan'")
    box = np.array([0, 0, 20, 20])
    _read(image, points, mask=np.array([True, True, False]), box_ground_truth=box)


def test_fractions_are_refused_for_points_and_for_boxes(image):
    with pytest.raises(faces.FaceError, match="list:1: all landmarks .* fractions"):
        _read(image, POINTS / 60)
    with pytest.raises(faces.FaceError, match="list:1: the box .* fractions"):
        _read(image, box_ground_truth=np.array([0.1, 0.2, 0.6, 0.9]))


def test_a_photo_whose_name_differs_in_case_is_named(image):
    with pytest.raises(images.ImageError, match=r"A\.png: cannot be read: .*; there is a\.png"):
        _read(image.with_name("A.png"))
