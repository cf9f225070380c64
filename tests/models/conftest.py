"""Models for tests that are about their structure, not about their initial weights."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.training import state


def _fill(build: Callable[[], nnx.Module]) -> nnx.Module:
    graphdef, params, batch_stats = state.split(nnx.eval_shape(build))
    rng = np.random.default_rng(0)

    def draw(leaf: jax.ShapeDtypeStruct) -> jax.Array:
        if len(leaf.shape) == 1:
            return jnp.asarray(rng.uniform(0.5, 1.5, leaf.shape), leaf.dtype)
        scale = np.prod(leaf.shape[:-1]) ** -0.5
        return jnp.asarray(scale * rng.standard_normal(leaf.shape), leaf.dtype)

    return state.merge(graphdef, *jax.tree.map(draw, (params, batch_stats)))


@pytest.fixture(scope="session")
def fill() -> Callable[[Callable[[], nnx.Module]], Any]:
    """Builds a model with arbitrary weights of NumPy: JAX would compile each random shape."""
    return _fill


def _call(model: nnx.Module, function: Callable[[Any], Any]) -> tuple[Any, Any]:
    graphdef, params, batch_stats = state.split(model)

    @jax.jit
    def run(params: Any, batch_stats: Any) -> tuple[Any, Any]:
        copy = state.merge(graphdef, params, batch_stats)
        return function(copy), state.batch_stats_of(copy)

    return run(params, batch_stats)


@pytest.fixture(scope="session")
def call() -> Callable[[nnx.Module, Callable[[Any], Any]], tuple[Any, Any]]:
    """`call(model, function)` gives function(model), compiled as one, and the new statistics."""
    return _call
