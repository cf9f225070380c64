"""Tests of what faces say about each other: places of programs, and faces that are there twice."""

import pathlib

import numpy as np
import pytest

from data_builders import faces
from data_builders.doctor import comparisons, examination
from scaf_jax.landmarks import scheme_files

NAMES = ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"]
SCHEME = scheme_files.scheme_from_dict(
    {"name": "five", "landmarks": NAMES, "flip_pairs": [NAMES[:2]], "normalizer": NAMES[:2]}, "test"
).scheme
SHAPE = np.array([(-30, -20), (30, -20), (0, 5), (-18, 30), (18, 30)], float)


def _seen(number, points, photo="", split="train", orientation=1):
    path = pathlib.Path(photo or f"{number}.jpg")
    face = faces.Face(path, path.name, "", f"list:{number}", faces.Annotation)
    values = {"landmarks": np.float32(points), "landmark_mask": np.ones(len(points), bool)}
    listed = examination.Listed(face, (split,))
    return examination.Observation(listed, (), bytes([number]), values, orientation)


@pytest.fixture
def many():
    """Points of 20 faces of various places and sizes."""
    rng = np.random.default_rng(0)
    scale, place = rng.uniform(0.5, 1.5, (20, 1, 1)), rng.uniform(60, 140, (20, 1, 2))
    return SHAPE * scale + place + rng.normal(0, 1, (20, 5, 2))


def _told(points, scheme=SCHEME, **options):
    seen = [_seen(i, face, **options) for i, face in enumerate(points)]
    return [(p.place, p.kind, p.what) for p in comparisons.placed_by_programs(seen, scheme)]


def test_faces_as_people_mark_them_are_nothing_odd(many):
    assert _told(many) == [] and _told(many, None) == [] and _told(many[:1]) == []


def test_two_landmarks_at_the_photos_center_are_told(many):
    many[4, [1, 3]] = 80, 80
    [(place, kind, what)] = _told(many)
    assert (place, kind) == ("list:4", "landmarks at one place")
    assert what == "the landmarks right_eye, mouth_left lie at one place"


@pytest.mark.parametrize("scheme", [SCHEME, None])
def test_one_landmark_at_the_photos_center_is_told(many, scheme):
    many[:5, 2] = 80, 80
    told = _told(many, scheme)
    assert [place for place, _, _ in told] == [f"list:{i}" for i in range(5)]
    assert told[0][2] == f"landmark {'nose' if scheme else 3} lies at (80, 80) on 5 faces"


def test_landmarks_of_photos_as_they_are_stored_are_told(many):
    sideways = many[:, :, ::-1] * (1, -1)  # shows once the photo is turned clockwise
    assert [kind for _, kind, _ in _told(sideways, orientation=6)] == [
        "photo turned after marking"
    ] * 20
    assert _told(many, orientation=6) == [] and _told(sideways) == []


def test_a_face_that_is_there_twice_is_told(many):
    seen = [_seen(i, face) for i, face in enumerate(many)]
    assert comparisons.repeated_faces(seen) == []
    seen.append(_seen(30, many[3] + 0.5, photo="3.jpg"))
    seen.append(_seen(31, many[3] + 40, photo="3.jpg"))
    seen.append(_seen(32, many[4] + (0.1 * np.ptp(many[4][:, 0]), 0), photo="4.jpg"))
    first, second = comparisons.repeated_faces(seen)
    assert first.place == "list:30" and first.what == "the same face as 3.jpg: list:3"
    assert second.place == "list:32"


def test_mirrored_copies_that_were_not_renumbered_are_told(many):
    mirrored = many * (-1, 1) + (400, 0)
    seen = [_seen(i, face) for i, face in enumerate([*many, *mirrored])]
    told = {problem.kind: problem for problem in _pairs(seen)}
    what = "on 50 % of the faces the left eye lies right of the right eye"
    assert told["left and right swapped"].what == what
    assert "without renumbering" in told["left and right swapped"].advice
    advice = "".join(problem.advice for problem in _pairs(seen[20:]))
    assert "swap left and right in the scheme" in advice
    assert all(p.kind != "left and right swapped" for p in _pairs(seen[:20]))


def _pairs(seen):
    return comparisons.flip_pairs(seen, SCHEME, "set")


@pytest.mark.parametrize("split", ["test", "val", "test_hard", "validation"])
def test_a_photo_to_train_on_and_in_any_set_held_out_is_told(many, split):
    one, other = _seen(1, many[0], photo="a.jpg"), _seen(1, many[0], photo="b.jpg", split=split)
    [problem] = comparisons.duplicates([one, other])
    assert problem.kind == "photo both to train and to test on"
