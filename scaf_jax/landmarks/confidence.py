"""How sure a network is of a landmark, as a probability: that it lies near the true place.

A heatmap's peak is the lower the less sure a network is, but its height is no probability. Held-out
faces tell how often landmarks of each height were right; a curve through that is the confidence.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, special

from scaf_jax.files import json_fields

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

ISOTONIC, LOGISTIC = "isotonic", "logistic"
KINDS = (LOGISTIC, ISOTONIC)
# A landmark is right where its error is at most so many percent of the normalizing distance.
RIGHT_PERCENT = 10.0
# Fewer held-out faces say nothing of landmarks that are wrong once in 20 times.
MIN_FACES = 30
_FOLDS = 5
_KNOTS = 50
# How strongly a landmark's own curve is drawn towards that of all landmarks.
_PRIOR = 1.0
_EDGE = 1e-3
_TYPES: Mapping[str, Any] = {
    "kind": str,
    "heights": (list, tuple),
    "confidences": (list, tuple),
    "right_percent": json_fields.NUMBER,
    "normalizer": str,
    "faces": int,
    "error": json_fields.NUMBER,
    "origin": str,
}


class CalibrationError(ValueError):
    """There are too few held-out faces, or they tell nothing; the message says which."""


@dataclasses.dataclass(frozen=True)
class Calibration:
    """From heights of peaks to confidences: a curve for each landmark, or one for all.

    Attributes:
      kind: How it was fitted, one of `KINDS`.
      heights: (K,) rising, where the curves have their knots.
      confidences: (L, K) or (1, K), each from 0 to 1 and not falling.
      right_percent: What `right` means, percent of the normalizing distance.
      normalizer: The distance's name.
      faces: How many held-out faces it was fitted on.
      error: Expected calibration error of such a fit on faces that it was not fitted on, 0 to 1.
      origin: Which faces those were, in words.

    Raises:
      ValueError: A value does not fit; the message names it.
    """

    kind: str
    heights: tuple[float, ...]
    confidences: tuple[tuple[float, ...], ...]
    right_percent: float
    normalizer: str
    faces: int
    error: float
    origin: str

    def __post_init__(self) -> None:
        heights, curves = np.array(self.heights, float), self.confidences
        if self.kind not in KINDS:
            raise ValueError(f"kind is '{self.kind}', not one of {KINDS}")
        if len(heights) < 2 or not np.isfinite(heights).all() or (np.diff(heights) <= 0).any():
            raise ValueError("heights must be two numbers or more, each above the one before")
        if not curves or any(len(curve) != len(heights) for curve in curves):
            raise ValueError("confidences must be curves with a value for each height")
        values = np.array(curves, float)
        if not ((values >= 0) & (values <= 1)).all() or (np.diff(values) < 0).any():
            raise ValueError("confidences must lie in 0 to 1, and not fall with the height")

    def __call__(self, heights: Array) -> npt.NDArray[np.float32]:
        """Returns confidences (N, L), 0 to 1, of landmarks with peaks of heights (N, L).

        Raises:
          ValueError: The curves are those of another number of landmarks.
        """
        heights = np.asarray(heights, np.float64)
        curves = np.array(self.confidences)
        if len(curves) not in (1, heights.shape[1]):
            raise ValueError(f"{len(curves)} curves of confidence, {heights.shape[1]} landmarks")
        found = np.empty(heights.shape, np.float32)
        for i in range(heights.shape[1]):
            found[:, i] = np.interp(heights[:, i], self.heights, curves[i % len(curves)])
        return found

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON values, for `from_dict`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Calibration":
        """Returns what `to_dict` gave.

        Raises:
          ValueError: A field is missing, unknown or wrong.
        """
        json_fields.check(content, _TYPES)
        try:
            heights = tuple(map(float, content["heights"]))
            confidences = tuple(tuple(map(float, curve)) for curve in content["confidences"])
        except TypeError as error:
            raise ValueError(f"heights and confidences must be numbers ({error})") from None
        return cls(**{**content, "heights": heights, "confidences": confidences})


def fit(
    heights: Array, errors: Array, *, normalizer: str, origin: str, folds: int = _FOLDS
) -> Calibration:
    """Fits confidences on faces that the network was not trained on.

    Both kinds of curves are fitted; the one with the smaller log loss on faces left out is taken.

    Args:
      heights: (N, L) of the peaks.
      errors: (N, L) distances to the true places, percent of the normalizing distance; NaN where
        those are not known.
      normalizer: The name of that distance.
      origin: Which faces they are, in words.
      folds: In how many parts faces are left out to compare the kinds.

    Raises:
      CalibrationError: There are fewer than `MIN_FACES` faces, or every landmark is right, or none.
    """
    known = np.isfinite(errors)
    right = errors <= RIGHT_PERCENT
    faces = int(known.any(axis=1).sum())
    if faces < MIN_FACES:
        raise CalibrationError(
            f"a confidence needs {MIN_FACES} held-out faces with landmarks; there are {faces}"
        )
    if right[known].all() or not right[known].any():
        raise CalibrationError(
            f"all landmarks of the {faces} held-out faces are "
            f"{'right' if right[known].all() else 'wrong'}: they say nothing of the other ones"
        )
    best = None
    for kind in KINDS:
        said, true = left_out(heights, errors, kind, folds)
        loss = _log_loss(said, true)
        if best is None or loss < best[0]:
            best = loss, kind, expected_error(said, true)
    assert best is not None
    _, kind, error = best
    knots, curves = _curves(kind, heights, right, known)
    return Calibration(
        kind=kind,
        heights=tuple(map(float, knots)),
        confidences=tuple(tuple(map(float, curve)) for curve in curves),
        right_percent=RIGHT_PERCENT,
        normalizer=normalizer,
        faces=faces,
        error=error,
        origin=origin,
    )


def left_out(
    heights: Array, errors: Array, kind: str, folds: int = _FOLDS
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Returns what fits say of faces that they were left out of, and which landmarks were right.

    Args:
      heights: (N, L) of the peaks.
      errors: (N, L), as for `fit`.
      kind: One of `KINDS`.
      folds: In how many parts faces are left out.

    Returns:
      (M,) confidences, 0 to 1, and (M,) bool, of the landmarks whose true places are known.
    """
    known, right = np.isfinite(errors), errors <= RIGHT_PERCENT
    part = np.random.default_rng(0).permutation(len(heights)) % folds
    said = np.full(heights.shape, np.nan)
    for fold in range(folds):
        inside = part != fold
        curves = _curves(kind, heights[inside], right[inside], known[inside])
        said[~inside] = _read(*curves, heights[~inside])
    return said[known], right[known]


def expected_error(confidences: Array, right: Array, bins: int = 10) -> float:
    """Returns the expected calibration error: how far confidence is from what came true.

    Args:
      confidences: (M,), 0 to 1.
      right: (M,) bool.
      bins: Groups of equal width in confidence.
    """
    return float(sum(n * abs(said - true) for said, true, n in groups(confidences, right, bins)))


def groups(
    confidences: Array, right: Array, bins: int = 10
) -> Sequence[tuple[float, float, float]]:
    """Returns mean confidence, share of right ones and share of all, of each group that is there.

    Args:
      confidences: (M,), 0 to 1.
      right: (M,) bool.
      bins: Groups of equal width in confidence.
    """
    group = np.minimum((np.asarray(confidences) * bins).astype(int), bins - 1)
    rows = []
    for i in range(bins):
        inside = group == i
        if inside.any():
            share = float(inside.mean())
            rows.append((float(confidences[inside].mean()), float(right[inside].mean()), share))
    return rows


def _curves(kind: str, heights: Array, right: Array, known: Array) -> tuple[Floats, Floats]:
    """Knots (K,) and curves (L or 1, K)."""
    low, high = heights[known].min(), heights[known].max()
    knots = np.linspace(low, max(high, low + 1e-6), _KNOTS)
    if kind == ISOTONIC:
        return knots, _isotonic(heights[known], right[known], knots)[None]
    return knots, np.clip(_logistic(heights, right, known, knots), _EDGE, 1 - _EDGE)


def _read(knots: Floats, curves: Floats, heights: Array) -> Floats:
    columns = [
        np.interp(heights[:, i], knots, curves[i % len(curves)]) for i in range(heights.shape[1])
    ]
    return np.stack(columns, axis=1)


def _isotonic(heights: Array, right: Array, knots: Floats) -> Floats:
    order = np.argsort(heights, kind="stable")
    fitted = optimize.isotonic_regression(right[order].astype(float)).x
    values = np.interp(knots, heights[order], fitted)
    return np.maximum.accumulate(np.clip(values, _EDGE, 1 - _EDGE))


def _logistic(heights: Array, right: Array, known: Array, knots: Floats) -> Floats:
    """Curves (L, K) of one slope, not falling, that start at a place of each landmark's own.

    The fewer faces show a landmark, the nearer its start is to that of all.
    """
    center, spread = heights[known].mean(), max(heights[known].std(), 1e-6)
    scaled = (heights - center) / spread
    sign = np.where(right, 1.0, -1.0) * known

    def loss(values: Array) -> tuple[float, Floats]:
        slope, start, moved = values[0], values[1], values[2:]
        margin = sign * (slope * scaled + start + moved)
        pull = -sign * special.expit(-margin)  # 0 where nothing is known
        own = pull.sum(axis=0) + _PRIOR * moved
        gradient = np.array([(pull * scaled).sum() + _PRIOR * slope, pull.sum(), *own])
        total = (np.logaddexp(0, -margin) * known).sum()
        return float(total + 0.5 * _PRIOR * ((moved**2).sum() + slope**2)), gradient

    first = np.array([1.0, 1.0, *np.zeros(heights.shape[1])])
    bounds = [(0, None), *[(None, None)] * (len(first) - 1)]
    found = optimize.minimize(loss, first, jac=True, bounds=bounds, method="L-BFGS-B").x
    return special.expit(found[0] * (knots - center) / spread + found[1] + found[2:, None])


def _log_loss(said: Array, right: Array) -> float:
    said = np.clip(said, _EDGE, 1 - _EDGE)
    return -float(np.log(np.where(right, said, 1 - said)).mean())
