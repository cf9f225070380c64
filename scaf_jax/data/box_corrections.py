"""From the boxes of a face detector, or about landmarks, to boxes like those of a training.

Each detector has its own idea of where a face ends. What it is wrong by, as fractions of its box,
is nearly the same for every face, and is fitted once on faces whose boxes are known.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.files import json_fields

Array = npt.NDArray[Any]

MIN_FACES = 5
# A fit beyond these is of boxes that do not belong together.
_LARGEST_SHIFT, _LARGEST_SCALE = 2.0, 5.0


@dataclasses.dataclass(frozen=True)
class BoxCorrection:
    """How boxes of one kind become boxes of another.

    Attributes:
      shift_x: How far the center moves to the right, as a fraction of the box's width.
      shift_y: How far it moves down, as a fraction of its height.
      scale_x: What its width is multiplied by.
      scale_y: What its height is multiplied by.
      faces: How many faces it was fitted on.

    Raises:
      ValueError: A value is not finite or makes no sense.
    """

    shift_x: float = 0.0
    shift_y: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0
    faces: int = 0

    def __post_init__(self) -> None:
        for name in ("shift_x", "shift_y"):
            value = getattr(self, name)
            if not (math.isfinite(value) and abs(value) <= _LARGEST_SHIFT):
                raise ValueError(f"{name} is {value}, not within {_LARGEST_SHIFT} of 0")
        for name in ("scale_x", "scale_y"):
            value = getattr(self, name)
            if not 1 / _LARGEST_SCALE <= value <= _LARGEST_SCALE:
                raise ValueError(f"{name} is {value}, not within {_LARGEST_SCALE} times of 1")
        if self.faces < 0:
            raise ValueError(f"faces is {self.faces}")

    def apply(self, boxes: Array) -> npt.NDArray[np.float64]:
        """Returns corrected boxes.

        Args:
          boxes: (..., 4) x0, y0, x1, y1.

        Returns:
          (..., 4) float64.
        """
        boxes = np.asarray(boxes, np.float64)
        start, stop = boxes[..., :2], boxes[..., 2:]
        size = stop - start
        center = (start + stop) / 2 + size * (self.shift_x, self.shift_y)
        half = size * (self.scale_x, self.scale_y) / 2
        return np.concatenate([center - half, center + half], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Returns it as JSON values, for `from_dict`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "BoxCorrection":
        """Returns the correction that `to_dict` gave.

        Raises:
          ValueError: A field is missing, unknown or wrong.
        """
        names = (field.name for field in dataclasses.fields(cls))
        json_fields.check(content, dict.fromkeys(names, json_fields.NUMBER))
        return cls(**content)


def fit(boxes: Array, wanted: Array) -> BoxCorrection:
    """Fits a correction; some boxes that are wrong do no harm.

    Args:
      boxes: (N, 4) x0, y0, x1, y1 of faces.
      wanted: (N, 4), the boxes of the same faces that they should become.

    Returns:
      The medians of what the boxes are wrong by.

    Raises:
      ValueError: There are fewer than `MIN_FACES`, or the boxes do not belong together.
    """
    boxes, wanted = np.asarray(boxes, np.float64), np.asarray(wanted, np.float64)
    if len(boxes) < MIN_FACES:
        raise ValueError(f"a correction of boxes needs {MIN_FACES} faces; there are {len(boxes)}")
    size, wanted_size = boxes[:, 2:] - boxes[:, :2], wanted[:, 2:] - wanted[:, :2]
    moved = (wanted[:, :2] + wanted[:, 2:] - boxes[:, :2] - boxes[:, 2:]) / 2
    shift = np.median(moved / size, axis=0)
    scale = np.exp(np.median(np.log(wanted_size / size), axis=0))
    return BoxCorrection(*map(float, (*shift, *scale)), faces=len(boxes))


def about_landmarks(landmarks: Array) -> npt.NDArray[np.float64]:
    """Returns the tight boxes (..., 4), pixel edges, about landmarks (..., L, 2), pixel centers."""
    low, high = landmarks.min(axis=-2), landmarks.max(axis=-2)
    return np.concatenate([low - 0.5, high + 0.5], axis=-1)
