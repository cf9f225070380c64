"""Choices that cover a pool: ProbCover's balls, and the shortest way to the nearest labeled face.

Both need points that lie close together where faces are alike, such as stage 1's embeddings, and
no label. They are greedy, which for such aims is at most 1 / e from the best choice.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import distance

from scaf_jax.choosing import typicality

Array = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

COVERED_SHARE = 0.5
_RADII = 60


def prob_cover(
    pool: Array, labeled: Array, count: int, *, covered_share: float = COVERED_SHARE
) -> Places:
    """Takes, count times, the point whose ball holds most points that no ball holds yet.

    Source: Yehuda, Dekel, Hacohen and Weinshall, Active learning through a covering lens, NeurIPS
    2022. The paper takes the balls' radius from classes that it guesses; landmarks have none. Here
    it is the smallest one (of 60 quantiles of the distances) at which the balls, were all of them
    chosen so, hold `covered_share` of the points.

    Args:
      pool: (N, D).
      labeled: (M, D), points that have their balls already; M may be 0.
      count: How many points to choose.
      covered_share: See above, in 0..1.

    Returns:
      (count,) int64 places in the pool, the first choice first; of equal points the first.

    Raises:
      ValueError: There are not so many points, or the shapes do not fit.
    """
    typicality.check_points(pool, labeled, count)
    between = distance.cdist(pool, pool)
    to_labeled = distance.cdist(pool, labeled)
    radius = _radius(between, len(labeled) + count, covered_share)
    covered = np.atleast_1d((to_labeled <= radius).any(axis=1))
    return _balls(between <= radius, covered, count)


def _radius(between: Array, balls: int, share: float) -> float:
    """The smallest radius at which so many balls hold a share of (N, N) points."""
    nothing = np.zeros(len(between), bool)
    candidates = np.quantile(between, np.linspace(0, 1, _RADII + 1))
    low, high = 0, _RADII
    while low < high:  # more radius, more points in the balls
        middle = (low + high) // 2
        near = between <= candidates[middle]
        held = near[_balls(near, nothing, min(balls, len(between)))].any(axis=0).mean()
        low, high = (low, middle) if held >= share else (middle + 1, high)
    return float(candidates[low])


def _balls(near: Array, covered: Array, count: int) -> Places:
    """Greedy cover by the rows of (N, N) bool; `covered` (N,) are held already."""
    gains = (near & ~covered).sum(axis=1)
    covered, chosen = covered.copy(), []
    for _ in range(count):
        best = int(gains.argmax())
        new = near[best] & ~covered
        gains -= near[:, new].sum(axis=1)
        gains[best] = -1  # once only; below what any other has
        covered |= new
        chosen.append(best)
    return np.array(chosen, np.int64)


def facility_location(pool: Array, labeled: Array, count: int) -> Places:
    """Takes, count times, the point that brings the pool nearest to its nearest chosen points.

    What falls is the mean distance of all points to the nearest chosen or labeled one: K-center
    looks at the farthest point alone, which is often an outlier. Source: Wei, Iyer and Bilmes,
    Submodularity in data subset selection and active learning, ICML 2015.

    Args:
      pool: (N, D).
      labeled: (M, D), points that are chosen already; M may be 0.
      count: How many points to choose.

    Returns:
      (count,) int64 places in the pool, the first choice first; of equal points the first.

    Raises:
      ValueError: There are not so many points, or the shapes do not fit.
    """
    typicality.check_points(pool, labeled, count)
    between = distance.cdist(pool, pool)
    nearest = np.full(len(pool), between.max())
    if len(labeled):
        nearest = distance.cdist(pool, labeled).min(axis=1)
    chosen: list[int] = []
    for _ in range(count):
        gains = np.maximum(nearest[:, None] - between, 0).sum(axis=0)
        gains[chosen] = -1
        best = int(gains.argmax())
        nearest = np.minimum(nearest, between[best])
        chosen.append(best)
    return np.array(chosen, np.int64)
