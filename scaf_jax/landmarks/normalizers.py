"""The distance that a face's errors are divided by, so that faces of all sizes compare."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NORMALIZERS = {  # by name, what a face's errors are divided by
    "outer_eye_corners": "the distance between the outer eye corners",
    "inter_pupil": "the distance between the pupils",
    "box_diagonal": "the diagonal of the face box",
    "box_size": "the square root of the face box's area",
}
DEFAULT_NORMALIZER = "outer_eye_corners"
BOX_NORMALIZERS = ("box_size", "box_diagonal")  # those that every face has


def normalizing_distances(
    truth: ArrayLike,
    scheme: LandmarkScheme,
    normalizer: str = DEFAULT_NORMALIZER,
    *,
    mask: ArrayLike | None = None,
    boxes: ArrayLike | None = None,
    keys: Sequence[str] | None = None,
) -> Floats:
    """Returns, for each face, the distance that its errors are divided by.

    A face that lacks a landmark which the normalizer needs has no such distance, hence no error;
    nor has one on which it is 0.

    Source: SCAF, sec. 4.2 (outer eye corners).

    Args:
      truth: (N, L, 2) true landmarks, pixels of the photo.
      scheme: What the landmarks mean.
      normalizer: A name from `NORMALIZERS`.
      mask: (N, L) bool, False where a landmark is missing. All are present by default.
      boxes: (N, 4) face boxes x0, y0, x1, y1 in pixels; only the box normalizers need them.
      keys: N names of faces, for messages. The face's number by default.

    Returns:
      (N,) float64, pixels. NaN for a face without a single landmark or without those that the
      distance is between, and where these lie at one place.

    Raises:
      ValueError: The normalizer is unknown or not defined for the scheme, shapes do not agree, a
        face's distance is not finite (the message names the face), or every face lacks it.
    """
    truth, mask = landmarks_and_mask(truth, mask)
    if truth.shape[1] != scheme.num_landmarks:
        raise ValueError(
            f"scheme '{scheme.name}' has {scheme.num_landmarks} landmarks, but the faces have "
            f"{truth.shape[1]}"
        )
    needed = mask[:, needed_landmarks(scheme, normalizer)]
    known = np.asarray(needed.all(axis=1) & mask.any(axis=1))
    # A missing landmark may hold anything.
    truth = np.where(mask[..., None], truth, 0)
    if normalizer == "outer_eye_corners":
        left, right = (truth[:, i] for i in scheme.eye_corners)
        distances = np.linalg.norm(left - right, axis=-1)
    elif normalizer == "inter_pupil":
        left, right = (truth[:, list(i)].mean(1) for i in (scheme.left_pupil, scheme.right_pupil))
        distances = np.linalg.norm(left - right, axis=-1)
    else:
        width, height = _box_sides(boxes, len(truth), normalizer)
        diagonal = normalizer == "box_diagonal"
        distances = np.hypot(width, height) if diagonal else np.sqrt(width * height)
    some = known & (distances != 0)
    known = some if some.any() else known
    check_distances(distances, known, keys, normalizer)
    if mask.any() and not known.any():
        raise ValueError(
            f"not one of the {len(truth)} faces has all landmarks that the normalizer "
            f"'{normalizer}' needs ({_listed(scheme, needed_landmarks(scheme, normalizer))}); "
            f"set evaluation.normalizer to {' or '.join(BOX_NORMALIZERS)}, which every face has"
        )
    return np.where(known, distances, np.nan)


def needed_landmarks(scheme: LandmarkScheme, normalizer: str) -> list[int]:
    """Returns the landmarks without which a face has no such normalizing distance.

    Args:
      scheme: What the landmarks mean.
      normalizer: A name from `NORMALIZERS`.

    Raises:
      ValueError: The normalizer is unknown or not defined for the scheme.
    """
    if normalizer not in NORMALIZERS:
        raise ValueError(f"unknown normalizer '{normalizer}'; known: {', '.join(NORMALIZERS)}")
    if normalizer in BOX_NORMALIZERS:
        return []
    if normalizer == "outer_eye_corners":
        return list(scheme.eye_corners)
    if not scheme.left_pupil or not scheme.right_pupil:
        raise ValueError(f"scheme '{scheme.name}' has no pupils; choose another normalizer")
    return [*scheme.left_pupil, *scheme.right_pupil]


def normalizer_text(scheme: LandmarkScheme, normalizer: str) -> str:
    """Returns in words what a face's errors are divided by; for `needed_landmarks`' arguments."""
    if normalizer == "outer_eye_corners" and scheme.names:
        return f"the distance between {_listed(scheme, list(scheme.eye_corners))}"
    return NORMALIZERS[normalizer]


def landmarks_and_mask(landmarks: ArrayLike, mask: ArrayLike | None) -> tuple[Floats, Bools]:
    """Returns landmarks and which of them are known, checked.

    Args:
      landmarks: (N, L, 2).
      mask: (N, L) bool, False where a landmark is missing; None where all are present.

    Returns:
      (N, L, 2) float64 and (N, L) bool.

    Raises:
      ValueError: Shapes do not agree.
    """
    landmarks = np.asarray(landmarks, np.float64)
    if landmarks.ndim != 3 or landmarks.shape[-1] != 2:
        raise ValueError(f"landmarks must be (faces, landmarks, 2); they are {landmarks.shape}")
    if mask is None:
        return landmarks, np.ones(landmarks.shape[:2], bool)
    mask = np.asarray(mask, bool)
    if mask.shape != landmarks.shape[:2]:
        raise ValueError(f"mask is {mask.shape}; expected {landmarks.shape[:2]}")
    return landmarks, mask


def _box_sides(boxes: ArrayLike | None, num_faces: int, normalizer: str) -> tuple[Floats, Floats]:
    if boxes is None:
        raise ValueError(f"normalizer '{normalizer}' needs the face boxes")
    boxes = np.asarray(boxes, np.float64)
    if boxes.shape != (num_faces, 4):
        raise ValueError(f"boxes is {boxes.shape}; expected {(num_faces, 4)}")
    # A box that is turned inside out has no size: 0, which is refused as degenerate.
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    sides = np.where((sides > 0).all(axis=1, keepdims=True), sides, 0)
    return sides[:, 0], sides[:, 1]


def check_distances(
    distances: Floats, known: Bools, keys: Sequence[str] | None, normalizer: str
) -> None:
    """Refuses distances that nothing can be divided by.

    Args:
      distances: (N,) pixels.
      known: (N,) bool, whether a face has one.
      keys: N names of faces, for messages.
      normalizer: What the distance is called there.

    Raises:
      ValueError: A known distance is 0 or not finite; the message names the face.
    """
    unusable = np.flatnonzero(known & ~(np.isfinite(distances) & (distances > 0)))
    if unusable.size:
        first = unusable[0]
        why = "0" if distances[first] == 0 else "not finite"
        raise ValueError(
            f"face '{face_name(keys, first)}': its normalizer '{normalizer}' is {why}, so it has "
            f"no NME ({unusable.size} of {len(distances)} faces are like this); correct its "
            "annotation, leave it out, or choose another normalizer"
        )


def _listed(scheme: LandmarkScheme, landmarks: list[int]) -> str:
    names = [scheme.landmark_names[i] for i in landmarks]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def face_name(keys: Sequence[str] | None, index: int) -> str:
    """Returns what a message calls a face: its key or, without keys, its number."""
    return keys[index] if keys is not None else f"number {index}"
