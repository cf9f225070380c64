"""Tests of landmarks that stand where a program put them."""

import numpy as np
import pytest

from data_builders.doctor import placements, shapes

SHAPE = np.array([(-30, -20), (30, -20), (0, 5), (-18, 30), (18, 30), (-12, 33)], float)


@pytest.fixture
def many():
    """40 faces of various places and sizes in whole pixels, all known."""
    rng = np.random.default_rng(0)
    scale, place = rng.uniform(0.5, 1.5, (40, 1, 1)), rng.uniform(60, 140, (40, 1, 2))
    points = np.round(SHAPE * scale + place + rng.normal(0, 1, (40, 6, 2)))
    return points, np.ones((40, 6), bool)


def test_landmarks_that_are_usually_apart_are_not_at_one_place(many):
    points, masks = many
    points[3, [0, 4]] = 100, 100
    points[5, [3, 5]] = points[5, 3]  # which are not far from each other
    points[6, [0, 1]] = 100, 100
    masks[6, 1] = False
    shape = shapes.median_shape(points, masks)
    assert placements.at_one_place(points, masks, shape) == {3: [0, 4]}


def test_a_landmark_does_not_stay_where_the_face_moves(many):
    points, masks = many
    points[[1, 8, 20, 30], 2] = 80, 80
    points[[2, 3, 4], 4] = 80, 80  # as may happen
    assert placements.always_there(points, masks) == [(2, [1, 8, 20, 30])]
    masks[8, 2] = False
    assert placements.always_there(points, masks) == []


def test_copies_and_aligned_photos_are_nothing_odd(many):
    points, masks = many
    copies = np.concatenate([points, *[points[:3]] * 4])
    assert placements.always_there(copies, np.ones(copies.shape[:2], bool)) == []
    rng = np.random.default_rng(1)
    aligned = SHAPE + 80 + rng.normal(0, 3, (40, 6, 2))
    aligned[:, :2] = SHAPE[:2] + 80
    assert placements.always_there(aligned, masks) == []


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("upright", [0, 30])  # photos that are not turned
def test_landmarks_of_the_photo_as_it_is_stored(many, orientation, upright):
    points, masks = many
    orientations = [1] * upright + [orientation] * (40 - upright)
    assert placements.as_stored(points, masks, orientations, (0, 1)) == []
    if orientation == 1 or (not upright and orientation == 4):
        return  # a face that is upside down and mirrored has its eyes side by side as well
    turn = np.array(placements._TURNS[orientation])
    points[upright:] = points[upright:] @ np.linalg.inv(turn).T
    found = placements.as_stored(points, masks, orientations, (0, 1))
    assert found == list(range(upright, 40))


def test_what_exif_does_is_what_pillow_does():
    from PIL import Image, ImageOps

    for orientation, turn in placements._TURNS.items():
        pixels = np.zeros((5, 7), np.uint8)
        pixels[1, 5], pixels[3, 2] = 100, 200
        exif = Image.Exif()
        exif[0x0112] = orientation
        image = Image.fromarray(pixels)
        image.info["exif"] = exif.tobytes()
        shown = np.asarray(ImageOps.exif_transpose(image))
        before, after = (
            np.argwhere(x == 200)[0][::-1] - np.argwhere(x == 100)[0][::-1] for x in (pixels, shown)
        )
        np.testing.assert_array_equal(np.array(turn) @ before, after)
