"""Tests of looking for landmarks that no face has."""

import numpy as np
import pytest

from scaf_jax.data import coverage


class _Faces:
    """Faces of given masks; remembers which were read."""

    def __init__(self, *masks):
        self._masks = masks
        self.keys = [f"{i}.jpg" for i in range(len(masks))]
        self.read = []

    def __len__(self):
        return len(self._masks)

    def __getitem__(self, index):
        self.read.append(index)
        return {"key": self.keys[index], "landmark_mask": np.array(self._masks[index], bool)}


def test_landmarks_that_no_face_has_are_found():
    assert coverage.unknown_landmarks(_Faces([1, 0, 0, 0], [0, 0, 1, 0]), 4) == [1, 3]


def test_faces_are_read_until_all_landmarks_were_met():
    faces = _Faces([1, 0], [0, 1], [1, 1])
    assert coverage.unknown_landmarks(faces, 2) == []
    assert faces.read == [0, 1]


def test_a_face_of_another_scheme_is_named():
    with pytest.raises(ValueError, match=r"face '1\.jpg' has 3 landmarks; the scheme has 2"):
        coverage.unknown_landmarks(_Faces([1, 0], [0, 1, 1]), 2)
