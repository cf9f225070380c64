"""Optimizers by parameter path: an ordered table of (regular expression, optimizer or frozen).

The first expression that matches a parameter's path decides. Every parameter must be covered.
"""

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import jax
import optax

PyTree = Any
Table = Sequence[tuple[str, optax.GradientTransformation | None]]
Schedule = Callable[[jax.typing.ArrayLike], jax.typing.ArrayLike] | float

SCHEDULES = ("constant", "cosine")


def path_of(key_path: tuple) -> str:
    """Returns a parameter's path as `encoder/stem/kernel`."""
    return jax.tree_util.keystr(key_path, simple=True, separator="/")


def assign(table: Table, params: PyTree) -> PyTree:
    """Returns, for every parameter, the position of the first table row that matches its path.

    Args:
      table: Rows (regular expression that the whole path must match, optimizer or None = frozen).
      params: Nested dict of parameters.

    Raises:
      ValueError: A parameter matches no row, or a row matches no parameter.
    """
    missing, used = [], set()

    def find(key_path: tuple, _: jax.Array) -> int:
        path = path_of(key_path)
        for position, (pattern, _row) in enumerate(table):
            if re.fullmatch(pattern, path):
                used.add(position)
                return position
        missing.append(path)
        return -1

    positions = jax.tree_util.tree_map_with_path(find, params)
    if missing:
        raise ValueError(
            f"no optimizer for {len(missing)} parameters, the first: {missing[:3]}; add a row to "
            f"the table (rows: {[pattern for pattern, _ in table]})"
        )
    idle = [table[i][0] for i in range(len(table)) if i not in used]
    if idle:
        raise ValueError(f"optimizer rows that match no parameter: {idle}")
    return positions


def build(table: Table, params: PyTree) -> optax.GradientTransformation:
    """Returns one optimizer that treats every parameter as the table says.

    Frozen parameters get zero updates and no optimizer state.

    Raises:
      ValueError: A parameter matches no row, or a row matches no parameter.
    """
    transforms: dict[Hashable, optax.GradientTransformation] = {
        i: row or optax.set_to_zero() for i, (_, row) in enumerate(table)
    }
    return optax.multi_transform(transforms, assign(table, params))


def partition(table: Table, params: PyTree) -> tuple[PyTree, PyTree]:
    """Splits parameters into (trainable, frozen); in each, the other's leaves are None."""
    positions = assign(table, params)
    frozen = [row is None for _, row in table]
    trainable_part = jax.tree.map(lambda p, i: None if frozen[i] else p, params, positions)
    frozen_part = jax.tree.map(lambda p, i: p if frozen[i] else None, params, positions)
    return trainable_part, frozen_part


def combine(first: PyTree, second: PyTree) -> PyTree:
    """Joins what `partition` split."""
    return jax.tree.map(
        lambda a, b: b if a is None else a, first, second, is_leaf=lambda x: x is None
    )


def faster(
    optimizer: optax.GradientTransformation, pattern: str, factor: float
) -> optax.GradientTransformation:
    """Returns an optimizer that moves some parameters `factor` times as far; its state is the same.

    Args:
      optimizer: The optimizer.
      pattern: Regular expression that their whole paths match.
      factor: Of their updates; below 1 they move more slowly.
    """

    def update(
        updates: PyTree, state: PyTree, params: PyTree | None = None
    ) -> tuple[PyTree, PyTree]:
        updates, state = optimizer.update(updates, state, params)

        def scale(key_path: tuple, value: jax.Array) -> jax.Array:
            return factor * value if re.fullmatch(pattern, path_of(key_path)) else value

        return jax.tree_util.tree_map_with_path(scale, updates), state

    return optax.GradientTransformation(optimizer.init, update)


def schedule(kind: str, learning_rate: float, *, steps: int, warmup: int = 0) -> Schedule:
    """Returns a learning-rate schedule.

    Args:
      kind: `constant`, or `cosine`: falling to zero at the last step.
      learning_rate: The highest rate.
      steps: Length of the training in steps.
      warmup: Steps in which the rate rises linearly from zero.

    Raises:
      ValueError: kind is unknown or warmup is not shorter than the training.
    """
    if kind not in SCHEDULES:
        raise ValueError(f"schedule must be one of {SCHEDULES}, not '{kind}'")
    if not 0 <= warmup < max(steps, 1):
        raise ValueError(f"warmup ({warmup}) must be shorter than the training ({steps} steps)")
    if kind == "cosine":
        initial = 0.0 if warmup else learning_rate
        return optax.warmup_cosine_decay_schedule(initial, learning_rate, warmup, max(steps, 1))
    if warmup:
        return optax.linear_schedule(0.0, learning_rate, warmup)
    return learning_rate
