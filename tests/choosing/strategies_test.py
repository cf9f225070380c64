"""Which strategies there are, and the choice among a pool's scores and embeddings."""

import numpy as np
import pytest

from scaf_jax.choosing import strategies

KEYS = [f"photo_{i:02d}" for i in range(20)]


@pytest.mark.parametrize(
    ("name", "uncertainty", "discard", "spread"),
    [
        ("random", "", 0, ""),
        ("nnm", "nnm", 0, ""),
        ("nnm_10", "nnm", 10, ""),
        ("nnm_2.5", "nnm", 2.5, ""),
        ("entropy", "entropy", 0, ""),
        ("entropy_10", "entropy", 10, ""),
        ("faintness", "faintness", 0, ""),
        ("disagreement_10", "disagreement", 10, ""),
        ("k_center", "", 0, "k_center"),
        ("nnm_k_center", "nnm", 10, "k_center"),
        ("typical_then_unsure", "nnm", 10, "typiclust"),
    ],
)
def test_strategies_by_name(name, uncertainty, discard, spread):
    chosen = strategies.strategy(name)
    assert chosen.name == name
    found = (chosen.uncertainty, chosen.discard_percent, chosen.spread)
    assert found == (uncertainty, discard, spread)


@pytest.mark.parametrize("name", ["", "NNM", "nnm_100", "nnm_-1", "random_10", "nnm_10 "])
def test_unknown_strategies_are_refused_with_what_there_is(name):
    with pytest.raises(ValueError, match=r"there are: random, nnm, nnm_10, .*typiclust"):
        strategies.strategy(name)


def _select(name: str, count: int, **values) -> list[int]:
    return strategies.select(strategies.strategy(name), KEYS, count, **values).tolist()


def test_the_highest_scores_are_taken_and_the_discarded_share_is_left_out():
    scores = np.random.default_rng(0).permutation(20).astype(np.float32)
    ranked = np.argsort(-scores).tolist()
    assert _select("nnm", 4, scores=scores) == ranked[:4]
    assert _select("entropy_10", 4, scores=scores) == ranked[2:6]
    assert _select("nnm_14.9", 4, scores=scores) == ranked[2:6]  # the floor of 2.98
    assert _select("nnm_15", 4, scores=scores) == ranked[3:7]
    # No more is left out than the choice can spare.
    assert _select("nnm_10", 19, scores=scores) == ranked[1:]


@pytest.mark.parametrize("name", strategies.STRATEGY_NAMES)
def test_the_choice_depends_on_keys_and_not_on_the_order_of_the_pool(name):
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, 20).astype(np.float32)  # ties everywhere
    embeddings = rng.integers(0, 3, (20, 2)).astype(np.float32)
    chosen = []
    for order in (np.arange(20), rng.permutation(20), rng.permutation(20)):
        keys = [KEYS[i] for i in order]
        places = strategies.select(
            strategies.strategy(name),
            keys,
            5,
            scores=scores[order],
            embeddings=embeddings[order],
            labeled_embeddings=np.zeros((1, 2), np.float32),
            seed=7,
        )
        assert places.dtype == np.int64
        chosen.append([keys[i] for i in places])
    assert len(set(chosen[0])) == 5
    assert chosen[0] == chosen[1] == chosen[2]


def test_networks_with_labels_are_needed_by_those_that_look_at_them():
    needed = {name for name in strategies.STRATEGY_NAMES if strategies.strategy(name).needs_network}
    free = {"random", "k_center_stage1", "typiclust", "prob_cover", "facility_location"}
    assert needed == set(strategies.STRATEGY_NAMES) - free


def test_typical_faces_give_way_to_unsure_ones_as_labels_grow():
    rng = np.random.default_rng(4)
    embeddings, scores = rng.normal(size=(20, 3)), rng.permutation(20).astype(float)
    unsure = np.argsort(-scores)[2:]  # a tenth is left out
    for labels, share in ((0, 0), (50, 2), (100, 3), (500, 5)):
        chosen = _select(
            "typical_then_unsure",
            6,
            scores=scores,
            embeddings=embeddings,
            labeled_embeddings=rng.normal(size=(labels, 3)),
        )
        assert chosen[6 - share :] == unsure[:share].tolist()
        assert len(set(chosen)) == 6


def test_of_near_copies_one_is_taken():
    embeddings = np.repeat(np.random.default_rng(2).normal(size=(10, 5)), 2, axis=0)
    scores = np.arange(20, 0, -1).astype(float)
    assert _select("nnm", 4, scores=scores) == [0, 1, 2, 3]
    distinct = {"embeddings": embeddings, "distinct": True}
    assert _select("nnm", 4, scores=scores, **distinct) == [0, 2, 4, 6]
    # Also of those that are labeled.
    labeled = embeddings[[2, 4]]
    assert _select("nnm", 3, scores=scores, labeled_embeddings=labeled, **distinct) == [0, 6, 8]


def test_of_large_pools_a_part_is_compared(monkeypatch):
    monkeypatch.setattr(strategies, "MOST_COMPARED", 8)
    embeddings = np.random.default_rng(2).normal(size=(20, 2))
    for name in ("typiclust", "prob_cover", "facility_location"):
        first = _select(name, 3, embeddings=embeddings, seed=1)
        assert len(set(first)) == 3 and first == _select(name, 3, embeddings=embeddings, seed=1)
    assert len(set(_select("typiclust", 15, embeddings=embeddings))) == 15


def test_equal_scores_go_to_the_key_that_sorts_first():
    assert _select("nnm", 3, scores=np.zeros(20)) == [0, 1, 2]
    assert _select("nnm_10", 3, scores=np.zeros(20)) == [2, 3, 4]


def test_random_choices_differ_by_seed_only():
    assert _select("random", 5, seed=1) == _select("random", 5, seed=1)
    assert _select("random", 5, seed=1) != _select("random", 5, seed=2)


def test_the_hybrid_spreads_among_the_most_uncertain_after_the_discard():
    scores = np.arange(20, 0, -1).astype(np.float32)  # 0, 1 are discarded; 2 to 11 are candidates
    embeddings = np.zeros((20, 1), np.float32)
    embeddings[[0, 5, 9, 15], 0] = [100, 10, -4, 50]
    labeled = np.zeros((1, 1), np.float32)
    values = {"scores": scores, "embeddings": embeddings, "labeled_embeddings": labeled}
    assert _select("nnm_k_center", 2, **values) == [5, 9]
    assert _select("k_center", 2, **values) == [0, 15]


@pytest.mark.parametrize(
    ("name", "keys", "count", "values", "message"),
    [
        ("random", KEYS, 0, {}, "cannot choose 0 of 20"),
        ("random", KEYS, 21, {}, "cannot choose 21 of 20"),
        ("random", ["a", "b", "a"], 1, {}, "the key 'a' more than once"),
        ("nnm", KEYS, 1, {}, "nnm needs nnm for 20 faces; there are none"),
        ("nnm", KEYS, 1, {"scores": np.zeros(3)}, "nnm needs nnm for 20 faces; there are 3"),
        ("k_center", KEYS, 1, {}, "k_center needs embeddings for 20 faces"),
        ("entropy", ["a", "b"], 1, {"scores": np.array([0, np.nan])}, "entropy of the face 'b'"),
    ],
)
def test_impossible_choices_are_refused(name, keys, count, values, message):
    with pytest.raises(ValueError, match=message):
        strategies.select(strategies.strategy(name), keys, count, **values)
