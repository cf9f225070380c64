"""Tests of schemes of a user's own."""

import json

import pytest

from scaf_jax.landmarks import scheme_files
from scaf_jax.landmarks.schemes import IBUG68, SCHEMES

FIVE = {
    "name": "five",
    "landmarks": ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"],
    "flip_pairs": [["right_eye", "left_eye"], ["mouth_left", "mouth_right"]],
    "normalizer": ["left_eye", "right_eye"],
    "strokes": [["mouth_left", "nose", "mouth_right"]],
    "first_pixel": 1,
}


def _read(tmp_path, content):
    path = tmp_path / "scheme.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return scheme_files.read_scheme(path)


def test_a_scheme_is_read(tmp_path):
    read = _read(tmp_path, FIVE)
    scheme = read.scheme
    assert read.first_pixel == 1
    assert (scheme.name, scheme.num_landmarks) == ("five", 5)
    assert scheme.flip_permutation == (1, 0, 2, 4, 3)
    assert (scheme.eye_corners, scheme.strokes) == ((0, 1), ((3, 2, 4),))
    assert scheme.landmark_names == tuple(FIVE["landmarks"])


def test_what_may_be_left_out(tmp_path):
    content = {k: v for k, v in FIVE.items() if k not in ("strokes", "first_pixel")}
    read = _read(tmp_path, content)
    assert (read.scheme.strokes, read.first_pixel) == ((), None)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_a_built_in_scheme_by_its_name_alone(scheme):
    content = scheme_files.scheme_to_dict(scheme)
    assert content == {"name": scheme.name}
    assert scheme_files.scheme_from_dict(content, "here").scheme is scheme


def test_a_scheme_survives_being_stored(tmp_path):
    scheme = _read(tmp_path, FIVE).scheme
    stored = json.loads(json.dumps(scheme_files.scheme_to_dict(scheme)))
    assert scheme_files.scheme_from_dict(stored, "here").scheme == scheme


@pytest.mark.parametrize(
    ("names", "pairs", "normalizer"),
    [
        (FIVE["landmarks"], [["left_eye", "right_eye"], ["mouth_left", "mouth_right"]], 0),
        (["chin", "eyeLeft", "eyeRight"], [["eyeLeft", "eyeRight"]], 0),
        (["mouth_left", "mouth_right", "left_eye", "right_eye"], [[0, 1], [2, 3]], 1),
        (["a", "b", "c"], [], None),
    ],
)
def test_the_example_guesses_pairs_and_can_be_read(names, pairs, normalizer):
    pairs = [[names[n] if isinstance(n, int) else n for n in pair] for pair in pairs]
    content = scheme_files.example(names)
    assert content["flip_pairs"] == pairs
    assert content["normalizer"] == (["a", "b"] if normalizer is None else pairs[normalizer])
    assert scheme_files.scheme_from_dict(content, "here").scheme.landmark_names == tuple(names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "a b"}, r"scheme\.json: name must be"),
        ({"name": "ibug68"}, "'ibug68' is a built-in scheme; leave out landmarks"),
        ({"landmarks": ["a"]}, r"landmarks: there are 1; give 2 to"),
        ({"landmarks": "abc"}, r"landmarks: must be a list"),
        ({"landmarks": ["a", "b", "a"]}, r"landmarks\[2\]: 'a' is there twice"),
        ({"landmarks": ["a", " b"]}, r"landmarks\[1\]: a name is a text"),
        ({"landmarks": ["a", 3]}, r"landmarks\[1\]: a name is a text"),
        ({"flip_pairs": [["left_eye", "right_ear"]]}, r"flip_pairs\[0\]: 'right_ear' is no landm"),
        ({"flip_pairs": [["nose", "nose"]]}, r"flip_pairs\[0\]: a pair is two different"),
        ({"flip_pairs": [["nose"]]}, r"flip_pairs\[0\]: a pair is two different"),
        (
            {"flip_pairs": [["left_eye", "right_eye"], ["nose", "left_eye"]]},
            r"flip_pairs\[1\]: 'left_eye' is in flip_pairs\[0\] already",
        ),
        ({"normalizer": ["nose", "chin"]}, r"normalizer: 'chin' is no landmark; .*left_eye"),
        ({"normalizer": ["nose", "nose"]}, "normalizer must be two different"),
        ({"normalizer": [["nose"], 3]}, "normalizer: .* is no landmark"),
        ({"strokes": [["nose"], ["lip"]]}, r"strokes\[1\]: 'lip' is no landmark"),
        ({"strokes": ["nose"]}, r"strokes\[0\]: must be a list"),
        ({"first_pixel": 2}, "first_pixel must be 0 or 1"),
        ({"first_pixel": True}, "first_pixel must be 0 or 1"),
        ({"flip_pair": []}, "unknown field 'flip_pair'; known: name, landmarks, flip_pairs"),
    ],
)
def test_errors_name_the_field(tmp_path, changes, message):
    with pytest.raises(scheme_files.SchemeError, match=message):
        _read(tmp_path, FIVE | changes)


def test_other_errors(tmp_path):
    with pytest.raises(scheme_files.SchemeError, match="a scheme is an object with name"):
        _read(tmp_path, [FIVE])
    with pytest.raises(scheme_files.SchemeError, match="normalizer missing.*ibug68"):
        _read(tmp_path, {k: v for k, v in FIVE.items() if k != "normalizer"})
    with pytest.raises(scheme_files.SchemeError, match=r"none\.json: cannot be read"):
        scheme_files.read_scheme(tmp_path / "none.json")


def test_landmarks_without_names_go_by_their_numbers():
    assert IBUG68.landmark_names[:2] == ("0", "1") and len(IBUG68.landmark_names) == 68
