"""TypiClust: one typical face from each part of the pool, none of which looks like a labeled one.

Source: Hacohen, Dekel and Weinshall, Active learning on a budget: opposite strategies suit high and
low budgets, ICML 2022 (TPC_RP): with few labels typical examples teach more than unusual ones. It
needs points that lie close together where faces are alike, such as stage 1's embeddings, and no
label, so that even the first faces can be chosen by it.
"""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.cluster import vq
from scipy.spatial import distance

Array = npt.NDArray[Any]
Places = npt.NDArray[np.int64]

# As in the paper.
MOST_CLUSTERS = 500
SMALLEST_CLUSTER = 5
NEIGHBORS = 20
_STARTS, _ITERATIONS = 5, 50


def typiclust(pool: Array, labeled: Array, count: int, *, seed: int = 0) -> Places:
    """Takes, count times, the most typical point of the largest cluster with fewest labeled ones.

    All points are cut into as many clusters as there will be labeled points (500 at most); those
    of five points or fewer are left out, unless there are no others.

    Args:
      pool: (N, D).
      labeled: (M, D), points that are chosen already; M may be 0.
      count: How many points to choose.
      seed: Of the clusters' first centers.

    Returns:
      (count,) int64 places in the pool, the first choice first.

    Raises:
      ValueError: There are not so many points, or the shapes do not fit.
    """
    check_points(pool, labeled, count)
    points = np.concatenate([pool, labeled]).astype(np.float64)
    cluster = k_means(points, min(len(labeled) + count, MOST_CLUSTERS, len(points)), seed)
    own, theirs = cluster[: len(pool)], cluster[len(pool) :]
    sizes = np.bincount(cluster)
    chosen_in = np.bincount(theirs, minlength=len(sizes))
    usable = sizes > SMALLEST_CLUSTER
    if not usable.any():
        usable = sizes > 0
    free = np.ones(len(pool), bool)
    chosen: list[int] = []
    for _ in range(count):
        has_free = np.bincount(own[free], minlength=len(sizes)) > 0
        open_ = has_free & usable if (has_free & usable).any() else has_free
        # Fewest labeled ones, then the largest, then the first.
        best = np.lexsort((-sizes, chosen_in, ~open_))[0]
        members = np.flatnonzero(free & (own == best))
        place = int(members[typicality(points[members]).argmax()])
        chosen.append(place)
        free[place] = False
        chosen_in[best] += 1
    return np.array(chosen, np.int64)


def typicality(points: Array) -> npt.NDArray[np.float64]:
    """Returns how typical each point is among these: 1 / its mean distance to the nearest others.

    Args:
      points: (N, D); the nearest are 20, or half of the points where these are fewer than 40.

    Returns:
      (N,) float64, higher = more typical; infinite for points with that many copies.
    """
    nearest = min(NEIGHBORS, max(len(points) // 2, 1))
    if len(points) == 1:
        return np.ones(1)
    distances = distance.cdist(points, points)
    np.fill_diagonal(distances, np.inf)
    mean = np.partition(distances, nearest - 1, axis=1)[:, :nearest].mean(axis=1)
    with np.errstate(divide="ignore"):
        return 1 / mean


def k_means(points: Array, clusters: int, seed: int) -> Places:
    """Returns each point's cluster, (N,), by k-means from k-means++; the best of a few starts."""
    best, least = np.zeros(len(points), np.int64), np.inf
    clusters = min(clusters, len(np.unique(points, axis=0)))  # more could not be told apart
    rng = np.random.default_rng(seed)
    for _ in range(_STARTS):
        with warnings.catch_warnings():
            # A cluster may lose its last point to others; nobody chooses from it then.
            warnings.simplefilter("ignore", UserWarning)
            centers, labels = vq.kmeans2(
                points, clusters, iter=_ITERATIONS, minit="++", rng=rng, check_finite=False
            )
        inertia = float(np.square(points - centers[labels]).sum())
        if inertia < least:
            best, least = labels.astype(np.int64), inertia
    return best


def check_points(pool: Array, labeled: Array, count: int) -> None:
    """Raises ValueError unless so many of (N, D) points can be chosen beside (M, D) ones."""
    if not 0 < count <= len(pool):
        raise ValueError(f"cannot choose {count} of {len(pool)} points")
    if pool.ndim != 2 or labeled.ndim != 2 or pool.shape[1] != labeled.shape[1]:
        raise ValueError(f"need (N, D) and (M, D), not {pool.shape} and {labeled.shape}")
