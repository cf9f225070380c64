"""Finds faces whose left and right landmarks were swapped, and photos that were turned."""

import numpy as np
from numpy.typing import NDArray

from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# How far apart the eyes must be, in heights from chin to eyes, for their order to count. A face
# seen from the side has less.
_CLEAR_TURN = 0.1
_MUCH_BETTER = 0.5
_FEWEST_POINTS = 4
# A quarter turn, as (x, y) @ it.
_QUARTER = np.array([[0, 1], [-1, 0]])
# Correlations of a face with one that stands as it does, and with one that does not.
_STANDS_ALIKE, _STANDS_OTHERWISE = 0.8, 0.3


def is_flipped(landmarks: Floats, mask: Bools, reference: Floats, scheme: LandmarkScheme) -> bool:
    """Whether the landmarks are in mirrored order.

    With the chin below, the first eye of the scheme is on the photo's left, however the face is
    tilted. Where the eyes or the chin do not tell, since the face is seen from the side or they
    are absent, the order is mirrored if the mirrored one, moved, turned and scaled, is much nearer
    to the reference than the order as given.

    Args:
      landmarks: (L, 2), pixels.
      mask: (L,) bool, which of them are present.
      reference: (L, 2), the same face in the right order, roughly.
      scheme: What the landmarks mean.
    """
    turn = _turn(landmarks, mask, scheme)
    if abs(turn) > _CLEAR_TURN:
        return turn < 0
    flip = np.array(scheme.flip_permutation)
    usable = mask & mask[flip]
    if usable.sum() < _FEWEST_POINTS:
        return False
    as_given = _misfit(landmarks[usable], reference[usable])
    mirrored = _misfit(landmarks[flip][usable], reference[usable])
    return mirrored < _MUCH_BETTER * as_given


def is_turned(landmarks: Floats, mask: Bools, reference: Floats) -> bool:
    """Whether the landmarks are those of a photo that was turned, or stands upside down.

    Args:
      landmarks: (L, 2), pixels.
      mask: (L,) bool, which of them are present.
      reference: (L, 2), the same face as the photo shows it, roughly.
    """
    if mask.sum() < _FEWEST_POINTS:
        return False
    face, other = (points[mask] - points[mask].mean(axis=0) for points in (landmarks, reference))
    if _correlation(face, other) > _STANDS_OTHERWISE:
        return False
    turned = [face @ np.linalg.matrix_power(_QUARTER, times) for times in (1, 2, 3)]
    return max(_correlation(one, other) for one in [*turned, face * (1, -1)]) > _STANDS_ALIKE


def _correlation(face: Floats, other: Floats) -> float:
    norm = np.linalg.norm(face) * np.linalg.norm(other)
    return float((face * other).sum() / norm) if norm > 0 else 0.0


def _turn(landmarks: Floats, mask: Bools, scheme: LandmarkScheme) -> float:
    """Sine-like measure of the turn from 'up' to the line between the eyes; 0 if unknown."""
    if not scheme.outline:
        return 0.0
    chin = scheme.outline[len(scheme.outline) // 2]
    if not mask[[chin, *scheme.left_pupil, *scheme.right_pupil]].all():
        return 0.0
    left = landmarks[list(scheme.left_pupil)].mean(axis=0)
    right = landmarks[list(scheme.right_pupil)].mean(axis=0)
    up, across = (left + right) / 2 - landmarks[chin], right - left
    height = float(up @ up)
    return float(across[1] * up[0] - across[0] * up[1]) / height if height > 0 else 0.0


def _misfit(points: Floats, reference: Floats) -> float:
    """Sum of squared distances after the best shift, rotation and scaling, as a fraction."""
    # As complex numbers a rotation with scaling is one factor, found by least squares.
    a = (points - points.mean(axis=0)) @ np.array([1, 1j])
    b = (reference - reference.mean(axis=0)) @ np.array([1, 1j])
    energy = np.vdot(a, a).real * np.vdot(b, b).real
    return 1 - abs(np.vdot(a, b)) ** 2 / energy if energy > 0 else 1.0
