"""What a user gets of photos: faces with their landmarks."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclasses.dataclass(frozen=True)
class Faces:
    """N faces and their landmarks.

    Attributes:
      landmarks: (N, L, 2) float64 x, y in pixels of the photo; the center of the first pixel is 0.
      nnm: (N,) float32, how unsure the network is: the Negative Neighborhood Magnitude, which
        compares faces of one network only. Higher is less sure.
      boxes: (N, 4) float32, the face boxes that were looked at; x0, y0, x1, y1, pixel edges.
      photo: (N,) int64, the number of the face's photo among those that were given.
      confidence: (N, L) float32, 0 to 1: the share of such landmarks of held-out faces that were
        right, see `landmarks.confidence`; None where the network has no calibration.
      heatmaps: (N, H, H, L) float32 of the crops, where asked for.
      reconstructions: (N, S, S, 3) uint8 RGB, the crops as the generator rebuilds them, where
        asked for.
    """

    landmarks: npt.NDArray[np.float64]
    nnm: npt.NDArray[np.float32]
    boxes: npt.NDArray[np.float32]
    photo: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32] | None = None
    heatmaps: npt.NDArray[np.float32] | None = None
    reconstructions: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.landmarks)


@dataclasses.dataclass(frozen=True)
class FileFaces:
    """What was found in one photo's file.

    Attributes:
      path: The file.
      faces: Its faces; None where it could not be used.
      size: (width, height) as people see it, pixels; None where it could not be used.
      error: Why it could not be used, with its name; empty if it could.
    """

    path: pathlib.Path
    faces: Faces | None
    size: tuple[int, int] | None = None
    error: str = ""


def joined(parts: Sequence[Faces]) -> Faces:
    """Returns the faces of one part after the other; there must be one part at least."""
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(Faces):
        values = [getattr(part, field.name) for part in parts]
        columns[field.name] = None if values[0] is None else np.concatenate(values)
    return Faces(**columns)
