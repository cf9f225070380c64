"""The training state: everything that a checkpoint must hold to go on bit for bit."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar

import jax
from flax import nnx

PyTree = Any
Module = TypeVar("Module", bound=nnx.Module)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """State of a training, nested dicts of arrays.

    Attributes:
      step: Number of steps done, int32 scalar.
      params: Parameters.
      batch_stats: Running statistics of batch norm.
      opt_state: State of the optimizer(s).
    """

    step: jax.Array
    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree


def split(model: nnx.Module) -> tuple[nnx.GraphDef, PyTree, PyTree]:
    """Splits a module into its definition, its parameters and its running statistics (dicts)."""
    graphdef, params, batch_stats = nnx.split(model, nnx.Param, nnx.BatchStat)
    return graphdef, nnx.to_pure_dict(params), nnx.to_pure_dict(batch_stats)


def definition(build: Callable[[], nnx.Module]) -> tuple[nnx.GraphDef, PyTree, PyTree]:
    """Returns what `split` gives of a module that is not built: shapes in place of arrays.

    Args:
      build: Makes the module; nothing in it is computed.
    """
    return split(nnx.eval_shape(build))


def merge(graphdef: nnx.GraphDef[Module], params: PyTree, batch_stats: PyTree) -> Module:
    """Rebuilds a module from its parts; the opposite of `split`."""
    # A copy, since variables made outside a gradient's trace may not be written inside it.
    return nnx.merge(graphdef, params, batch_stats, copy=True)


def batch_stats_of(model: nnx.Module) -> PyTree:
    """Returns a module's running statistics as nested dicts."""
    return nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))


def cast_floats(tree: PyTree, dtype: jax.typing.DTypeLike) -> PyTree:
    """Returns the tree with every floating-point array cast to dtype."""

    def cast(x: jax.Array) -> jax.Array:
        return x.astype(dtype) if jax.numpy.issubdtype(x.dtype, jax.numpy.floating) else x

    return jax.tree.map(cast, tree)
