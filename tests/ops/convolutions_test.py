"""Convolution forms against plain lax and against an independent NumPy reference."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import convolutions, platform_forms, pooling

# batch, height, width, channels, out channels, kernel side, stride, padding
CONVOLUTIONS = [
    (2, 9, 7, 3, 5, 3, 1, 1),
    (2, 9, 8, 3, 5, 3, 2, 1),
    (2, 8, 8, 4, 2, 3, 2, 1),
    (1, 15, 16, 3, 4, 7, 2, 3),
    (2, 8, 10, 2, 3, 4, 2, 1),
    (2, 9, 7, 2, 3, 4, 2, 1),
    (2, 5, 4, 3, 1, 4, 1, 0),
    (1, 4, 4, 3, 1, 4, 1, 0),
    (2, 6, 5, 3, 4, 1, 2, 0),
    (3, 4, 3, 2, 2, 1, 1, 0),
    (1, 7, 7, 2, 2, 2, 3, 0),
    (1, 128, 64, 2, 3, 3, 1, 1),
    (2, 128, 96, 3, 2, 4, 2, 1),
]
TRANSPOSED = [
    (2, 4, 5, 3, 2, 4, 2, 1),
    (2, 1, 1, 6, 3, 4, 1, 0),
    (1, 1, 1, 2, 3, 4, 2, 1),
    (2, 3, 1, 2, 3, 3, 2, 1),
    (2, 3, 4, 2, 3, 3, 1, 1),
    (1, 3, 3, 2, 2, 5, 3, 2),
    (1, 3, 4, 2, 2, 1, 2, 0),
    (2, 64, 64, 2, 3, 4, 2, 1),
]


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def _draw(seed, *shape):
    return np.random.default_rng(seed).standard_normal(shape)


def _numpy_conv2d(x, kernel, stride, padding):
    kh, kw = kernel.shape[:2]
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    height, width = (x.shape[1] - kh) // stride + 1, (x.shape[2] - kw) // stride + 1
    y = np.zeros((x.shape[0], height, width, kernel.shape[3]))
    for i in range(height):
        for j in range(width):
            patch = x[:, stride * i : stride * i + kh, stride * j : stride * j + kw]
            y[:, i, j] = np.tensordot(patch, kernel, 3)
    return y


def _numpy_conv_transpose2d(x, kernel, stride, padding):
    batch, height, width, _ = x.shape
    kh, kw, _, out = kernel.shape
    y = np.zeros((batch, (height - 1) * stride + kh, (width - 1) * stride + kw, out))
    for i in range(height):
        for j in range(width):
            y[:, stride * i : stride * i + kh, stride * j : stride * j + kw] += np.tensordot(
                x[:, i, j], kernel, (1, 2)
            )
    return y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding]


def _value_and_gradients(function, *args):
    """The function's value and its gradients for a fixed pseudo-random cotangent."""
    value, pullback = jax.vjp(jax.jit(function), *args)
    return value, *pullback(jnp.asarray(_draw(9, *value.shape), value.dtype))


def _assert_same(results, expected, tolerance=1e-10):
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == wanted.dtype
        scale = max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(result, wanted, rtol=0, atol=tolerance * scale)


@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_conv2d_has_values_and_gradients_of_plain_lax(case):
    batch, height, width, channels, out, side, stride, padding = case
    x = _draw(0, batch, height, width, channels)
    kernel = _draw(1, side, side, channels, out)

    def run(x, kernel):
        return convolutions.conv2d(x, kernel, stride=stride, padding=padding)

    results = _value_and_gradients(run, x, kernel)
    np.testing.assert_allclose(
        results[0], _numpy_conv2d(x, kernel, stride, padding), rtol=0, atol=1e-10
    )
    with platform_forms.plain_lax():
        expected = _value_and_gradients(run, x, kernel)
    _assert_same(results, expected)


@pytest.mark.parametrize("case", TRANSPOSED)
def test_conv_transpose2d_has_values_and_gradients_of_plain_lax(case):
    batch, height, width, channels, out, side, stride, padding = case
    x = _draw(0, batch, height, width, channels)
    kernel = _draw(1, side, side, channels, out)

    def run(x, kernel):
        return convolutions.conv_transpose2d(x, kernel, stride=stride, padding=padding)

    results = _value_and_gradients(run, x, kernel)
    reference = _numpy_conv_transpose2d(x, kernel, stride, padding)
    np.testing.assert_allclose(results[0], reference, rtol=0, atol=1e-10)
    with platform_forms.plain_lax():
        expected = _value_and_gradients(run, x, kernel)
    _assert_same(results, expected)


def test_gradients_are_those_of_the_numpy_reference_by_finite_differences():
    x, kernel = _draw(0, 1, 5, 4, 2), _draw(1, 4, 4, 2, 3)
    towards_x, towards_kernel = _draw(2, *x.shape), _draw(3, *kernel.shape)

    def run(x, kernel):
        return convolutions.conv_transpose2d(x, kernel, stride=2, padding=1)

    _, grad_x, grad_kernel = _value_and_gradients(run, x, kernel)
    weights = _draw(9, 1, 10, 8, 3)

    def difference(direction_x, direction_kernel):
        # The map is bilinear: a central difference is exact for it.
        ahead = _numpy_conv_transpose2d(x + direction_x, kernel + direction_kernel, 2, 1)
        behind = _numpy_conv_transpose2d(x - direction_x, kernel - direction_kernel, 2, 1)
        return ((ahead - behind) / 2 * weights).sum()

    np.testing.assert_allclose((grad_x * towards_x).sum(), difference(towards_x, 0))
    np.testing.assert_allclose((grad_kernel * towards_kernel).sum(), difference(0, towards_kernel))


@pytest.mark.parametrize("dtype,tolerance", [(jnp.float32, 1e-5), (jnp.bfloat16, 2e-2)])
def test_low_precision_stays_near_double(dtype, tolerance):
    x, kernel = _draw(0, 2, 16, 16, 8), _draw(1, 3, 3, 8, 8) / 9
    kernel_up = _draw(2, 4, 4, 8, 4) / 9

    def run(x, kernel, kernel_up):
        y = pooling.max_pool(x)  # first: later, rounding would pick other maxima
        y = convolutions.conv2d(y, kernel, padding=1)
        return convolutions.conv_transpose2d(y, kernel_up, stride=2, padding=1)

    args = [jnp.asarray(a, dtype) for a in (x, kernel, kernel_up)]
    results = _value_and_gradients(run, *args)
    expected = _value_and_gradients(run, *(jnp.asarray(a, jnp.float64) for a in args))
    for result, wanted in zip(results, expected, strict=True):
        assert result.dtype == dtype
        error = np.abs(np.asarray(result, np.float64) - wanted).mean()
        assert error < tolerance * np.abs(wanted).mean()


def test_sharded_batch_gives_the_unsharded_numbers(run_on_devices):
    """Four devices, the batch spread over them: same values, and no image is gathered."""
    program = """
import jax, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from scaf_jax.ops import convolutions, pooling

def loss(x, stem, kernel, up):
    y = convolutions.conv2d(x, stem, stride=2, padding=3)
    y = convolutions.conv2d(pooling.max_pool(y), kernel, stride=1, padding=1)
    y = convolutions.conv_transpose2d(y, up, stride=2, padding=1)
    return (y ** 2).mean()

draw = np.random.default_rng(0).standard_normal
x = draw((8, 128, 128, 3)).astype(np.float32)
kernels = [draw(s).astype(np.float32) / 9 for s in ((7, 7, 3, 4), (3, 3, 4, 4), (4, 4, 4, 2))]
step = jax.jit(jax.value_and_grad(loss, (0, 1, 2, 3)))
expected = step(x, *kernels)
mesh = jax.make_mesh((4,), ('data',), axis_types=(AxisType.Auto,))
x = jax.device_put(x, NamedSharding(mesh, PartitionSpec('data')))
kernels = jax.device_put(kernels, NamedSharding(mesh, PartitionSpec()))
result = step(x, *kernels)
for a, b in zip(jax.tree.leaves(result), jax.tree.leaves(expected), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())
text = step.lower(x, *kernels).compile().as_text()
assert 'all-reduce' in text
for word in ('all-gather', 'all-to-all', 'collective-permute'):
    assert word not in text, word
"""
    run_on_devices(4, program)


@pytest.mark.parametrize(
    "x,kernel,options,message",
    [
        ((1, 4, 4, 3), (3, 3, 2, 5), {}, "need"),
        ((4, 4, 3), (3, 3, 3, 5), {}, "need"),
        ((1, 4, 4, 3), (3, 3, 3, 5), {"stride": 0}, "stride"),
        ((1, 4, 4, 3), (3, 3, 3, 5), {"padding": -1}, "padding"),
    ],
)
def test_wrong_arguments_are_named(x, kernel, options, message):
    with pytest.raises(ValueError, match=message):
        convolutions.conv2d(jnp.zeros(x), jnp.zeros(kernel), **options)


def test_mixed_dtypes_are_refused():
    with pytest.raises(ValueError, match="dtype"):
        convolutions.conv2d(jnp.zeros((1, 4, 4, 3), jnp.float32), jnp.zeros((3, 3, 3, 5)))
