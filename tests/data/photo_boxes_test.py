"""Tests of boxes as people give them."""

import unicodedata

import numpy as np
import pytest

from scaf_jax.data import photo_boxes


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        ((2, 2, 30, 18), ""),
        ((-10, -5, 30, 25), ""),  # detectors' boxes reach over the border
        ((0, 0, 40, 20), ""),
        ((0, 0, 1, 1), "is in fractions of the photo and not in pixels"),
        ((0.2, 0.1, 1.02, 0.9), "is in fractions"),
        ((0, 0, 0, 0), "is not x0, y0, x1, y1"),
        ((10, 10, 5, 5), "is not x0, y0, x1, y1"),
        ((3, 3, np.nan, 9), "is not x0, y0, x1, y1"),
        ((5, 5, 6.5, 15), "less than 2 pixels"),
        ((40, 0, 60, 20), "lies outside the photo a.jpg of 40 x 20 pixels"),
        ((-40, -20, 1, 1), "but for 0.1 %"),
        ((-41, 0, 20, 20), "reaches far outside the photo a.jpg"),
    ],
)
def test_what_does_not_fit_a_photo(box, problem):
    said = photo_boxes.misfit(np.array(box, np.float32), (40, 20), "a.jpg")
    assert problem in said and bool(problem) == bool(said)


def test_a_row_that_is_there_again_is_one_face(tmp_path):
    path = tmp_path / "boxes.csv"
    path.write_text("name,x0,y0,x1,y1\na,1,2,30,40\na,1,2,30,41\na,1.0,2,30,40\n")
    assert [place[-2:] for place, _ in photo_boxes.read_table(path)["a"]] == [":2", ":3"]


def test_names_mean_photos_in_the_spelling_of_any_system():
    composed, decomposed = (unicodedata.normalize(f, "Zo\u00eb.jpg") for f in ("NFC", "NFD"))
    photos = [decomposed, "a/b.jpg", "c.jpg", "d.jpg"]
    matched = photo_boxes.match([composed, "a\\b.jpg", "./c.jpg", "c.jpg", "../d.jpg"], photos)
    assert matched.names == {
        decomposed: [composed],
        "a/b.jpg": ["a\\b.jpg"],
        "c.jpg": ["./c.jpg", "c.jpg"],
    }
    assert matched.unknown == ["../d.jpg"] and matched.without == ["d.jpg"]


def test_a_name_that_could_mean_two_photos_means_none():
    photos = [unicodedata.normalize(form, "Zo\u00eb.jpg") for form in ("NFC", "NFD")]
    assert photo_boxes.match(["./" + photos[0]], photos).unknown == ["./" + photos[0]]
    assert photo_boxes.match(photos[:1], photos).names == {photos[0]: [photos[0]]}
