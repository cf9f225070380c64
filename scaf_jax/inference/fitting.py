"""Fits to a trained network what photos need: corrections of detector boxes, and confidences."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import box_corrections, images, sources
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.inference import bundle, one_pass, predictor, second_look
from scaf_jax.landmarks import confidence, metrics, normalizers
from scaf_jax.reporting import reliability
from scaf_jax.reporting.drawing import Image
from scaf_jax.training import progress

Array = npt.NDArray[Any]

# Of a face's boxes, the one that overlaps its true box most is of it, if it does by so much.
_SAME_FACE = 0.2


@dataclasses.dataclass(frozen=True)
class Found:
    """What a detector says of labeled faces.

    Attributes:
      boxes: (N, 4) x0, y0, x1, y1, pixel edges; NaN where a face was not found.
      wanted: (N, 4), the boxes that are known.
    """

    boxes: npt.NDArray[np.float64]
    wanted: npt.NDArray[np.float64]

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """(N,), which faces were found."""
        return np.asarray(np.isfinite(self.boxes).all(axis=1))

    def correction(self) -> BoxCorrection:
        """Fits what brings these boxes to those that are known; raises as `fit`."""
        return box_corrections.fit(self.boxes[self.there], self.wanted[self.there])


class DetectedSource:
    """A source whose detector boxes are others; where one is not finite, it is the true box."""

    def __init__(self, source: sources.Source, boxes: Array) -> None:
        """Takes faces and their (N, 4) boxes."""
        self._source, self._boxes = source, boxes

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> sources.Record:
        record, box = self._source[index], self._boxes[index]
        box = box if np.isfinite(box).all() else record["box_ground_truth"]
        return {**record, "box_detector": np.asarray(box, np.float32)}

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        return self._source.keys


def find(source: sources.Source, detector: detectors.Detector) -> Found:
    """Looks for each face of a source.

    Args:
      source: Faces whose boxes are known.
      detector: What looks.

    Raises:
      ImageError: A photo cannot be decoded.
    """
    boxes = np.full((len(source), 4), np.nan)
    wanted = np.zeros((len(source), 4))
    for i in progress.track(range(len(source)), "detect"):
        record = source[i]
        wanted[i] = record["box_ground_truth"]
        pixels, _ = images.decode_image(record["image"], record["key"])
        found = detector.detect(pixels).boxes
        overlaps = detectors.overlap(wanted[i], found) if len(found) else np.zeros(1)
        if overlaps.max() > _SAME_FACE:
            boxes[i] = found[int(overlaps.argmax())]
    return Found(boxes, wanted)


def about_landmarks(source: sources.Source) -> BoxCorrection:
    """Fits from tight boxes about landmarks to the boxes of the faces, of those that show all.

    Raises:
      ValueError: Too few faces show all landmarks; the message says how many do.
    """
    tight: list[Array] = []
    wanted: list[Array] = []
    for i in range(len(source)):
        record = source[i]
        if np.all(record["landmark_mask"]):
            tight.append(box_corrections.about_landmarks(record["landmarks"]))
            wanted.append(record["box_ground_truth"])
    if len(tight) < box_corrections.MIN_FACES:
        raise ValueError(
            f"{len(tight)} of {len(source)} labeled faces have every landmark, and "
            f"{box_corrections.MIN_FACES} are needed"
        )
    return box_corrections.fit(np.array(tight).reshape(-1, 4), np.array(wanted).reshape(-1, 4))


class Fitter:
    """One network, asked of faces whose landmarks are known."""

    def __init__(
        self,
        network: bundle.Bundle,
        settings: one_pass.PassSettings,
        *,
        flip: bool,
        normalizer: str,
    ) -> None:
        """Takes a network.

        Args:
          network: The network.
          settings: How the machine is used.
          flip: Whether heatmaps are averaged with those of the mirrored crop.
          normalizer: What errors are divided by.
        """
        self._network, self._normalizer = network, normalizer
        self._predictor = predictor.Predictor(network, settings, flip=flip)

    def calibrated(
        self, source: sources.Source, origin: str
    ) -> tuple[confidence.Calibration, Image]:
        """Fits confidences on faces that the network was not trained on.

        Args:
          source: The faces, cut out by the boxes of the network's training.
          origin: Which they are, in words.

        Returns:
          The fit, and a picture of how such fits came true on faces that they were left out of.

        Raises:
          CalibrationError: They are too few, or tell nothing.
        """
        found = self._predictor.predict(source)
        distances = normalizers.normalizing_distances(
            found.photo_landmarks,
            self._network.scheme,
            self._normalizer,
            mask=found.landmark_mask,
            boxes=found.box_ground_truth,
        )
        errors = metrics.landmark_errors(
            found.landmarks[self._network.decoder],
            found.photo_landmarks,
            distances,
            mask=found.landmark_mask,
        )
        normalizer = self._normalizer
        fitted = confidence.fit(found.heights, errors, normalizer=normalizer, origin=origin)
        divisor = normalizers.normalizer_text(self._network.scheme, normalizer)
        picture = reliability.reliability(
            *confidence.left_out(found.heights, errors, fitted.kind),
            title=f"Confidence on faces left out of {fitted.faces}",
            right_means=f"within {fitted.right_percent:g} % of {divisor}",
        )
        return fitted, picture

    def second_boxes(self, source: sources.Source, boxes: Array, about: BoxCorrection) -> Array:
        """Returns the boxes (N, 4) of a second look, after one in boxes (N, 4); see there."""
        found = self._predictor.predict(DetectedSource(source, boxes), box="detector")
        landmarks = found.landmarks[self._network.decoder]
        again = second_look.boxes(boxes, landmarks, about)
        return np.where(np.isfinite(boxes), again, boxes)

    def nme(self, source: sources.Source, boxes: Array | None = None) -> float:
        """Returns the mean NME, percent, with true boxes or with others (N, 4)."""
        chosen = source if boxes is None else DetectedSource(source, boxes)
        box = "ground_truth" if boxes is None else "detector"
        found = self._predictor.predict(chosen, box=box)
        values = metrics.nme(
            found.landmarks[self._network.decoder],
            found.photo_landmarks,
            self._network.scheme,
            self._normalizer,
            mask=found.landmark_mask,
            boxes=found.box_ground_truth,
        )
        return float(np.nanmean(values))
