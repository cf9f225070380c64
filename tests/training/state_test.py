"""Splitting modules into plain trees and putting them together again."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import layers
from scaf_jax.training import state


class Model(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.dense = layers.Dense(3, 4, rngs=rngs)
        self.norm = layers.BatchNorm(4, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.norm(self.dense(x), use_running_average=False)


@pytest.fixture(scope="module")
def model() -> Model:
    return Model()


X = np.arange(15, dtype=np.float32).reshape(5, 3)


def test_split_gives_plain_dicts(model):
    _, params, batch_stats = state.split(model)
    assert {name: sorted(part) for name, part in params.items()} == {
        "dense": ["bias", "kernel"],
        "norm": ["bias", "scale"],
    }
    assert {name: sorted(part) for name, part in batch_stats.items()} == {"norm": ["mean", "var"]}
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((params, batch_stats)))


def test_a_definition_is_the_models_and_computes_nothing(model):
    graphdef, params, batch_stats = state.definition(Model)
    whole = state.split(model)
    assert graphdef == whole[0]
    shapes = jax.tree.map(lambda x: x.shape, (params, batch_stats))
    assert shapes == jax.tree.map(lambda x: x.shape, whole[1:])
    assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves((params, batch_stats)))


def test_merge_copies(model):
    graphdef, params, batch_stats = state.split(model)
    copy = state.merge(graphdef, params, batch_stats)
    np.testing.assert_allclose(copy(X), state.merge(graphdef, params, batch_stats)(X))
    moved = state.batch_stats_of(copy)["norm"]["mean"]
    assert not np.array_equal(moved, batch_stats["norm"]["mean"])
    np.testing.assert_array_equal(state.batch_stats_of(model)["norm"]["mean"], np.zeros(4))


def test_merge_works_inside_a_gradient(model):
    graphdef, params, batch_stats = state.split(model)

    @jax.jit
    @jax.grad
    def gradient(params):
        return jnp.square(state.merge(graphdef, params, batch_stats)(X)).sum()

    assert jax.tree.structure(gradient(params)) == jax.tree.structure(params)


def test_train_state_is_a_tree():
    before = state.TrainState(jnp.int32(3), {"w": jnp.ones(2)}, {}, (jnp.zeros(2),))
    after = jax.tree.map(lambda x: x + 1, before)
    assert int(after.step) == 4
    np.testing.assert_array_equal(after.params["w"], [2, 2])
    np.testing.assert_array_equal(after.opt_state[0], [1, 1])


def test_cast_floats_leaves_integers():
    tree = {"a": jnp.ones(2), "count": jnp.int32(7)}
    cast = state.cast_floats(tree, jnp.bfloat16)
    assert cast["a"].dtype == jnp.bfloat16
    assert cast["count"].dtype == jnp.int32
