"""The few layers that every network here is made of, with PyTorch-compatible initialization.

They hold parameters and compute dtype; the arithmetic is in `convolutions`. Images are NHWC, one by
one or in groups (`image_groups`): then the input has some times the channels of one image, and so
has the output.
"""

import math
from collections.abc import Callable
from typing import cast

import jax
import jax.numpy as jnp
from flax import nnx
from flax.nnx.nn import dtypes
from flax.typing import Dtype

from scaf_jax.ops import convolutions, image_groups, paired_convolutions

Initializer = Callable[[jax.Array, tuple[int, ...]], jax.Array]


def scale_channels(channels: int, width_multiplier: float) -> int:
    """Returns the channel count of a narrowed network: a multiple of 4, at least 4."""
    return max(4, 4 * round(channels * width_multiplier / 4))


def normal_fan_out(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Normal weights of variance 2 / (k^2 C_out), for kernels (k, k, in, out)."""
    stddev = math.sqrt(2.0 / (shape[0] * shape[1] * shape[3]))
    return stddev * jax.random.normal(key, _flat(shape)).reshape(shape)


def uniform(fan_in: int) -> Initializer:
    """Returns an initializer of weights uniform in +-1 / sqrt(fan_in), PyTorch's default."""
    bound = 1.0 / math.sqrt(fan_in)

    def init(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        flat = jax.random.uniform(key, _flat(shape), minval=-bound, maxval=bound)
        return flat.reshape(shape)

    return init


def _flat(shape: tuple[int, ...]) -> tuple[int]:
    """Returns the shape in one dimension, for which XLA compiles random numbers much faster."""
    return (math.prod(shape),)


class Conv(nnx.Module):
    """A convolution without bias; kernel (k, k, in, out).

    Args:
      in_channels: Channels of the input.
      out_channels: Channels of the output.
      window: Side k of the square kernel.
      stride: Step of the window, in pixels.
      padding: Zeros added on every side.
      init: Initializer of the kernel; PyTorch's default when None.
      dtype: Dtype to compute in; None keeps the input's and the kernel's common dtype.
      rngs: Source of the initial weights.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        window: int,
        stride: int = 1,
        padding: int = 0,
        init: Initializer | None = None,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        init = init or uniform(window * window * in_channels)
        shape = (window, window, in_channels, out_channels)
        self.kernel = nnx.Param(init(rngs.params(), shape))
        self.stride, self.padding, self.dtype = stride, padding, dtype

    def __call__(self, x: jax.Array) -> jax.Array:
        x, kernel = dtypes.promote_dtype((x, _kernel(self, x)), dtype=self.dtype)
        return convolutions.conv2d(x, kernel, stride=self.stride, padding=self.padding)


class ConvTranspose(nnx.Module):
    """A transposed convolution without bias; kernel (k, k, in, out).

    The kernel is stored as it scatters: output[stride * i + k - padding] += input[i] @ kernel[k].
    Its default initialization is PyTorch's, which counts the fan-in as k^2 C_out.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        window: int = 4,
        stride: int = 2,
        padding: int = 1,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        init = uniform(window * window * out_channels)
        shape = (window, window, in_channels, out_channels)
        self.kernel = nnx.Param(init(rngs.params(), shape))
        self.stride, self.padding, self.dtype = stride, padding, dtype

    def __call__(self, x: jax.Array) -> jax.Array:
        x, kernel = dtypes.promote_dtype((x, _kernel(self, x)), dtype=self.dtype)
        return convolutions.conv_transpose2d(x, kernel, stride=self.stride, padding=self.padding)


def _kernel(layer: Conv | ConvTranspose, x: jax.Array) -> jax.Array:
    kernel = layer.kernel[...]
    return image_groups.kernel(kernel, image_groups.size_of(x, kernel.shape[2]))


def apply_together(
    x: jax.Array, first: ConvTranspose, second: ConvTranspose
) -> tuple[jax.Array, jax.Array]:
    """Applies two transposed convolutions of one geometry to one input."""
    kernels = _kernel(first, x), _kernel(second, x)
    x, *kernels = dtypes.promote_dtype((x, *kernels), dtype=first.dtype)
    return paired_convolutions.conv_transpose2d_pair(
        x, *kernels, stride=first.stride, padding=first.padding
    )


class Dense(nnx.Linear):
    """A dense layer with bias, with PyTorch's default initialization; kernel (in, out)."""

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        init = uniform(in_features)
        ignore_dtype = lambda key, shape, _dtype: init(key, shape)  # noqa: E731
        super().__init__(
            in_features,
            out_features,
            kernel_init=ignore_dtype,
            bias_init=ignore_dtype,
            dtype=dtype,
            rngs=rngs,
        )


class BatchNorm(nnx.BatchNorm):
    """Batch norm with PyTorch's constants.

    Args:
      num_features: Channels of an image.
      dtype: Dtype of the output; None keeps the input's and the parameters' common dtype.
      rngs: Asked for by Flax; nothing is random.
    """

    def __init__(self, num_features: int, *, dtype: Dtype | None = None, rngs: nnx.Rngs):
        # Flax counts the kept share (0.9) where PyTorch counts the new one (0.1).
        super().__init__(num_features, momentum=0.9, epsilon=1e-5, dtype=dtype, rngs=rngs)

    def __call__(
        self,
        x: jax.Array,
        use_running_average: bool | None = None,
        *,
        mask: jax.Array | None = None,
    ) -> jax.Array:
        size = image_groups.size_of(x, self.num_features)
        if size == 1:
            return super().__call__(x, use_running_average, mask=mask)
        scale, bias = (cast(nnx.Param, p)[...] for p in (self.scale, self.bias))
        mean, var = self.mean[...], self.var[...]
        if not use_running_average:
            mean, var = image_groups.moments(x, size)
            kept, new = self.momentum, 1 - self.momentum
            self.mean[...] = kept * self.mean[...] + new * mean
            self.var[...] = kept * self.var[...] + new * var
        factor = jax.lax.rsqrt(var + self.epsilon) * scale
        mean, factor, bias = (jnp.tile(y, size) for y in (mean, factor, bias))
        return ((x - mean) * factor + bias).astype(self.dtype or mean.dtype)
