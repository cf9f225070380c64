"""How many faces each round labels, and which settings are refused."""

import pytest

from scaf_jax import default_config
from scaf_jax.choosing import plan


@pytest.mark.parametrize(
    ("budget", "initial", "per_round", "expected"),
    [
        (50, 10, 10, (10, 20, 30, 40, 50)),
        (50, 10, 15, (10, 25, 40, 50)),  # the last round adds what is left
        (315, 10, 60, (10, 70, 130, 190, 250, 310, 315)),
        (10, 10, 5, (10,)),
        (11, 10, 5, (10, 11)),
    ],
)
def test_rounds_end_at_the_budget(budget, initial, per_round, expected):
    assert plan.label_counts(budget, initial, per_round) == expected


@pytest.mark.parametrize(
    ("numbers", "message"),
    [((0, 1, 1), "positive"), ((5, 10, 1), "more than the budget"), ((5, 1, 0), "positive")],
)
def test_numbers_that_do_not_fit_are_refused(numbers, message):
    with pytest.raises(ValueError, match=message):
        plan.label_counts(*numbers)


def _plan(**settings):
    defaults = default_config.get_config().active_learning.to_dict()
    return plan.make(**defaults | {"strategy": "nnm_10"} | settings)


@pytest.mark.parametrize(
    ("budget", "second"), [(50, 20), (158, 40), (315, 70), (750, 110), (200, 50), (60, 22)]
)
def test_rounds_grow_as_in_the_paper_unless_told_otherwise(budget, second):
    assert _plan(budget=budget).label_counts[1] == second


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"strategy": "best"}, "nnm_10"),
        ({"oracle": "robot"}, "oracle"),
        ({"pool": "web"}, "pool"),
        ({"pool": "unlabeled"}, "human"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        _plan(**settings)


def test_random_needs_only_its_last_training_if_told_so():
    quick = _plan(strategy="random", train_every_round=False)
    assert [quick.trains(number) for number in range(5)] == [False] * 4 + [True]
    scored = _plan(strategy="k_center", train_every_round=False)
    assert all(scored.trains(number) for number in range(5))


def test_seeds_differ_by_round_and_seed():
    first, second = (_plan(seed=seed) for seed in (0, 1))
    seeds = [p.round_seed(number) for p in (first, second) for number in range(5)]
    assert len(set(seeds)) == 10
    assert first.round_seed(0) == _plan(strategy="entropy").round_seed(0)
