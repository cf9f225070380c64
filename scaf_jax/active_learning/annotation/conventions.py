"""What coordinates and landmark names mean in each annotation tool.

Everything inside the project counts from pixel *centres*: a point on the centre of a photo's first
pixel is (0, 0). The tools count otherwise:

- `EDGES` (COCO keypoints, CVAT): pixel i covers [i, i + 1), so that point is (0.5, 0.5);
- `PERCENT` (Label Studio): the same, in per cent of the photo's width and height;
- `ONE_BASED` (iBUG's `.pts`): centres counted from 1, so that point is (1, 1).
"""

import enum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]


class Unit(enum.Enum):
    """How a file counts coordinates; see the module."""

    EDGES = "edges"
    PERCENT = "percent"
    ONE_BASED = "one_based"


def from_centres(points: ArrayLike, unit: Unit, width: int, height: int) -> Floats:
    """Converts the project's coordinates to a tool's.

    Args:
      points: (..., 2) x and y, pixels of the photo; the centre of the first pixel is 0.
      unit: How the tool counts.
      width: Of the photo, pixels.
      height: Same.

    Returns:
      (..., 2) float64.
    """
    points = np.asarray(points, np.float64)
    if unit is Unit.ONE_BASED:
        return points + 1
    if unit is Unit.EDGES:
        return points + 0.5
    return (points + 0.5) * 100 / np.array([width, height], np.float64)


def to_centres(points: ArrayLike, unit: Unit, width: int, height: int) -> Floats:
    """The inverse of `from_centres`."""
    points = np.asarray(points, np.float64)
    if unit is Unit.ONE_BASED:
        return points - 1
    if unit is Unit.EDGES:
        return points - 0.5
    return points / 100 * np.array([width, height], np.float64) - 0.5


def landmark_names(scheme: LandmarkScheme) -> tuple[str, ...]:
    """What the landmarks are called in the tools: their 0-based numbers, '0', '1', ..."""
    return tuple(str(i) for i in range(scheme.num_landmarks))
