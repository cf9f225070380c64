"""The marking schemes: mirrored pairs, eyes and strokes are those of the published drawings."""

import dataclasses

import pytest

from scaf_jax.landmarks.schemes import IBUG68, SCHEMES, WFLW98, get_scheme


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_flip_is_its_own_inverse_and_swaps_the_eyes(scheme):
    flip = scheme.flip_permutation
    assert [flip[flip[i]] for i in range(scheme.num_landmarks)] == list(range(scheme.num_landmarks))
    left, right = scheme.eye_corners
    assert flip[left] == right
    assert {flip[i] for i in scheme.left_pupil} == set(scheme.right_pupil)
    assert [flip[i] for i in scheme.outline] == list(reversed(scheme.outline))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_strokes_draw_every_landmark_and_mirror_onto_strokes(scheme):
    drawn = {i for stroke in scheme.strokes for i in stroke}
    assert drawn == set(range(scheme.num_landmarks))
    edges = {
        frozenset(edge)
        for stroke in scheme.strokes
        for edge in zip(stroke, stroke[1:], strict=False)
    }
    mirrored = {frozenset(scheme.flip_permutation[i] for i in edge) for edge in edges}
    assert mirrored == edges


@pytest.mark.parametrize(
    ("scheme", "pairs", "middle"),
    [
        (
            IBUG68,
            [(0, 16), (17, 26), (21, 22), (31, 35), (36, 45), (39, 42), (41, 46), (48, 54)]
            + [(59, 55), (60, 64), (67, 65)],
            [8, 27, 28, 29, 30, 33, 51, 57, 62, 66],
        ),
        (
            WFLW98,
            [(0, 32), (33, 46), (37, 42), (38, 50), (41, 47), (55, 59), (60, 72), (64, 68)]
            + [(67, 73), (61, 71), (65, 75), (76, 82), (87, 83), (88, 92), (95, 93), (96, 97)],
            [16, 51, 52, 53, 54, 57, 79, 85, 90, 94],
        ),
    ],
    ids=["ibug68", "wflw98"],
)
def test_known_mirror_pairs(scheme, pairs, middle):
    for left, right in pairs:
        assert scheme.flip_permutation[left] == right
    fixed = [i for i, j in enumerate(scheme.flip_permutation) if i == j]
    assert fixed == middle


def test_eye_landmarks_of_the_published_metric():
    assert IBUG68.eye_corners == (36, 45)
    assert IBUG68.left_pupil == tuple(range(36, 42))
    assert IBUG68.right_pupil == tuple(range(42, 48))
    assert WFLW98.eye_corners == (60, 72)
    assert (WFLW98.left_pupil, WFLW98.right_pupil) == ((96,), (97,))


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_get_scheme_finds_by_name(scheme):
    assert get_scheme(scheme.name) is scheme


def test_get_scheme_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'ibug5'.*ibug68, wflw98"):
        get_scheme("ibug5")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"flip_permutation": (0, 1)}, "each of 0..2 once"),
        ({"flip_permutation": (1, 2, 0)}, "its own inverse"),
        ({"eye_corners": (0, 3)}, r"\[3\] do not exist"),
        ({"strokes": ((0, 1), (-1, 2))}, r"\[-1\] do not exist"),
        ({"names": ("a", "b", "a")}, "names must be 3 different ones"),
    ],
)
def test_a_wrong_scheme_is_refused(changes, message):
    scheme = dataclasses.replace(
        IBUG68,
        name="three",
        num_landmarks=3,
        flip_permutation=(1, 0, 2),
        eye_corners=(0, 1),
        left_pupil=(0,),
        right_pupil=(1,),
        outline=(0, 1),
        strokes=((0, 1, 2),),
    )
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(scheme, **changes)
