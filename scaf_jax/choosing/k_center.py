"""K-center-greedy: chooses points so that no point is far from a chosen or labeled one.

Source: Sener and Savarese, Active learning for convolutional neural networks: a core-set approach,
ICLR 2018; SCAF, sec. 4.6. Beside the pool only one distance a point is kept, and each choice goes
through the pool once: with a million embeddings of 99 numbers that takes less than 2 GiB.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def k_center_greedy(
    pool: Array,
    labeled: Array,
    count: int,
    *,
    order: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """Takes, count times, the point that is farthest from all chosen and labeled ones.

    Distances are Euclidean, in float32, from the differences themselves: the same point twice has
    distance 0. Points equally far: the first in the order. Without labeled points the first point
    is chosen first.

    Args:
      pool: (N, D).
      labeled: (M, D), points that count as chosen already; M may be 0.
      count: How many points to choose.
      order: (P,) places in the pool: these points only, in this order; all by default.

    Returns:
      (count,) int64 places in `order` (in the pool, by default), the first choice first.

    Raises:
      ValueError: There are not so many points, or the shapes do not fit.
    """
    total = len(pool) if order is None else len(order)
    if not 0 < count <= total:
        raise ValueError(f"cannot choose {count} of {total} points")
    if pool.ndim != 2 or labeled.ndim != 2 or pool.shape[1] != labeled.shape[1]:
        raise ValueError(f"need (N, D) and (M, D), not {pool.shape} and {labeled.shape}")
    points = pool if order is None else pool[order]
    by_coordinate = jnp.asarray(np.ascontiguousarray(points.T, np.float32))
    return np.array(_choose(by_coordinate, jnp.asarray(labeled, jnp.float32), count), np.int64)


def _choose(points: jax.Array, labeled: jax.Array, count: int) -> list[int]:
    """(D, N) points and (M, D) labeled ones to `count` chosen places."""
    nearest = jnp.full(points.shape[1], jnp.inf)
    for center in labeled:
        nearest = _closer(nearest, points, center)
    chosen = []
    for _ in range(count):
        farthest = jnp.argmax(nearest)  # of equal ones the first
        chosen.append(int(farthest))
        # A chosen point is below the distance 0 of a point that is there twice.
        nearest = _closer(nearest, points, points[:, farthest]).at[farthest].set(-jnp.inf)
    return chosen


@jax.jit
def _closer(nearest: jax.Array, points: jax.Array, center: jax.Array) -> jax.Array:
    """Distances (N,) of (D, N) points to the nearest center, now that there is one more (D,)."""
    # Written out, it is one loop over the points that keeps nothing between the coordinates; XLA's
    # sum along the first axis of so long a second one is a hundred times slower on CPU.
    total = jnp.square(points[0] - center[0])
    for coordinate in range(1, len(points)):
        total += jnp.square(points[coordinate] - center[coordinate])
    return jnp.minimum(nearest, total)
