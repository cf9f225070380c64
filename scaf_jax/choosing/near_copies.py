"""Faces that are nearly the same, such as frames of one scene: one of them is worth annotating."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

Array = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

# Of the median distance between two faces of a pool.
NEAR = 0.35
_PAIRS = 20_000


def distinct(pool: Array, labeled: Array, *, least: int, near: float = NEAR) -> Places:
    """Leaves out points with a labeled or an earlier point nearby.

    Args:
      pool: (N, D).
      labeled: (M, D), points that are chosen already; M may be 0.
      least: Where fewer points would stay, the first of those left out come back.
      near: How close a near copy is, as a share of the median distance between points.

    Returns:
      (at least `least`,) int64 places in the pool, ascending.
    """
    radius = near * median_distance(pool)
    tree = KDTree(pool)
    free = np.ones(len(pool), bool)
    if len(labeled):
        for places in tree.query_ball_point(labeled, radius):
            free[places] = False
    for place in range(len(pool)):
        if free[place]:
            copies = np.array(tree.query_ball_point(pool[place], radius), np.int64)
            free[copies[copies > place]] = False
    back = np.flatnonzero(~free)[: max(0, least - int(free.sum()))]
    free[back] = True
    return np.flatnonzero(free)


def median_distance(points: Array) -> float:
    """Returns the median distance between two of (N, D) points, from 20,000 pairs, seeded."""
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, len(points), (2, _PAIRS))
    apart = first != second
    if not apart.any():
        return 0.0
    return float(np.median(np.linalg.norm(points[first] - points[second], axis=1)[apart]))
