"""Tests of which listed faces are labeled, and which are listed again."""

import pathlib

import pytest

from data_builders import faces
from data_builders.landmarks_folder import listed, sifting


def _none() -> faces.Annotation:
    raise AssertionError("nothing is read")


def _face(name, points="1 2", split=None, **options):
    return listed.Listed(
        name, pathlib.Path(name), "t.csv:2", _none, split, points=points, **options
    )


@pytest.mark.parametrize(
    ("other", "kept"),
    [
        (_face("a.jpg"), 1),
        (_face("a.jpg", points="3 4"), 2),
        (_face("b.jpg"), 2),
        (_face("a.jpg", split="test"), 2),  # told as a photo of two splits
    ],
)
def test_a_face_that_is_listed_again_is_used_once(other, kept):
    rest, problems = sifting.sift([_face("a.jpg"), other])
    assert len(rest) == kept and len(problems) == 2 - kept


def test_faces_whose_landmarks_nobody_compares_all_stay():
    assert len(sifting.sift([_face("a.jpg", points="")] * 2)[0]) == 2


def test_of_blank_faces_those_with_a_box_stay():
    found = [_face("a.jpg", blank=True, boxed=True), _face("b.jpg", blank=True)]
    rest, problems = sifting.sift(found)
    assert rest == found[:1]
    assert problems == ["1 faces have neither a known landmark nor a box and are left out: b.jpg"]


def test_what_is_said_of_splits():
    blank = _face("b.jpg", blank=True, boxed=True)
    problems = sifting.split_problems(
        {"train": [_face("a.jpg"), blank], "test": [_face("a.jpg")], "val": [blank]}
    )
    assert [problem.partition(":")[0] for problem in problems] == [
        "train",
        "val",
        "val",
        "1 photos are both in 'train' and in 'test'",
        "1 photos are both in 'train' and in 'val'",
    ]
    assert problems[2] == "val: no landmark is known, so that nothing can be measured on it"
