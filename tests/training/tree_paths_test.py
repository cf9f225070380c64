"""Tests of trees seen as tables of paths."""

from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

from scaf_jax.training import tree_paths


class State(NamedTuple):
    params: Any
    steps: int


def test_paths_follow_the_order_of_the_leaves():
    tree = State({"b": [1, 2], "a": {"kernel": 3}}, 4)
    named = tree_paths.named_leaves(tree)
    assert named == {"params/a/kernel": 3, "params/b/0": 1, "params/b/1": 2, "steps": 4}
    assert list(named.values()) == jax.tree.leaves(tree)


def test_nest_keeps_the_paths():
    named = {"params/a/kernel": 3, "params/b/0": 1, "steps": 4}
    nested = tree_paths.nest(named)
    assert nested == {"params": {"a": {"kernel": 3}, "b": {"0": 1}}, "steps": 4}
    assert tree_paths.named_leaves(nested) == named


def test_paths_that_collide_are_refused():
    with pytest.raises(ValueError, match="same path"):
        tree_paths.named_leaves({"a/b": 1, "a": {"b": 2}})


def test_subtree_ends_at_a_slash():
    assert tree_paths.is_under("params/encoder/stem", "params/encoder")
    assert tree_paths.is_under("params/encoder", "params/encoder")
    assert not tree_paths.is_under("params/encoder2/stem", "params/encoder")


def test_select():
    named = {"params/encoder/a": 1, "params/encoder2/a": 2, "stats/encoder/a": 3}
    assert tree_paths.select(named, ["params/encoder", "stats"]) == {
        "params/encoder/a": 1,
        "stats/encoder/a": 3,
    }


def test_mismatches_name_path_and_both_shapes():
    wanted = {
        "a": np.zeros((2, 3)),
        "b": np.zeros(2, np.float32),
        "c": np.zeros(1),
        "d": np.ones(4),
    }
    saved = {"a": np.zeros((3, 2)), "b": np.zeros(2), "d": np.zeros(4), "more": np.zeros(1)}
    assert tree_paths.mismatches(wanted, saved) == [
        "a: checkpoint (3, 2) float64, model (2, 3) float64",
        "b: checkpoint (2,) float64, model (2,) float32",
        "c: missing from the checkpoint",
        "more: in the checkpoint only",
    ]
