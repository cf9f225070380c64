"""How far predicted landmarks are from the true ones: NME, failure rate, CED and its area.

Everything is plain numpy in float64, on whole arrays of faces. Coordinates are those of the
original photo, so that numbers do not depend on the crop or on the network's size. NME is in
percent; failure rate and area are fractions from 0 to 1. A name carries its threshold, which is
in percent too: `fr@10`, `auc@10`, `auc@8`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaf_jax.landmarks import normalizers
from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]


def landmark_errors(
    predicted: ArrayLike,
    truth: ArrayLike,
    distances: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    keys: Sequence[str] | None = None,
) -> Floats:
    """Returns the normalized error of each landmark, in percent.

    Args:
      predicted: (N, L, 2) predicted landmarks, pixels of the photo.
      truth: (N, L, 2) true ones.
      distances: (N,) from `normalizers.normalizing_distances`; NaN for a face that has none.
      mask: (N, L) bool, False where a landmark is missing.
      keys: N names of faces, for messages.

    Returns:
      (N, L) float64; NaN where a landmark is missing, and for a face without a distance.

    Raises:
      ValueError: Shapes do not agree, a prediction or true landmark that counts is not finite, or
        a distance is 0 or infinite; the message names the face.
    """
    truth, mask = normalizers.landmarks_and_mask(truth, mask)
    predicted = np.asarray(predicted, np.float64)
    distances = np.asarray(distances, np.float64)
    if predicted.shape != truth.shape:
        raise ValueError(f"predicted is {predicted.shape}, but truth is {truth.shape}")
    if distances.shape != truth.shape[:1]:
        raise ValueError(f"distances is {distances.shape}; expected {truth.shape[:1]}")
    known = mask.any(axis=1) & ~np.isnan(distances)
    normalizers.check_distances(distances, known, keys, "distance")
    for what, points in (("prediction", predicted), ("true landmark", truth)):
        broken = np.argwhere(mask & ~np.isfinite(points).all(axis=-1))
        if broken.size:
            face, landmark = broken[0]
            raise ValueError(
                f"face '{normalizers.face_name(keys, face)}': the {what} {landmark} is not "
                "finite; a missing landmark must have mask False"
            )
    # Missing landmarks are zeroed before the subtraction: they may hold NaN or infinity.
    present = mask[..., None]
    offsets = np.where(present, predicted, 0) - np.where(present, truth, 0)
    errors = 100 * np.linalg.norm(offsets, axis=-1) / distances[:, None]
    return np.where(mask, errors, np.nan)


def face_nme(errors: ArrayLike) -> Floats:
    """Returns each face's NME: the mean error of the landmarks that it has.

    Args:
      errors: (N, L) percent, NaN where a landmark is missing; from `landmark_errors`.

    Returns:
      (N,) float64 percent; NaN for a face without landmarks or normalizing distance.
    """
    errors = np.asarray(errors, np.float64)
    present = ~np.isnan(errors)
    counts = present.sum(axis=1)
    sums = np.where(present, errors, 0).sum(axis=1)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)


def nme(
    predicted: ArrayLike,
    truth: ArrayLike,
    scheme: LandmarkScheme,
    normalizer: str = normalizers.DEFAULT_NORMALIZER,
    *,
    mask: ArrayLike | None = None,
    boxes: ArrayLike | None = None,
    keys: Sequence[str] | None = None,
) -> Floats:
    """Returns each face's normalized mean error, in percent; `summarize` sums it up.

    Args:
      predicted: (N, L, 2) predicted landmarks, pixels of the photo.
      truth: (N, L, 2) true ones.
      scheme: What the landmarks mean.
      normalizer: What errors are divided by, a name from `normalizers.NORMALIZERS`.
      mask: (N, L) bool, False where a landmark is missing. All are present by default.
      boxes: (N, 4) face boxes x0, y0, x1, y1 in pixels; only the box normalizers need them.
      keys: N names of faces, for messages.

    Returns:
      (N,) float64 percent; NaN for a face without landmarks or normalizing distance.

    Raises:
      ValueError: As `normalizers.normalizing_distances` and `landmark_errors`.

    Example:
      >>> from scaf_jax.landmarks import schemes
      >>> truth = np.zeros((1, 68, 2))
      >>> truth[0, 45] = [100, 0]  # an outer eye corner, the other one being at 0, 0
      >>> nme(truth + [3, 4], truth, schemes.IBUG68).tolist()
      [5.0]
    """
    distances = normalizers.normalizing_distances(
        truth, scheme, normalizer, mask=mask, boxes=boxes, keys=keys
    )
    return face_nme(landmark_errors(predicted, truth, distances, mask=mask, keys=keys))


def failure_rate(per_face_nme: ArrayLike, threshold: float) -> float:
    """Returns the fraction of faces whose NME is strictly above the threshold.

    Args:
      per_face_nme: (N,) percent; NaN faces do not count.
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
      per_face_nme: (N,) percent; NaN faces do not count.
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
      per_face_nme: (N,) percent; NaN faces do not count.
      maximum: Where the curve ends, percent.

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
      per_face_nme: (N,) percent; NaN faces do not count. Infinity stands for a face without
        predictions: it has failed at every threshold, and has no part in the mean.
      thresholds: Per cent, each above 0.

    Returns:
      `faces` (those that count), `nme` (percent) and for each threshold T `fr@T` and `auc@T`
      (fractions). NaN where no face counts.

    Example:
      >>> summarize([2.0, 12.0], thresholds=[10])
      {'faces': 2, 'nme': 7.0, 'fr@10': 0.5, 'auc@10': 0.4}
    """
    nme = _counting(per_face_nme)
    finite = nme[np.isfinite(nme)]
    summary: dict[str, float] = {
        "faces": int(nme.size),
        "nme": float(finite.mean()) if finite.size else float("nan"),
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
    landmarks, mask = normalizers.landmarks_and_mask(landmarks, mask)
    counts = mask.sum(axis=0)
    absent = np.flatnonzero(counts == 0)
    if absent.size:
        raise ValueError(
            f"none of the {len(landmarks)} faces has the landmarks {absent.tolist()}, so they "
            "have no mean position; give training faces that show them"
        )
    return np.where(mask[..., None], landmarks, 0).sum(axis=0) / counts[:, None]


def _counting(per_face_nme: ArrayLike) -> Floats:
    nme = np.asarray(per_face_nme, np.float64).ravel()
    return nme[~np.isnan(nme)]
