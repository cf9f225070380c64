"""A face that a person is asked to annotate, as every format writes it."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

PHOTO_FOLDER = "photos"


@dataclasses.dataclass(frozen=True)
class AskedFace:
    """An exported face, as the index has it.

    Attributes:
      rank: Place in the order of annotating, from 1.
      file: Name of its copy of the photo.
      key: The record's key.
      width: Of the photo as people see it, pixels.
      height: Same.
      box: x0, y0, x1, y1 inside the photo; pixel i covers [i, i + 1).
      score: How uncertain the model is, higher is more; None if the choice was made without.
      landmarks: (L, 2) float64, the pre-labels as exported, pixel centers.
    """

    rank: int
    file: str
    key: str
    width: int
    height: int
    box: tuple[float, float, float, float]
    score: float | None
    landmarks: NDArray[np.float64]

    @property
    def stem(self) -> str:
        """The file name without its ending: also the name of the face's other files."""
        return self.file.rpartition(".")[0]
