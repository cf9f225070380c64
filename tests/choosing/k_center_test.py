"""K-center-greedy against plain NumPy in float64; its memory for a million faces."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.choosing import k_center


def _oracle(pool: np.ndarray, labeled: np.ndarray, count: int) -> list[int]:
    pool, chosen = pool.astype(np.float64), []
    centers = list(labeled.astype(np.float64))
    for _ in range(count):
        distances = np.full(len(pool), np.inf)
        for center in centers:
            distances = np.minimum(distances, ((pool - center) ** 2).sum(axis=1))
        distances[chosen] = -1
        chosen.append(int(distances.argmax()))
        centers.append(pool[chosen[-1]])
    return chosen


@pytest.mark.parametrize("num_labeled", [0, 1, 12])
def test_against_numpy(num_labeled):
    rng = np.random.default_rng(num_labeled)
    pool = rng.standard_normal((61, 9)).astype(np.float32)
    labeled = rng.standard_normal((num_labeled, 9)).astype(np.float32)
    chosen = k_center.k_center_greedy(pool, labeled, 15)
    assert chosen.dtype == np.int64
    assert chosen.tolist() == _oracle(pool, labeled, 15)


def test_ties_go_to_the_first_and_no_point_is_chosen_twice():
    # Whole numbers: float32 and float64 agree on what is equally far.
    pool = np.random.default_rng(5).integers(0, 2, (40, 3)).astype(np.float32)
    labeled = pool[:1]
    chosen = k_center.k_center_greedy(pool, labeled, 40).tolist()
    assert chosen == _oracle(pool, labeled, 40)
    assert sorted(chosen) == list(range(40))


def test_an_order_chooses_among_its_points_and_breaks_ties():
    pool = np.array([[9], [0], [5], [-5], [1]], np.float32)
    labeled = np.zeros((1, 1), np.float32)
    chosen = k_center.k_center_greedy(pool, labeled, 2, order=np.array([4, 3, 2]))
    assert chosen.tolist() == [1, 2]  # places in the order: points 3 and 2


@pytest.mark.parametrize(
    ("pool", "labeled", "count", "message"),
    [
        ((3, 2), (1, 2), 4, "cannot choose 4 of 3"),
        ((3, 2), (1, 2), 0, "cannot choose 0 of 3"),
        ((3, 2), (1, 3), 1, r"need \(N, D\) and \(M, D\)"),
    ],
)
def test_impossible_choices_are_refused(pool, labeled, count, message):
    with pytest.raises(ValueError, match=message):
        k_center.k_center_greedy(np.zeros(pool), np.zeros(labeled), count)


def test_a_million_faces_fit_into_4_gib():
    """What the compiled program needs, without running it: one copy of the pool, and little."""
    points = jax.ShapeDtypeStruct((99, 1_000_000), jnp.float32)
    nearest = jax.ShapeDtypeStruct((1_000_000,), jnp.float32)
    center = jax.ShapeDtypeStruct((99,), jnp.float32)
    analysis = k_center._closer.lower(nearest, points, center).compile().memory_analysis()
    assert analysis.temp_size_in_bytes < 64 * 2**20
    assert analysis.argument_size_in_bytes < 0.4 * 2**30
