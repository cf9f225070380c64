"""Near copies against plain Python."""

import numpy as np
import pytest

from scaf_jax.choosing import near_copies


def _oracle(pool, labeled, radius):
    kept = []
    for i, point in enumerate(pool):
        others = [*labeled, *(pool[j] for j in kept)]
        if all(np.sqrt(((point - other) ** 2).sum()) > radius for other in others):
            kept.append(i)
    return kept


@pytest.mark.parametrize("num_labeled", [0, 5])
def test_against_numpy(num_labeled):
    rng = np.random.default_rng(0)
    pool = rng.normal(size=(60, 2))
    labeled = rng.normal(size=(num_labeled, 2))
    radius = 0.2 * near_copies.median_distance(pool)
    expected = _oracle(pool, labeled, radius)
    assert 5 < len(expected) < 55
    assert near_copies.distinct(pool, labeled, least=1, near=0.2).tolist() == expected


def test_copies_come_back_where_there_is_nothing_else():
    pool = np.repeat(np.eye(3), 4, axis=0)
    assert near_copies.distinct(pool, pool[:0], least=1).tolist() == [0, 4, 8]
    assert near_copies.distinct(pool, pool[:0], least=5).tolist() == [0, 1, 2, 4, 8]
    assert near_copies.distinct(pool[:4], pool[:1], least=2).tolist() == [0, 1]


def test_the_median_distance_is_that_of_pairs():
    points = np.random.default_rng(1).normal(size=(300, 4))
    every = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(300, 1)]
    assert near_copies.median_distance(points) == pytest.approx(np.median(every), rel=0.02)
    assert near_copies.median_distance(points[:1]) == 0
