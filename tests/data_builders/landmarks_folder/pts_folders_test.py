"""Tests of .pts files beside photos, as programs leave them."""

import unicodedata

import numpy as np
import pytest

POINTS = np.array([(10, 20), (30, 20), (20, 40)], float)


@pytest.mark.parametrize("filler", [0, 1, -1, -256])
def test_fillers_stop(photos, filler):
    photos.photo("a.jpg")
    photos.pts("a.pts", [*POINTS[:2], (filler - 1, filler - 1)])
    read = photos.read()["a.jpg"]
    assert "a.pts: landmark 3 lies at" in read
    assert read.endswith("; write 'nan nan' where it is not known")


def test_fractions_stop(photos):
    photos.photo("a.jpg")
    photos.pts("a.pts", POINTS / 60 - 1)
    assert "a.pts: all landmarks lie between 0 and 1" in photos.read()["a.jpg"]


@pytest.mark.parametrize(("train", "other"), [("Train", "Test"), ("training", "testing")])
def test_folders_say_splits(photos, train, other):
    for folder in (train, other):
        photos.photo(f"{folder}/a.jpg")
        photos.pts(f"{folder}/a.pts")
    assert photos.listed()[0] == {"train": [f"{train}/a.jpg"], "test": [f"{other}/a.jpg"]}


def test_a_file_without_a_known_point_is_no_labeled_face(photos):
    photos.photo("a.jpg", "b.jpg")
    photos.pts("a.pts")
    photos.pts("b.pts", [(np.nan, np.nan)] * 3)
    splits, problems = photos.listed()
    assert splits == {"train": ["a.jpg"]}
    assert "1 faces have neither a known landmark nor a box and are left out: b.jpg" in problems


def test_files_and_photos_that_do_not_meet_are_listed(photos):
    photos.photo("BioID_1.jpg", "images/2.jpg")
    photos.pts("bioid_1.pts")
    photos.pts("points/2.pts")
    with pytest.raises(ValueError) as info:
        photos.find()
    message = str(info.value)
    assert "no face is annotated in its .pts files" in message
    assert "2 .pts files have no photo: bioid_1.pts, points/2.pts; a photo bioid_1.jpg" in message
    assert "2 photos have no landmarks in .pts files: BioID_1.jpg, images/2.jpg" in message


def test_points_may_be_called_after_the_whole_name_of_the_photo(photos):
    photos.photo("a.jpg", "a.png", "b.jpg")
    for name in ("a.jpg.pts", "a.png.PTS", "b.pts"):
        photos.pts(name)
    assert set(photos.landmarks()) == {"a.jpg", "a.png", "b.jpg"}
    photos.pts("b.jpg.pts")
    with pytest.raises(ValueError, match=r"there are 2 files of points for b\.jpg"):
        photos.find()


def test_a_byte_order_mark_is_fine(photos):
    photos.photo("a.jpg")
    path = photos.pts("a.pts")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], POINTS)


@pytest.mark.parametrize(("of_photo", "of_points"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_accents_in_either_spelling(photos, of_photo, of_points):
    photo = unicodedata.normalize(of_photo, "Zoë.jpg")
    photos.photo(photo)
    photos.pts(unicodedata.normalize(of_points, "Zoë.pts"))
    assert list(photos.landmarks()) == [photo]
