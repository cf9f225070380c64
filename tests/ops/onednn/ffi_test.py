"""Python functions as targets of custom calls: they get the numbers and the memory."""

import ctypes
import functools
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops.onednn import ffi


def _values(address, count):
    return np.ctypeslib.as_array(ctypes.cast(address, ctypes.POINTER(ctypes.c_float)), (count,))


def _weighted_sum(call):
    first, second, count = call.numbers
    if count < 0:
        raise ValueError("no such count")
    a, b = (_values(address, count) for address in call.inputs)
    _values(call.output, count)[:] = first * a + second * b


def _add_one_by_one(call):
    (count,) = call.numbers
    a, b = (_values(address, count) for address in call.inputs)
    result = _values(call.output, count)

    def add(i):
        if a[i] < 0:
            raise ValueError(f"negative at {i}")
        result[i] = a[i] + b[i]

    call.run_together([functools.partial(add, i) for i in range(count)])


ffi.register("scaf_jax_test_weighted_sum", _weighted_sum)
ffi.register("scaf_jax_test_add_one_by_one", _add_one_by_one)


def _call(a, b, numbers, target="weighted_sum"):
    result = jax.ShapeDtypeStruct(a.shape, a.dtype)
    call = jax.ffi.ffi_call(f"scaf_jax_test_{target}", result)
    return call(a, b, numbers=np.array(numbers, np.int64))


def test_a_call_computes_in_a_compiled_program():
    a, b = jnp.arange(5.0), jnp.ones(5)
    result = jax.jit(lambda a, b: 1 + _call(2 * a, b, (10, 3, 5)))(a, b)
    np.testing.assert_array_equal(result, 1 + 20 * np.arange(5) + 3)


def test_an_exception_is_the_programs_error():
    with pytest.raises(jax.errors.JaxRuntimeError, match="weighted_sum: no such count"):
        jax.block_until_ready(jax.jit(lambda a: _call(a, a, (1, 1, -1)))(jnp.ones(3)))


def test_xlas_threads_share_the_tasks_of_a_call():
    add = jax.jit(lambda a: _call(a, 2 * a, (len(a),), "add_one_by_one"))
    for _ in range(20):
        np.testing.assert_array_equal(add(jnp.arange(50.0)), 3 * np.arange(50))


def test_an_exception_of_a_task_is_the_programs_error():
    a = jnp.arange(5.0).at[3].set(-1)
    with pytest.raises(jax.errors.JaxRuntimeError, match="negative at 3"):
        jax.block_until_ready(jax.jit(lambda a: _call(a, a, (5,), "add_one_by_one"))(a))


def test_the_number_of_threads_is_xlas():
    counts = []
    ffi.register("scaf_jax_test_count", lambda call: counts.append(call.count_threads()))
    jax.block_until_ready(jax.jit(lambda a: _call(a, a, (1,), "count"))(jnp.ones(3)))
    assert counts == [len(os.sched_getaffinity(0))]


def test_structures_of_another_size_are_refused_before_a_program_can_call(monkeypatch):
    class Longer(ctypes.Structure):
        _fields_ = [("all_of_it", ffi._CallFrame), ("new", ctypes.c_void_p)]

    known = ctypes.sizeof(ffi._CallFrame)
    monkeypatch.setattr(ffi, "_CallFrame", Longer)
    with pytest.raises(ffi.InterfaceError, match=f"call frame has {known} bytes where {known + 8}"):
        ffi.register("scaf_jax_test_of_another_size", _weighted_sum)
