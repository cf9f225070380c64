"""Landmarks that stand where a program put them and nobody did, seen by comparing faces.

By itself a face shows 0 0 and many points at one place (`formats.doubts`). What stands in for fewer
points, such as the photo's center, shows beside other faces; so do landmarks of a photo as it is
stored, before its EXIF data turn it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_builders.doctor import shapes

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]

# In units of a face's size (root mean square distance of its points from their center).
_APART = 0.5  # landmarks of a usual face that far apart are not at one place
_MOVED = 0.25  # faces that differ so much do not have a landmark at the same place to the last bit
# Faces that have a landmark at the same place, against how many the third such place has.
_TIMES_USUAL, _RANK = 4, 3
_FEWEST_TO_FIT = 3
_FEWEST_UPRIGHT = 5
# By how much the fit to an upright face must be better, as a correlation.
_BETTER_FIT = 0.4

# What EXIF does to (x, y) of a photo as it is stored, by its orientation; the photo's size only
# moves the result. Source: EXIF 2.32, tag 0x0112.
_TURNS = {
    2: ((-1, 0), (0, 1)),
    3: ((-1, 0), (0, -1)),
    4: ((1, 0), (0, -1)),
    5: ((0, 1), (1, 0)),
    6: ((0, -1), (1, 0)),
    7: ((0, -1), (-1, 0)),
    8: ((0, 1), (-1, 0)),
}


def at_one_place(points: Array, masks: Bools, shape: Array) -> dict[int, list[int]]:
    """Returns landmarks that share their place with others that should be elsewhere.

    Where is said by the usual face, moved, turned and squeezed onto the face's other landmarks: on
    a face from the side many lie close together.

    Args:
      points: (N, L, 2).
      masks: (N, L) bool, where a landmark is known.
      shape: (L, 2), as `shapes.median_shape` gives it.

    Returns:
      By face, the landmarks; faces without any are absent.
    """
    found = {}
    known = masks & np.isfinite(shape).all(axis=1)
    codes = np.where(known, _codes(points), np.arange(points.shape[1]))
    for number in range(len(points)):
        _, group, counts = np.unique(codes[number], return_inverse=True, return_counts=True)
        shared = counts[group.reshape(-1)] > 1
        if not shared.any():
            continue
        expected = _expected(points[number], known[number] & ~shared, shape)
        for one in np.flatnonzero(counts > 1):
            members = np.flatnonzero(group.reshape(-1) == one)
            if np.ptp(expected[members], axis=0).max() > _APART * _size(expected):
                found.setdefault(number, []).extend(members.tolist())
    return found


def always_there(points: Array, masks: Bools) -> list[tuple[int, list[int]]]:
    """Returns landmarks that several faces have at the same place though they lie elsewhere.

    Whole pixels meet by chance: a place counts that has many more faces than others have.

    Args:
      points: (N, L, 2).
      masks: (N, L) bool, where a landmark is known.

    Returns:
      (landmark, the faces).
    """
    found = []
    codes = _codes(points)
    for landmark in range(points.shape[1]):
        known = np.flatnonzero(masks[:, landmark])
        _, group, counts = np.unique(
            codes[known, landmark], return_inverse=True, return_counts=True
        )
        usual = np.sort(counts)[-_RANK] if len(counts) >= _RANK else 1
        for shared in np.flatnonzero(counts >= _TIMES_USUAL * usual):
            members = known[group.reshape(-1) == shared]
            others = np.delete(points[members], landmark, axis=1)
            others_known = np.delete(masks[members], landmark, axis=1)
            if _differ(others, others_known):
                found.append((landmark, members.tolist()))
    return found


def as_stored(
    points: Array, masks: Bools, orientations: Sequence[int], eyes: tuple[int, int]
) -> list[int]:
    """Returns faces whose landmarks are upright only once EXIF turned them with the photo.

    Args:
      points: (N, L, 2), taken to be of the photos as people see them.
      masks: (N, L) bool, where a landmark is known.
      orientations: N EXIF orientations, 1 to 8.
      eyes: Two landmarks of which on an upright face the first lies left of the second; how faces
        stand where fewer than `_FEWEST_UPRIGHT` photos are stored upright.
    """
    turned = np.array(orientations) > 1
    if not turned.any():
        return []
    upright = np.full(points.shape[1:], np.nan)
    if (~turned).sum() >= _FEWEST_UPRIGHT:
        upright = shapes.median_shape(points[~turned], masks[~turned])
    else:
        upright[list(eyes)] = (-1, 0), (1, 0)
    found = []
    for number in np.flatnonzero(turned):
        known = masks[number] & np.isfinite(upright).all(axis=1)
        face = points[number][known].astype(np.float64)
        turn = np.array(_TURNS[orientations[int(number)]])
        given, once_turned = (_fit(x, upright[known]) for x in (face, face @ turn.T))
        if once_turned > given + _BETTER_FIT:
            found.append(int(number))
    return found


def _codes(points: Array) -> npt.NDArray[np.uint64]:
    """One number for each place, (N, L): equal where x and y are."""
    x, y = np.moveaxis(points.astype(np.float32) + np.float32(0), -1, 0)  # -0 is 0
    x, y = (np.ascontiguousarray(v).view(np.uint32).astype(np.uint64) for v in (x, y))
    return (x << np.uint64(32)) | y


def _expected(face: Array, known: Bools, shape: Array) -> Array:
    """Where a face's landmarks should be by those that are known, (L, 2)."""
    if known.sum() < _FEWEST_TO_FIT:
        return shape  # what is apart on a usual face
    ones = np.ones((len(shape), 1))
    design = np.concatenate([shape, ones], axis=1)
    solution, *_ = np.linalg.lstsq(design[known], face[known].astype(np.float64), rcond=None)
    return design @ solution


def _size(shape: Array) -> float:
    """Root mean square distance of the points from their center, of those that are known."""
    centered = shape - np.nanmean(shape, axis=0)
    return float(np.sqrt(np.nanmean((centered**2).sum(axis=-1))))


def _differ(points: Array, masks: Bools) -> bool:
    """Whether faces lie at different places, or are of different shapes."""
    known = np.where(masks[..., None], points, np.nan)[:, masks.sum(axis=0) >= 2]
    if not known.shape[1]:
        return False
    spread = np.sqrt((np.nanstd(known, axis=0) ** 2).sum(axis=-1))
    centered = known - np.nanmean(known, axis=1, keepdims=True)
    size = np.sqrt(np.nanmean((centered**2).sum(axis=-1)))
    return bool(np.median(spread) > _MOVED * max(float(size), 1.0))


def _fit(face: Array, shape: Array) -> float:
    """The correlation of two shapes after moving and scaling, without turning."""
    if len(face) < 2:
        return 0.0
    a, b = face - face.mean(axis=0), shape - shape.mean(axis=0)
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / norm) if norm > 0 else 0.0
