"""Checks by the shape of faces: do landmarks lie where their mirror images should?"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.landmarks.schemes import LandmarkScheme

Array = npt.NDArray[Any]

# In units of a face's size (root mean square distance of its points from their center).
_FAR = 0.5  # no landmark of a usual set of faces is so far from where its mirror image should be
_NEAR, _NEAR_FACES = 0.1, 100  # for so many faces; fewer look to one side by chance
_MUCH_NEARER = 0.5
# Of laying a face over its mirror image.
_ROUNDS, _TIMES_MEDIAN, _ENOUGH_FOR_DEPTH = 5, 2.5, 20
_MOST_LEANING = np.radians(20)
# How well a mirrored face must fit, as a correlation, and how much better than the face itself.
_FIT, _BETTER = 0.9, 0.1


def median_shape(points: Array, masks: Array) -> npt.NDArray[np.float64]:
    """Returns the usual face, upright as most faces are, of size 1 about 0.

    Args:
      points: (N, L, 2).
      masks: (N, L) bool, where a landmark is known.

    Returns:
      (L, 2) float64, NaN for a landmark that no face has.
    """
    known = np.where(masks[..., None], points, np.nan).astype(np.float64)
    shape = _median(_unit(known))
    # Where landmarks are missing the center of the others is off: again, by the shape found.
    here = np.where(np.isnan(known), np.nan, shape)
    centers = _mean(here)
    scales = np.sqrt(_mean(((here - centers) ** 2).sum(axis=-1, keepdims=True)))
    shape = _median(_unit(known) * scales + centers)
    return shape - _mean(shape)


def wrong_pairs(
    shape: Array, flip_permutation: Sequence[int], num_faces: int
) -> list[tuple[int, int | None]]:
    """Returns landmarks whose partner is not where their mirror image is.

    Args:
      shape: (L, 2), as `median_shape` gives it.
      flip_permutation: The scheme's.
      num_faces: Of how many faces the shape is.

    Returns:
      (landmark, the one that lies where its partner should, or None), one of each pair.
    """
    partners = np.asarray(flip_permutation)
    mirrored = _laid_over(shape * (-1, 1), shape[partners])
    distances = np.linalg.norm(mirrored[:, None] - shape[None], axis=-1)
    chance = max(1.0, (_NEAR_FACES / num_faces) ** 0.5)
    found: list[tuple[int, int | None]] = []
    for first, second in enumerate(partners):
        distance = distances[first, second]
        if first > second or not np.isfinite(distance) or distance <= chance * _NEAR:
            continue
        nearest = int(np.nanargmin(distances[first]))
        if distances[first, nearest] < _MUCH_NEARER * distance:
            found.append((first, nearest))
        elif distance > chance * _FAR:
            found.append((first, None))
    return found


def share_with_eyes_swapped(points: Array, masks: Array, scheme: LandmarkScheme) -> float:
    """Returns on which share of the faces the scheme's left eye lies right of its right eye.

    Args:
      points: (N, L, 2).
      masks: (N, L) bool.
      scheme: Says which landmarks are the eyes'.
    """
    left, right = _eyes(scheme)
    known = masks[:, left].all(axis=1) & masks[:, right].all(axis=1)
    if not left or not known.any():
        return 0.0
    apart = points[known][:, right, 0].mean(axis=1) - points[known][:, left, 0].mean(axis=1)
    return float((apart <= 0).mean())


def share_upside_down(points: Array, masks: Array, scheme: LandmarkScheme) -> float:
    """Returns on which share of the faces the eyes lie below the other landmarks; see above."""
    left, right = _eyes(scheme)
    eyes = np.zeros(points.shape[1], bool)
    eyes[left + right] = True
    named = scheme.left_pupil or all("eye" in scheme.landmark_names[i].lower() for i in left)
    known = masks[:, eyes].all(axis=1) & (masks & ~eyes).any(axis=1)
    if not left or not named or not known.any():
        return 0.0
    y = points[known, :, 1]
    others = np.where(masks[known] & ~eyes, y, np.nan)
    return float((y[:, eyes].mean(axis=1) > np.nanmean(others, axis=1)).mean())


def numbered_as_mirrored(points: Array, masks: Array, shape: Array) -> npt.NDArray[np.bool_]:
    """Returns which faces fit the usual shape much better when they are mirrored.

    Turning a face in the photo changes nothing, and a face from the side, which fits both ways,
    is never among them. Source: Kabsch, Acta Crystallographica A32, 1976 (the best rotation).

    Args:
      points: (N, L, 2).
      masks: (N, L) bool.
      shape: (L, 2), as `median_shape` gives it.

    Returns:
      (N,) bool.
    """
    used = (masks & np.isfinite(shape).all(axis=-1))[..., None]
    count = np.maximum(used.sum(axis=1, keepdims=True), 1)
    face = np.where(used, points, 0).astype(np.float64)
    usual = np.where(used, shape, 0)
    face = np.where(used, face - face.sum(axis=1, keepdims=True) / count, 0)
    usual = np.where(used, usual - usual.sum(axis=1, keepdims=True) / count, 0)
    product = np.swapaxes(face, 1, 2) @ usual
    large, small = np.linalg.svd(product, compute_uv=False).T
    handed = np.sign(np.linalg.det(product)) * small
    norm = np.linalg.norm(face, axis=(1, 2)) * np.linalg.norm(usual, axis=(1, 2))
    norm = np.maximum(norm, np.finfo(np.float64).tiny)
    fits, fits_mirrored = (large + handed) / norm, (large - handed) / norm
    return (fits_mirrored > _FIT) & (fits_mirrored > fits + _BETTER)


def _laid_over(mirrored: Array, face: Array) -> Array:
    """Lays a mirrored face over the face itself, though on average it may lean or look aside.

    Leaning is undone by turning. Looking aside moves landmarks sideways by how near to the camera
    they are, which is much the same on both sides of a face. Pairs that are far off, which may be
    wrong ones, do not count.
    """
    source, target = (points @ np.array([1, 1j]) for points in (mirrored, face))
    known = np.isfinite(source) & np.isfinite(target)
    used, laid, depth = known, source, np.zeros(len(source))
    for _ in range(_ROUNDS if known.any() else 0):
        center = source[used].mean()
        turn = np.angle(np.vdot(source[used] - center, target[used] - target[used].mean()))
        turn = np.clip(turn, -_MOST_LEANING, _MOST_LEANING)
        laid = (source - center) * np.exp(1j * turn) + target[used].mean()
        used = _near_most(np.abs(laid - target), known)
    x, y = np.real(laid), np.imag(laid)
    if known.sum() >= _ENOUGH_FOR_DEPTH:
        terms = np.stack([np.ones_like(x), x**2, y, y**2], axis=1)
        sideways = np.real(target) - x
        for _ in range(_ROUNDS):
            depth = terms @ np.linalg.lstsq(terms[used], sideways[used], rcond=None)[0]
            used = _near_most(np.abs(sideways - depth), known)
        x = x + depth
    return np.stack([x, y], axis=1)


def _near_most(off: Array, known: Array) -> Array:
    return known & (off <= _TIMES_MEDIAN * np.median(off[known]) + 1e-9)


def _eyes(scheme: LandmarkScheme) -> tuple[list[int], list[int]]:
    """The landmarks of the left and of the right eye; none where a scheme does not say."""
    if scheme.left_pupil and scheme.right_pupil:
        return list(scheme.left_pupil), list(scheme.right_pupil)
    first, second = scheme.eye_corners
    # Faces may be measured by other landmarks, such as nose and chin.
    return ([first], [second]) if scheme.flip_permutation[first] == second else ([], [])


def _unit(known: Array) -> Array:
    centered = known - _mean(known)
    return centered / np.maximum(np.sqrt(_mean((centered**2).sum(axis=-1, keepdims=True))), 1e-9)


def _mean(values: Array) -> Array:
    """Over landmarks, of those that are known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # faces without any: NaN is right
        return np.nanmean(values, axis=-2, keepdims=True)


def _median(values: Array) -> Array:
    """Over faces, of those that have the landmark."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(values, axis=0)
