"""Tests of names with accents, whole and taken apart."""

import unicodedata

import pytest

from scaf_jax.files import spellings

NAME = "Zoë"
WHOLE, APART = (unicodedata.normalize(form, NAME) for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("on_disk", "given"), [(WHOLE, APART), (APART, WHOLE), (APART, APART)])
def test_a_file_is_found_in_either_spelling(tmp_path, on_disk, given):
    path = tmp_path / on_disk / "a" / f"{on_disk}.jpg"
    path.parent.mkdir(parents=True)
    path.touch()
    assert spellings.find(tmp_path, [given, "a", f"{given}.jpg"]) == path


def test_of_two_spellings_the_given_one_comes_first(tmp_path):
    for name in (WHOLE, APART):
        (tmp_path / name).touch()
    assert [spellings.find(tmp_path, [name]).name for name in (WHOLE, APART)] == [WHOLE, APART]


def test_what_is_not_there_stays_as_it_is_given(tmp_path):
    for name in (WHOLE, APART, "a.jpg"):
        assert spellings.find(tmp_path / "nowhere", [name]) == tmp_path / "nowhere" / name


def test_a_name_in_other_case(tmp_path):
    (tmp_path / "IMG_1.JPG").touch()
    assert spellings.in_other_case(tmp_path / "img_1.jpg") == "IMG_1.JPG"
    assert spellings.in_other_case(tmp_path / "IMG_1.JPG") is None
    assert spellings.in_other_case(tmp_path / "img_2.jpg") is None
    assert spellings.in_other_case(tmp_path / "nowhere" / "a") is None
