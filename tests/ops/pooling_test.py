"""Max-pooling against plain lax and against an independent NumPy reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import platform_forms, pooling

POOLS = [(2, 8, 8, 3, 3, 2, 1), (1, 9, 6, 2, 3, 2, 1), (2, 7, 5, 1, 2, 2, 0), (1, 6, 6, 2, 3, 1, 1)]


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def _numpy_max_pool(x, window, stride, padding):
    border = ((0, 0), (padding, padding), (padding, padding), (0, 0))
    x = np.pad(x, border, constant_values=-np.inf)
    height, width = ((n - window) // stride + 1 for n in x.shape[1:3])
    rows = []
    for i in range(height):
        row = [
            x[:, stride * i : stride * i + window, stride * j : stride * j + window].max((1, 2))
            for j in range(width)
        ]
        rows.append(np.stack(row, 1))
    return np.stack(rows, 1)


@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize("ties", [False, True])
def test_max_pool_has_values_and_gradients_of_plain_lax(case, ties):
    batch, height, width, channels, window, stride, padding = case
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, height, width, channels))
    if ties:
        x = np.round(x)

    def run(x):
        return pooling.max_pool(x, window=window, stride=stride, padding=padding)

    def value_and_gradient():
        value, pullback = jax.vjp(jax.jit(run), x)
        towards = np.random.default_rng(9).standard_normal(value.shape)
        return value, pullback(jnp.asarray(towards))[0]

    results = value_and_gradient()
    np.testing.assert_array_equal(results[0], _numpy_max_pool(x, window, stride, padding))
    with platform_forms.plain_lax():
        expected = value_and_gradient()
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-10)


def test_padding_as_large_as_the_window_is_refused():
    with pytest.raises(ValueError, match="padding must be in"):
        pooling.max_pool(jnp.zeros((1, 4, 4, 2)), window=2, padding=2)
