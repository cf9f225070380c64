"""One program for the same function with the same settings."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from scaf_jax.training import programs


def _scaled(x, *, factors, traced):
    traced.append(1)
    return {"y": x * factors[0]}


class _Traced(list):
    """Counts, and is the same whatever it holds."""

    __hash__ = object.__hash__  # pyright: ignore[reportAssignmentType]
    __eq__ = object.__eq__


def test_equal_settings_are_compiled_once_and_others_apart():
    traced = _Traced()

    def ask(factor):
        step = functools.partial(_scaled, factors=(factor,), traced=traced)
        return programs.jitted(step)(jnp.ones(2))["y"]

    np.testing.assert_array_equal(ask(2.0), [2, 2])
    np.testing.assert_array_equal(ask(2.0), [2, 2])
    assert len(traced) == 1
    np.testing.assert_array_equal(ask(3.0), [3, 3])
    assert len(traced) == 2


def test_options_and_bound_functions_count():
    place = jax.sharding.SingleDeviceSharding(jax.devices()[0])

    def program(inner, **options):
        return programs.jitted(functools.partial(map, functools.partial(inner, 1)), **options)

    assert program(max) is program(max)
    assert program(max) is not program(min)
    assert program(max, out_shardings={"y": place}) is program(max, out_shardings={"y": place})
    assert program(max, out_shardings={"y": place}) is not program(max)


def test_what_cannot_be_compared_is_jitted_all_the_same():
    weights = np.ones(2)
    step = functools.partial(lambda w, x: w + x, weights)
    np.testing.assert_array_equal(programs.jitted(step)(1.0), [2, 2])
    assert programs.jitted(step) is not programs.jitted(step)


def test_old_programs_are_forgotten():
    first = programs.jitted(functools.partial(pow, 2))
    for base in range(3, 40):
        programs.jitted(functools.partial(pow, base))
    assert programs.jitted(functools.partial(pow, 2)) is not first
