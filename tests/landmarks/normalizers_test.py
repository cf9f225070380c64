"""The distances that errors are divided by, and what is said where a face has none."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.landmarks import normalizers
from scaf_jax.landmarks.schemes import IBUG68, LandmarkScheme

# Eye corners 0 and 1, pupils at the middle of 0, 2 and of 1, 3.
FOUR = LandmarkScheme(
    name="four",
    num_landmarks=4,
    flip_permutation=(1, 0, 3, 2),
    eye_corners=(0, 1),
    left_pupil=(0, 2),
    right_pupil=(1, 3),
    outline=(),
    strokes=((0, 1),),
)
TRUTH = np.array([[[0, 0], [50, 0], [10, 0], [40, 0]]], np.float32)


def random_faces():
    return np.random.default_rng(0).uniform(20, 230, (8, 68, 2))


def test_a_face_whose_normalizer_is_zero_has_none():
    truth = random_faces()
    truth[3, 45] = truth[3, 36]
    keys = [f"helen/{i}.jpg" for i in range(8)]
    distances = normalizers.normalizing_distances(truth, IBUG68, keys=keys)
    assert np.flatnonzero(np.isnan(distances)).tolist() == [3]
    truth[:, 45] = truth[:, 36]  # of all faces it is an error
    with pytest.raises(ValueError, match=r"helen/0\.jpg.*outer_eye_corners.* 0.*8 of 8 faces"):
        normalizers.normalizing_distances(truth, IBUG68, keys=keys)


def test_where_every_face_lacks_an_eye_corner_the_error_names_what_to_do():
    truth = random_faces()
    mask = np.ones(truth.shape[:2], bool)
    mask[:4, 36] = mask[4:, 45] = False
    message = (
        r"not one of the 8 faces .*\(36 and 45\); set evaluation.normalizer to box_size or box"
    )
    with pytest.raises(ValueError, match=message):
        normalizers.normalizing_distances(truth, IBUG68, mask=mask)


def test_a_corner_that_is_not_finite_is_an_error_and_not_a_missing_one():
    truth = random_faces()
    truth[2, 36] = np.nan
    with pytest.raises(ValueError, match=r"number 2.*not finite"):
        normalizers.normalizing_distances(truth, IBUG68)


def test_normalizers_in_words():
    named = dataclasses.replace(FOUR, names=("left", "right", "a", "b"))
    assert normalizers.normalizer_text(named, "outer_eye_corners").endswith(
        "between left and right"
    )
    assert "outer eye corners" in normalizers.normalizer_text(FOUR, "outer_eye_corners")
    assert normalizers.needed_landmarks(FOUR, "inter_pupil") == [0, 2, 1, 3]


def test_a_box_turned_inside_out_is_refused():
    boxes = np.array([[70, 90, 10, 10]])
    for normalizer in ("box_diagonal", "box_size"):
        with pytest.raises(ValueError, match="number 0"):
            normalizers.normalizing_distances(TRUTH, FOUR, normalizer, boxes=boxes)


@pytest.mark.parametrize(
    ("normalizer", "distance"),
    [
        ("outer_eye_corners", 50),
        ("inter_pupil", 40),
        ("box_diagonal", 100),
        ("box_size", np.sqrt(60 * 80)),
    ],
)
def test_distances_by_hand(normalizer, distance):
    boxes = np.array([[10, 10, 70, 90]])
    distances = normalizers.normalizing_distances(TRUTH, FOUR, normalizer, boxes=boxes)
    np.testing.assert_allclose(distances, [distance])


@pytest.mark.parametrize(
    ("truth", "scheme", "normalizer", "message"),
    [
        (TRUTH, FOUR, "ocular", "known: outer_eye_corners"),
        (TRUTH, IBUG68, "outer_eye_corners", "68 landmarks"),
        (TRUTH[0], FOUR, "outer_eye_corners", "faces, landmarks, 2"),
        (TRUTH, FOUR, "box_size", "needs the face boxes"),
        (TRUTH, dataclasses.replace(FOUR, left_pupil=()), "inter_pupil", "no pupils"),
    ],
)
def test_wrong_arguments_are_named(truth, scheme, normalizer, message):
    with pytest.raises(ValueError, match=message):
        normalizers.normalizing_distances(truth, scheme, normalizer)
