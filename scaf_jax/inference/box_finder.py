"""Boxes of the faces in a photo's pixels, like those that a network was trained with."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.inference import bundle, exported_network

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class BoxFinder:
    """A detector with what brings its boxes to those of a network.

    Attributes:
      detector: What looks for faces.
      correction: What becomes of its boxes.
      most_faces: How many faces of a photo are taken, the largest ones; 0 for all.
    """

    detector: detectors.Detector
    correction: BoxCorrection = BoxCorrection()
    most_faces: int = 0

    def __post_init__(self) -> None:
        most = self.most_faces
        if isinstance(most, bool) or not isinstance(most, int) or most < 0:
            raise ValueError(f"most_faces must be 0 (all) or more, not {most!r}")

    @property
    def side(self) -> int:
        """How long the longer side of a photo should be at least, pixels."""
        return max(self.detector.sides)

    def __call__(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Returns the boxes (N, 4) of the faces of (H, W, 3) uint8 RGB, the surest first."""
        boxes = self.correction.apply(self.detector.detect(pixels).boxes)
        size = (pixels.shape[1], pixels.shape[0])
        inside = ((boxes[:, :2] < size) & (boxes[:, 2:] > 0)).all(axis=1)
        boxes = boxes[inside]
        if self.most_faces and len(boxes) > self.most_faces:
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
            boxes = boxes[np.sort(np.argsort(-areas, kind="stable")[: self.most_faces])]
        return boxes


def make(
    network: bundle.Bundle | exported_network.ExportedNetwork, detector: str, most_faces: int = 0
) -> BoxFinder:
    """Returns what finds faces for a network.

    Args:
      network: The network.
      detector: One of `detectors.NAMES`.
      most_faces: See `BoxFinder`.

    Raises:
      detectors.DetectorMissingError: The detector's package is not installed.
      ValueError: There is no such detector, or `most_faces` is no number of faces.
    """
    found = detectors.load(detector)
    correction = network.fitted.boxes.get(detector)
    if correction is None:
        logging.warning(
            "nothing was fitted to this network for boxes of the detector '%s': they are used as "
            "they are, and landmarks may be worse than with boxes like those of the training. "
            "`python -m scaf_jax.fit RUN --data=NAME --detector=%s` fits it",
            detector,
            detector,
        )
        correction = BoxCorrection()
    return BoxFinder(found, correction, most_faces)
