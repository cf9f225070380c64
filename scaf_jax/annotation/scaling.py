"""Finds files whose landmarks are all those of photos of another size, or percent.

A single face does not tell: a person may move all points. Several faces that are off by the very
same factor, counted from their photos' corners, do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_FEWEST = 3  # faces
_LEAST = 0.03  # what people move by chance is no factor
_ALIKE = 0.01  # factors of faces, relative to their middle
# How much nearer the scaled proposals must be, of the distance to those as they are.
_MUCH_NEARER = 0.3


def find(given: Sequence[Floats], proposed: Sequence[Floats], sizes: Sequence[Floats]) -> str:
    """Returns what the landmarks of a file's faces seem to be; empty where nothing is odd.

    Args:
      given: (L, 2) each, landmarks in pixels, pixel edges (0 is the photo's corner).
      proposed: Same, those that were proposed for these faces.
      sizes: (2,) each, width and height of the photos.
    """
    if len(given) < _FEWEST:
        return ""
    percent = [p * 100 / size for p, size in zip(proposed, sizes, strict=True)]
    if _are_nearer(given, percent, proposed):
        return "percent of width and height"
    factors = np.array(
        [np.vdot(p, g) / np.vdot(p, p) for g, p in zip(given, proposed, strict=True)]
    )
    factor = float(np.median(factors))
    if abs(factor - 1) < _LEAST or (np.abs(factors - factor) > _ALIKE * factor).any():
        return ""
    if not _are_nearer(given, [p * factor for p in proposed], proposed):
        return ""
    return f"those of photos {factor:.2g} times as large"


def _are_nearer(
    given: Sequence[Floats], scaled: Sequence[Floats], proposed: Sequence[Floats]
) -> bool:
    return all(
        np.linalg.norm(g - s) < _MUCH_NEARER * np.linalg.norm(g - p)
        for g, s, p in zip(given, scaled, proposed, strict=True)
    )
