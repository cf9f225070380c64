"""What coordinates and landmark names mean in each annotation tool.

Everything inside the project counts from pixel *centers*: a point on the center of a photo's first
pixel is (0, 0). The tools count otherwise:

- `EDGES` (COCO keypoints, CVAT): pixel i covers [i, i + 1), so that point is (0.5, 0.5);
- `PERCENT` (Label Studio): the same, in percent of the photo's width and height;
- `ONE_BASED` (iBUG's `.pts`): centers counted from 1, so that point is (1, 1).
"""

import enum
import re

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]

_NUMBER = re.compile(r"[0-9]{1,4}")


class Unit(enum.Enum):
    """How a file counts coordinates; see the module."""

    EDGES = "edges"
    PERCENT = "percent"
    ONE_BASED = "one_based"


def from_centers(points: ArrayLike, unit: Unit, width: int, height: int) -> Floats:
    """Converts the project's coordinates to a tool's.

    Args:
      points: (..., 2) x and y, pixels of the photo; the center of the first pixel is 0.
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


def to_centers(points: ArrayLike, unit: Unit, width: int, height: int) -> Floats:
    """The inverse of `from_centers`."""
    points = np.asarray(points, np.float64)
    if unit is Unit.ONE_BASED:
        return points - 1
    if unit is Unit.EDGES:
        return points - 0.5
    return points / 100 * np.array([width, height], np.float64) - 0.5


def landmark_name(given: str, scheme: LandmarkScheme) -> str:
    """Returns what the scheme calls a landmark that a file calls by its name or 0-based number.

    Tools are given the names. Numbers are what people write about points, and what projects hold
    that were begun when tools were given these. Any other text is returned as it is.

    Args:
      given: From a file.
      scheme: What the landmarks mean.
    """
    names = scheme.landmark_names
    is_number = _NUMBER.fullmatch(given) and int(given) < len(names)
    # Where names are numbers themselves, they alone count.
    if not is_number or any(_NUMBER.fullmatch(name) for name in names):
        return given
    return names[int(given)]
