"""Operations that are written in two ways: plain lax, and another form for the CPU.

The choice is made when a program is lowered for its platform (``jax.lax.platform_dependent``).
"""

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

_use_plain_lax = contextvars.ContextVar("use_plain_lax", default=False)
_is_portable = contextvars.ContextVar("is_portable", default=False)


@contextlib.contextmanager
def plain_lax() -> Iterator[None]:
    """Makes functions traced inside the context use plain lax on every platform.

    The switch acts while a function is traced. It is part of the key of ``jax.jit``'s cache, so
    one jitted function may be called inside and outside of the context.
    """
    token = _use_plain_lax.set(True)
    try:
        # An annotation without effect on the numbers that separates the cache entries.
        with set_xla_metadata(scaf_jax_convolutions="plain"):
            yield
    finally:
        _use_plain_lax.reset(token)


def wants_plain_lax() -> bool:
    """Returns whether the function being traced is inside `plain_lax`."""
    return _use_plain_lax.get()


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Makes functions traced inside the context call no library that is not a part of XLA.

    For programs that are exported to other machines. Acts as `plain_lax` does.
    """
    token = _is_portable.set(True)
    try:
        with set_xla_metadata(scaf_jax_convolutions="portable"):
            yield
    finally:
        _is_portable.reset(token)


def wants_portable() -> bool:
    """Returns whether the function being traced is inside `portable`."""
    return _is_portable.get()


def choose(plain: bool, plain_form: Callable, cpu_form: Callable, *args: jax.Array) -> Any:
    """Calls the form that suits the platform that the program is lowered for.

    Args:
      plain: Whether to call the plain form on every platform; `wants_plain_lax()` of the time of
        tracing, which a gradient's rule is told since it may be traced outside of the context.
      plain_form: For TPU and GPU.
      cpu_form: For the CPU; the same numbers up to rounding.
      *args: What both are called with.
    """
    if plain:
        return plain_form(*args)
    return lax.platform_dependent(*args, cpu=cpu_form, default=plain_form)
