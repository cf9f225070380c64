"""Finds files whose landmarks go by other numbers or names than those that were proposed.

A tool that sorts names (0, 1, 10, 11, 2) and leaves the points as they are gives each landmark the
place of another one. On a single face a person may have put proposed points right that had changed
places; the same exchange on several faces is none of theirs.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Floats = NDArray[np.float64]

_FEWEST = 3  # faces
_FEWEST_LANDMARKS = 2
# Of a face's size, as median over the faces: a landmark that is so far from its proposal is not
# where it was proposed.
_FAR = 0.2
# How much nearer the place that was proposed for another landmark must be.
_MUCH_NEARER = 0.3


def find(given: Sequence[Floats], proposed: Sequence[Floats]) -> list[tuple[int, int]]:
    """Returns (landmark, the one whose place it has) of landmarks that have changed places.

    Args:
      given: (L, 2) each, landmarks of a face; NaN where the photo does not show them.
      proposed: Same, those that were proposed for these faces.
    """
    if len(given) < _FEWEST:
        return []
    points, places = np.stack(given), np.stack(proposed)
    size = np.sqrt(places.var(axis=1).sum(axis=-1))[:, None, None]
    apart = np.linalg.norm(points[:, :, None] - places[:, None], axis=-1)
    known = np.isfinite(apart).any(axis=(0, 2))
    distances = np.full(apart.shape[1:], 0.0)
    distances[known] = np.nanmedian(apart[:, known] / np.maximum(size, 1e-9), axis=0)
    landmarks, others = optimize.linear_sum_assignment(distances)
    own, new = np.diagonal(distances), distances[landmarks, others]
    moved = np.flatnonzero((own > _FAR) & (new < _MUCH_NEARER * own))
    # Under other numbers all landmarks must lie near the proposals. They do not where a network
    # that has seen few faces is wrong alike on all: along the jaw it may put each landmark where
    # the next one is, and has none left for the last.
    if len(moved) < _FEWEST_LANDMARKS or new[known].max() > _FAR:
        return []
    return [(int(i), int(others[i])) for i in moved]
