"""Models for tests that are about their structure, not about their initial weights."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.ops import image_groups
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


def _assert_groups_change_nothing(model: nnx.Module, inputs: np.ndarray) -> None:
    graphdef, params, batch_stats = state.split(model)

    @jax.jit
    def run(params: Any, batch_stats: Any, inputs: jax.Array) -> Any:
        copy: Any = state.merge(graphdef, params, batch_stats)
        return copy(inputs, train=True), state.batch_stats_of(copy)

    with jax.enable_x64(True):
        arguments = state.cast_floats((params, batch_stats, jnp.asarray(inputs)), "float64")
        apart = run(*arguments)
        with image_groups.grouping(1):
            together = run(*arguments)
    for one, other in zip(*map(jax.tree.leaves, (apart, together)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-8)


@pytest.fixture(scope="session")
def assert_groups_change_nothing() -> Callable[[nnx.Module, np.ndarray], None]:
    """Compares outputs and statistics of images in groups, as on TPUs, with one by one."""
    return _assert_groups_change_nothing
