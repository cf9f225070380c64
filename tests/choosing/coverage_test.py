"""ProbCover and facility location against plain Python, and what they are for."""

import numpy as np
import pytest

from scaf_jax.choosing import coverage


def _points(count, seed=0):
    return np.random.default_rng(seed).normal(size=(count, 3))


def _distances(points, others):
    return np.array([[np.sqrt(((p - o) ** 2).sum()) for o in others] for p in points])


def _cover_oracle(near, covered, count):
    covered, chosen = set(np.flatnonzero(covered)), []
    for _ in range(count):
        gains = [
            -1 if i in chosen else len(set(np.flatnonzero(near[i])) - covered)
            for i in range(len(near))
        ]
        chosen.append(int(np.argmax(gains)))
        covered |= set(np.flatnonzero(near[chosen[-1]]))
    return chosen, covered


@pytest.mark.parametrize("num_labeled", [0, 4])
def test_prob_cover_against_numpy(num_labeled):
    pool, labeled, count = _points(50), _points(num_labeled, seed=1), 6
    between = _distances(pool, pool)
    none, both = np.zeros(50, bool), num_labeled + count
    radius = next(  # the first that covers half
        radius
        for radius in np.quantile(between, np.linspace(0, 1, 61))
        if len(_cover_oracle(between <= radius, none, both)[1]) >= 25
    )
    near = between <= radius
    balls, _ = _cover_oracle(near, none, both)
    covered = (_distances(pool, labeled) <= radius).any(axis=1) if num_labeled else np.zeros(50)
    expected, _ = _cover_oracle(near, covered, count)
    assert coverage.prob_cover(pool, labeled, count).tolist() == expected
    assert num_labeled or expected == balls[:count]


@pytest.mark.parametrize("num_labeled", [0, 4])
def test_facility_location_against_numpy(num_labeled):
    pool, labeled = _points(40), _points(num_labeled, seed=1)
    between = _distances(pool, pool)
    nearest = _distances(pool, labeled).min(axis=1) if num_labeled else np.full(40, between.max())
    expected = []
    for _ in range(7):
        means = [
            np.inf if i in expected else np.minimum(nearest, between[:, i]).mean()
            for i in range(40)
        ]
        expected.append(int(np.argmin(means)))
        nearest = np.minimum(nearest, between[:, expected[-1]])
    assert coverage.facility_location(pool, labeled, 7).tolist() == expected


def test_both_leave_an_outlier_that_k_center_would_take():
    pool = np.concatenate([_points(30), [[5.0, 0, 0]]])
    assert 30 not in coverage.prob_cover(pool, pool[:0], 4)
    assert 30 not in coverage.facility_location(pool, pool[:1], 2)


@pytest.mark.parametrize("choose", [coverage.prob_cover, coverage.facility_location])
def test_everything_can_be_chosen_and_nothing_twice(choose):
    pool = np.repeat(_points(4), 3, axis=0)
    assert sorted(choose(pool, pool[:2], 12)) == list(range(12))
    with pytest.raises(ValueError, match="cannot choose 13 of 12"):
        choose(pool, pool[:2], 13)
