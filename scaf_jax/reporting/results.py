"""What an evaluation hands to the report, and the numbers computed from it."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaf_jax.landmarks import metrics, normalizers
from scaf_jax.landmarks.schemes import LandmarkScheme

Array = NDArray[Any]
MEAN_SHAPE = "mean shape"


@dataclasses.dataclass(frozen=True)
class SplitResults:
    """Predictions on one test set. Coordinates are pixels of the original photos.

    Attributes:
      name: Name of the test set, as tables show it.
      keys: N names of faces.
      subsets: N names of the collections that the faces are from; may be empty strings.
      predicted: (N, L, 2) predicted landmarks.
      truth: (N, L, 2) true ones.
      mask: (N, L) bool, False where a true landmark is missing.
      boxes: (N, 4) true face boxes x0, y0, x1, y1, or None where no normalizer needs them.
      decoder: What to call `predicted` beside the others.
      others: Predictions of the same network decoded in other ways, (N, L, 2) by name.
      baseline: (N, L, 2) predictions of the mean shape, or None.
      found: (N,) bool, False where a face detector did not find the face, so that its predictions
        mean nothing; None where nothing had to be found.
    """

    name: str
    keys: Sequence[str]
    subsets: Sequence[str]
    predicted: Array
    truth: Array
    mask: Array
    boxes: Array | None = None
    decoder: str = "sub-pixel"
    others: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    baseline: Array | None = None
    found: Array | None = None

    def __post_init__(self) -> None:
        shape = self.truth.shape
        sizes = {"keys": len(self.keys), "subsets": len(self.subsets), "mask": len(self.mask)}
        sizes |= {} if self.found is None else {"found": len(self.found)}
        wrong = [f"{what} has {size}" for what, size in sizes.items() if size != shape[0]]
        wrong += [
            f"'{name}' is {points.shape}"
            for name, points in self.predictions().items()
            if points.shape != shape
        ]
        if wrong:
            raise ValueError(f"split '{self.name}': truth is {shape}, but {'; '.join(wrong)}")
        names = [self.decoder, *self.others, MEAN_SHAPE]
        if len(set(names)) != len(names):
            raise ValueError(f"split '{self.name}': predictors must have different names: {names}")

    def predictions(self) -> dict[str, Array]:
        """Returns all predictions by name: the decoder's first, the mean shape's last."""
        predictions = {self.decoder: self.predicted, **self.others}
        if self.baseline is not None:
            predictions[MEAN_SHAPE] = self.baseline
        return predictions

    def nme(
        self, scheme: LandmarkScheme, normalizer: str = normalizers.DEFAULT_NORMALIZER
    ) -> dict[str, Array]:
        """Returns the NME of each face in percent, (N,), by the predictor's name.

        It is NaN for a face that lacks all landmarks, or those that errors are divided by, and
        infinite for any other that was not found.

        Raises:
          ValueError: A prediction is not finite (it names the face), or no face can be normalized.
        """
        distances = normalizers.normalizing_distances(
            self.truth, scheme, normalizer, mask=self.mask, boxes=self.boxes, keys=self.keys
        )
        errors = {
            name: metrics.face_nme(
                metrics.landmark_errors(
                    points, self.truth, distances, mask=self.mask, keys=self.keys
                )
            )
            for name, points in self.predictions().items()
        }
        if self.found is None:
            return errors
        lost = ~np.asarray(self.found, bool)
        return {name: np.where(lost & ~np.isnan(nme), np.inf, nme) for name, nme in errors.items()}

    def left_out(self, scheme: LandmarkScheme, normalizer: str) -> dict[str, int]:
        """Returns how many faces do not count, by reason; those that have no NME.

        Args:
          scheme: What the landmarks mean.
          normalizer: What errors are divided by.
        """
        mask = np.asarray(self.mask, bool)
        needed = normalizers.needed_landmarks(scheme, normalizer)
        empty = ~mask.any(axis=1)
        lacking = ~mask[:, needed].all(axis=1) & ~empty
        distances = normalizers.normalizing_distances(
            self.truth, scheme, normalizer, mask=mask, boxes=self.boxes, keys=self.keys
        )
        zero = np.isnan(distances) & ~empty & ~lacking
        divisor = normalizers.normalizer_text(scheme, normalizer)
        reasons = {
            "no landmark of theirs is known": int(empty.sum()),
            f"what errors are divided by, {divisor}, is not known": int(lacking.sum()),
            f"what errors are divided by, {divisor}, is 0": int(zero.sum()),
        }
        return {reason: count for reason, count in reasons.items() if count}


@dataclasses.dataclass(frozen=True)
class ReconstructionResults:
    """How well an autoencoder rebuilds one set of images.

    Attributes:
      name: Name of the set, as tables show it.
      l1: (N,) mean absolute difference of each image, gray levels (0 to 255).
      ssim: (N,) structural similarity of each image.
    """

    name: str
    l1: Array
    ssim: Array

    def __post_init__(self) -> None:
        if self.l1.ndim != 1 or self.l1.shape != self.ssim.shape:
            raise ValueError(
                f"set '{self.name}': l1 and ssim must both hold one number an image; they are "
                f"{self.l1.shape} and {self.ssim.shape}"
            )


def alignment_metrics(
    splits: Sequence[SplitResults],
    scheme: LandmarkScheme,
    normalizer: str,
    thresholds: Sequence[float],
    per_face: Mapping[str, Mapping[str, Array]],
) -> dict[str, Any]:
    """Returns the numbers of a report as plain data, ready for JSON.

    Args:
      splits: The test sets.
      scheme: What the landmarks mean.
      normalizer: What `per_face` is divided by.
      thresholds: Of failure rate and CED area, percent.
      per_face: NME of each face by test set and predictor.

    Returns:
      `splits[set]["predictors"][predictor][normalizer]` holds `nme`, `fr@T`, `auc@T` and `faces`;
      `splits[set]["subsets"]` the same of the decoder by subset, where there are several,
      `splits[set]["left_out"]` how many faces do not count, by reason, and `["not_found"]` how
      many that count were not found.
    """
    results: dict[str, Any] = {}
    for split in splits:
        nme = per_face[split.name]
        results[split.name] = {
            "decoder": split.decoder,
            "left_out": split.left_out(scheme, normalizer),
            "not_found": int(np.isinf(nme[split.decoder]).sum()),
            "predictors": {
                name: {normalizer: metrics.summarize(values, thresholds)}
                for name, values in nme.items()
            },
        }
        subsets = np.asarray(split.subsets, dtype=object)
        names = sorted(set(split.subsets))
        if len(names) > 1:
            results[split.name]["subsets"] = {
                name: {
                    normalizer: metrics.summarize(nme[split.decoder][subsets == name], thresholds)
                }
                for name in names
            }
    return {
        "scheme": scheme.name,
        "normalizer": normalizer,
        "thresholds": [float(threshold) for threshold in thresholds],
        "units": {"nme": "percent", "thresholds": "percent", "fr": "fraction", "auc": "fraction"},
        "splits": results,
    }
