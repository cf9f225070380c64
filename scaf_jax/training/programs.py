"""Jitted functions that a process keeps: the same function with the same settings is one program.

A run of active learning trains, evaluates and scores once a round; without this each round would
trace and compile again what the round before had.
"""

import collections
import functools
from collections.abc import Callable, Hashable
from typing import Any

import jax

# Of a run: initial states and steps of training, passes over faces; the oldest are forgotten.
_MOST = 16
_kept: collections.OrderedDict[Hashable, Callable[..., Any]] = collections.OrderedDict()


def jitted(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Returns `jax.jit(function, **options)`, the same one as for equal arguments before.

    Args:
      function: A function, or a `functools.partial` of one. Where what it is bound to cannot be
        hashed, each call returns a program of its own.
      **options: Of `jax.jit`.
    """
    key = (_comparable(function), _comparable(options))
    try:
        program = _kept.pop(key, None)
    except TypeError:  # not hashable
        return jax.jit(function, **options)
    _kept[key] = program or jax.jit(function, **options)
    while len(_kept) > _MOST:
        _kept.popitem(last=False)
    return _kept[key]


def _comparable(value: Any) -> Hashable:
    """Something that is equal for equal values: partials and trees are not, or not hashable."""
    if isinstance(value, functools.partial):
        bound = [value.func, list(value.args), value.keywords]
        return "partial", _comparable(bound)
    leaves, structure = jax.tree.flatten(value)
    if len(leaves) == 1 and leaves[0] is value:
        return value
    return structure, tuple(map(_comparable, leaves))
