"""What is compared with what."""

import numpy as np
import pytest

from scaf_jax.choosing import strategies
from scaf_jax.experiments import choosing_design

KEYS = [f"{i:02d}" for i in range(30)]
EMBEDDINGS = np.random.default_rng(0).normal(size=(30, 4))


def _design(**changes):
    values = {"initial": 10, "per_round": 0, "budgets": (50, 20), "draws": 2, **changes}
    return choosing_design.design(["nnm_10", "random"], ["random", "typical"], **values)


def test_random_comes_first_and_no_row_twice():
    rows = [row.name for row in _design().rows]
    assert rows == ["random", "nnm_10", "nnm_10, typical start", "random, typical start"]


@pytest.mark.parametrize(
    ("per_round", "counts"), [(0, (10, 20, 50)), (15, (10, 20, 25, 40, 50)), (100, (10, 20, 50))]
)
def test_labels_grow_by_rounds_and_stop_at_every_budget(per_round, counts):
    design = _design(per_round=per_round)
    assert design.counts == counts
    assert design.budgets == (20, 50)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"budgets": (10,)}, r"budgets \[10\] must be above the first 10 labels"),
        ({"budgets": ()}, "must be above"),
        ({"initial": 0}, "must be above the first 0"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        _design(**changes)
    with pytest.raises(ValueError, match="no start 'hard'; there are: random, typical"):
        choosing_design.design(["nnm"], ["hard"], initial=1, per_round=0, budgets=[2], draws=1)


def test_first_faces_are_a_matter_of_the_draw_and_of_the_start():
    first = [
        choosing_design.first_faces(start, KEYS, 5, EMBEDDINGS, draw)
        for start in choosing_design.STARTS
        for draw in (0, 0, 1)
    ]
    assert first[0] == first[1] != first[2]
    typical = strategies.select(
        strategies.strategy("typiclust"),
        KEYS,
        5,
        embeddings=EMBEDDINGS,
        seed=choosing_design.round_seed(0, 0),
    )
    assert first[3] == [KEYS[i] for i in typical]
