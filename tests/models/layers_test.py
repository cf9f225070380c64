"""Initialization, dtype and batch norm of the basic layers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import layers


@pytest.mark.parametrize(
    ("channels", "multiplier", "expected"),
    [(64, 1.0, 64), (64, 0.5, 32), (64, 0.05, 4), (512, 0.05, 24), (1000, 0.1, 100), (64, 2, 128)],
)
def test_scale_channels_gives_multiples_of_four(channels, multiplier, expected):
    assert layers.scale_channels(channels, multiplier) == expected


def _kernel(layer: nnx.Module) -> np.ndarray:
    return np.asarray(nnx.to_pure_dict(nnx.state(layer))["kernel"], np.float64)


def test_normal_initialization_has_variance_2_over_fan_out():
    conv = layers.Conv(64, 32, window=5, init=layers.normal_fan_out, rngs=nnx.Rngs(0))
    kernel = _kernel(conv)
    assert kernel.shape == (5, 5, 64, 32)
    assert kernel.var() == pytest.approx(2 / (25 * 32), rel=0.03)
    assert abs(kernel.mean()) < 4 * kernel.std() / np.sqrt(kernel.size)
    assert np.abs(kernel).max() > 3 * kernel.std()  # a normal distribution, not a uniform one


@pytest.mark.parametrize(
    ("make", "fan_in"),
    [
        (lambda rngs: layers.Conv(48, 24, window=4, rngs=rngs), 16 * 48),
        # PyTorch takes the outputs of a transposed convolution for its inputs.
        (lambda rngs: layers.ConvTranspose(48, 24, rngs=rngs), 16 * 24),
        (lambda rngs: layers.Dense(99, 400, rngs=rngs), 99),
    ],
    ids=["conv", "transposed", "dense"],
)
def test_default_initialization_is_uniform_by_fan_in(make, fan_in):
    kernel, bound = _kernel(make(nnx.Rngs(1))), 1 / np.sqrt(fan_in)
    assert np.abs(kernel).max() <= bound
    assert np.abs(kernel).max() > 0.99 * bound
    assert kernel.var() == pytest.approx(bound**2 / 3, rel=0.05)


def test_dense_bias_is_uniform_by_fan_in():
    bias = np.asarray(layers.Dense(99, 4000, rngs=nnx.Rngs(2)).bias)
    assert np.abs(bias).max() == pytest.approx(1 / np.sqrt(99), rel=0.01)


def test_layers_differ_from_each_other():
    rngs = nnx.Rngs(3)
    first, second = (layers.Conv(4, 4, window=3, rngs=rngs) for _ in range(2))
    assert not np.array_equal(_kernel(first), _kernel(second))


def test_convolutions_take_the_image_to_the_expected_shape():
    x = jnp.ones((2, 16, 16, 3))
    rngs = nnx.Rngs(0)
    assert layers.Conv(3, 8, window=7, stride=2, padding=3, rngs=rngs)(x).shape == (2, 8, 8, 8)
    assert layers.Conv(3, 8, window=4, rngs=rngs)(x).shape == (2, 13, 13, 8)
    assert layers.ConvTranspose(3, 5, rngs=rngs)(x).shape == (2, 32, 32, 5)
    seed = layers.ConvTranspose(3, 5, stride=1, padding=0, rngs=rngs)
    assert seed(jnp.ones((2, 1, 1, 3))).shape == (2, 4, 4, 5)


def test_transposed_convolution_scatters():
    layer = layers.ConvTranspose(1, 1, rngs=nnx.Rngs(0))
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1, 0].set(1.0)
    y = np.asarray(layer(x))[0, :, :, 0]
    # The pixel at 1 reaches outputs 2 * 1 + k - 1 for k = 0..3.
    expected = np.zeros((6, 6))
    expected[1:5, 1:5] = _kernel(layer)[:, :, 0, 0]
    np.testing.assert_allclose(y, expected, atol=1e-6)


def test_apply_together_equals_two_layers():
    rngs = nnx.Rngs(0)
    first, second = (layers.ConvTranspose(6, c, rngs=rngs) for c in (4, 10))
    x = jax.random.normal(jax.random.key(0), (2, 5, 5, 6))
    together = layers.apply_together(x, first, second)
    for ours, layer in zip(together, (first, second), strict=True):
        np.testing.assert_allclose(ours, layer(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("make", [layers.Conv, layers.ConvTranspose], ids=["conv", "transposed"])
def test_bfloat16_compute_keeps_float32_parameters(make):
    layer = make(4, 8, window=4, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))
    y = layer(jnp.ones((1, 8, 8, 4), jnp.float32))
    assert y.dtype == jnp.bfloat16
    assert layer.kernel[...].dtype == jnp.float32


def test_batch_norm_keeps_nine_tenths_of_its_running_statistics():
    norm = layers.BatchNorm(1, rngs=nnx.Rngs(0))
    x = jnp.asarray([1.0, 3.0, 5.0, 7.0]).reshape(4, 1, 1, 1)
    y = norm(x, use_running_average=False)
    np.testing.assert_allclose(norm.mean[...], [0.1 * 4.0], rtol=1e-6)
    np.testing.assert_allclose(norm.var[...], [0.9 + 0.1 * 5.0], rtol=1e-6)
    np.testing.assert_allclose(y.ravel(), (x.ravel() - 4) / np.sqrt(5 + 1e-5), rtol=1e-5)
