"""How far predicted landmarks are from the true ones: NME, failure rate, CED and its area.

Everything is plain numpy in float64, on whole arrays of faces. Coordinates are those of the
original photo, so that numbers do not depend on the crop or on the network's size. NME is in
per cent; failure rate and area are fractions from 0 to 1. A name carries its threshold, which is
in per cent too: `fr@10`, `auc@10`, `auc@8`.
"""

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

    A face that lacks a landmark which the normalizer needs has no such distance, hence no error.

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
      distance is between.

    Raises:
      ValueError: The normalizer is unknown or not defined for the scheme, shapes do not agree, a
        face's distance is 0 or not finite (the message names the face), or every face lacks it.
    """
    truth, mask = _landmarks_and_mask(truth, mask)
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
    _check_distances(distances, known, keys, normalizer)
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


def landmark_errors(
    predicted: ArrayLike,
    truth: ArrayLike,
    distances: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    keys: Sequence[str] | None = None,
) -> Floats:
    """Returns the normalised error of each landmark, in per cent.

    Args:
      predicted: (N, L, 2) predicted landmarks, pixels of the photo.
      truth: (N, L, 2) true ones.
      distances: (N,) from `normalizing_distances`; NaN for a face that has none.
      mask: (N, L) bool, False where a landmark is missing.
      keys: N names of faces, for messages.

    Returns:
      (N, L) float64; NaN where a landmark is missing, and for a face without a distance.

    Raises:
      ValueError: Shapes do not agree, a prediction or true landmark that counts is not finite, or
        a distance is 0 or infinite; the message names the face.
    """
    truth, mask = _landmarks_and_mask(truth, mask)
    predicted = np.asarray(predicted, np.float64)
    distances = np.asarray(distances, np.float64)
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted is {predicted.shape}, but truth is {truth.shape}")
    if distances.shape != truth.shape[:1]:
        raise ValueError(f"distances is {distances.shape}; expected {truth.shape[:1]}")
    _check_distances(distances, mask.any(axis=1) & ~np.isnan(distances), keys, "distance")
    for what, points in (("prediction", predicted), ("true landmark", truth)):
        broken = np.argwhere(mask & ~np.isfinite(points).all(axis=-1))
        if broken.size:
            face, landmark = broken[0]
            raise ValueError(
                f"face '{_name(keys, face)}': the {what} {landmark} is not finite; a missing "
                "landmark must have mask False"
            )
    # Missing landmarks are zeroed before the subtraction: they may hold NaN or infinity.
    present = mask[..., None]
    offsets = np.where(present, predicted, 0) - np.where(present, truth, 0)
    errors = 100 * np.linalg.norm(offsets, axis=-1) / distances[:, None]
    return np.where(mask, errors, np.nan)


def face_nme(errors: ArrayLike) -> Floats:
    """Returns each face's NME: the mean error of the landmarks that it has.

    Args:
      errors: (N, L) per cent, NaN where a landmark is missing; from `landmark_errors`.

    Returns:
      (N,) float64 per cent; NaN for a face without landmarks or normalizing distance.
    """
    errors = np.asarray(errors, np.float64)
    present = ~np.isnan(errors)
    counts = present.sum(axis=1)
    sums = np.where(present, errors, 0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def failure_rate(per_face_nme: ArrayLike, threshold: float) -> float:
    """Returns the fraction of faces whose NME is strictly above the threshold.

    Args:
      per_face_nme: (N,) per cent; NaN faces do not count.
      threshold: Per cent.

    Returns:
      0 to 1; NaN where no face counts.
    """
    nme = _counting(per_face_nme)
    return float(np.mean(nme > threshold)) if nme.size else float("nan")


def ced_area(per_face_nme: ArrayLike, threshold: float) -> float:
    """Returns the area under the cumulative error distribution from 0 to threshold.

    The distribution is a staircase, so its integral is exact: a face with error e adds
    max(0, threshold - e) / N. It is divided by the threshold.

    Args:
      per_face_nme: (N,) per cent; NaN faces do not count.
      threshold: Per cent, above 0.

    Returns:
      0 to 1, larger is better; NaN where no face counts.

    Raises:
      ValueError: The threshold is not above 0.
    """
    if not threshold > 0:
        raise ValueError(f"the threshold of a CED area must be above 0; it is {threshold}")
    nme = _counting(per_face_nme)
    return float(np.mean(np.maximum(threshold - nme, 0)) / threshold) if nme.size else float("nan")


def ced_curve(per_face_nme: ArrayLike, maximum: float) -> tuple[Floats, Floats]:
    """Returns the corners of the cumulative error distribution's staircase.

    Args:
      per_face_nme: (N,) per cent; NaN faces do not count.
      maximum: Where the curve ends, per cent.

    Returns:
      (errors, fractions), both (K,) float64: from errors[k] to errors[k + 1] the fraction of faces
      with at most that error is fractions[k] (draw it with steps after the point). It starts at 0
      and ends at `maximum`.
    """
    nme = np.sort(_counting(per_face_nme))
    inside = nme[nme <= maximum]
    errors = np.concatenate([[0.0], inside, [maximum]])
    counts = np.concatenate([[0], np.arange(1, inside.size + 1), [inside.size]])
    return errors, counts / max(nme.size, 1)


def summarize(per_face_nme: ArrayLike, thresholds: Sequence[float] = (8, 10)) -> dict[str, float]:
    """Returns the numbers that stand for a test set.

    Args:
      per_face_nme: (N,) per cent; NaN faces do not count.
      thresholds: Per cent, each above 0.

    Returns:
      `faces` (those that count), `nme` (per cent) and for each threshold T `fr@T` and `auc@T`
      (fractions). NaN where no face counts.

    Example:
      >>> summarize([2.0, 12.0], thresholds=[10])
      {'faces': 2, 'nme': 7.0, 'fr@10': 0.5, 'auc@10': 0.4}
    """
    nme = _counting(per_face_nme)
    summary: dict[str, float] = {
        "faces": int(nme.size),
        "nme": float(nme.mean()) if nme.size else float("nan"),
    }
    for threshold in thresholds:
        summary[f"fr@{threshold:g}"] = failure_rate(nme, threshold)
        summary[f"auc@{threshold:g}"] = ced_area(nme, threshold)
    return summary


def mean_shape(landmarks: ArrayLike, mask: ArrayLike | None = None) -> Floats:
    """Returns the mean position of each landmark: what a predictor blind to the image would say.

    In crop pixels, brought back to each photo by the inverse of its crop, the mean shape of the
    training faces is the baseline that a network has to beat.

    Args:
      landmarks: (N, L, 2) in coordinates that the faces share, such as crop pixels.
      mask: (N, L) bool, False where a landmark is missing.

    Returns:
      (L, 2) float64, each landmark over the faces that have it.

    Raises:
      ValueError: No face has some landmark.
    """
    landmarks, mask = _landmarks_and_mask(landmarks, mask)
    counts = mask.sum(axis=0)
    absent = np.flatnonzero(counts == 0)
    if absent.size:
        raise ValueError(
            f"none of the {len(landmarks)} faces has the landmarks {absent.tolist()}, so they "
            "have no mean position; give training faces that show them"
        )
    return np.where(mask[..., None], landmarks, 0).sum(axis=0) / counts[:, None]


def _landmarks_and_mask(landmarks: ArrayLike, mask: ArrayLike | None) -> tuple[Floats, Bools]:
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


def _check_distances(
    distances: Floats, known: Bools, keys: Sequence[str] | None, normalizer: str
) -> None:
    unusable = np.flatnonzero(known & ~(np.isfinite(distances) & (distances > 0)))
    if unusable.size:
        first = unusable[0]
        why = "0" if distances[first] == 0 else "not finite"
        raise ValueError(
            f"face '{_name(keys, first)}': its normalizer '{normalizer}' is {why}, so it has no "
            f"NME ({unusable.size} of {len(distances)} faces are like this); correct its "
            "annotation, leave it out, or choose another normalizer"
        )


def _listed(scheme: LandmarkScheme, landmarks: list[int]) -> str:
    names = [scheme.landmark_names[i] for i in landmarks]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _counting(per_face_nme: ArrayLike) -> Floats:
    nme = np.asarray(per_face_nme, np.float64).ravel()
    return nme[~np.isnan(nme)]


def _name(keys: Sequence[str] | None, index: int) -> str:
    return keys[index] if keys is not None else f"number {index}"
