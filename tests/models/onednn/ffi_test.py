"""Python functions as targets of custom calls: they get the numbers and the memory."""

import ctypes

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.models.onednn import ffi


def _values(address, count):
    return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), (count,))


def _weighted_sum(numbers, inputs, output):
    first, second, count = numbers
    if count < 0:
        raise ValueError("no such count")
    a, b = (_values(address, count) for address in inputs)
    _values(output, count)[:] = first * a + second * b


ffi.register("scaf_jax_test_weighted_sum", _weighted_sum)


def _call(a, b, numbers):
    call = jax.ffi.ffi_call("scaf_jax_test_weighted_sum", jax.ShapeDtypeStruct(a.shape, a.dtype))
    return call(a, b, numbers=np.array(numbers, np.int64))


def test_a_call_computes_in_a_compiled_program():
    a, b = jnp.arange(5.0), jnp.ones(5)
    result = jax.jit(lambda a, b: 1 + _call(2 * a, b, (10, 3, 5)))(a, b)
    np.testing.assert_array_equal(result, 1 + 20 * np.arange(5) + 3)


def test_an_exception_is_the_programs_error():
    with pytest.raises(jax.errors.JaxRuntimeError, match="weighted_sum: no such count"):
        jax.block_until_ready(jax.jit(lambda a: _call(a, a, (1, 1, -1)))(jnp.ones(3)))
