"""Convolutions and transposed convolutions in the form that suits the platform.

All functions take NHWC images. On TPU and GPU they lower to plain ``jax.lax`` operations, which
XLA compiles well there. On CPU some of XLA's operations are several times slower than need be
(dilated convolutions, convolutions of images of three channels): there oneDNN computes them where
it is usable (`onednn/convolutions.py`), or XLA the same sums in other forms
(`xla_cpu_convolutions`); where the window is the whole image, XLA as matrix products
(`whole_image_convolutions`). See `platform_forms`. The numbers are those of plain lax up to
rounding.

Three bilinear maps are enough, since each is a gradient of another:

* gather:    y[i] = sum_k x[s i + k - p] @ w[k]            (convolution)
* scatter:   y[s i + k - p] += x[i] @ w[k]                 (transposed convolution)
* correlate: w[k] = sum_i x[s i + k - p]^T y[i]            (kernel gradient of a convolution)
"""

import functools
from collections.abc import Callable, Sequence

import jax

from scaf_jax.ops import (
    lax_convolutions,
    platform_forms,
    whole_image_convolutions,
    xla_cpu_convolutions,
)
from scaf_jax.ops.onednn import convolutions as onednn


def conv2d(x: jax.Array, kernel: jax.Array, *, stride: int = 1, padding: int = 0) -> jax.Array:
    """Two-dimensional convolution (the kernel is not flipped).

    Args:
      x: (B, H, W, C) images.
      kernel: (kh, kw, C, C_out).
      stride: Step of the window, in pixels.
      padding: Zeros added on each of the four sides.

    Returns:
      (B, H', W', C_out) with H' = (H + 2 padding - kh) // stride + 1, in ``x``'s dtype.

    Raises:
      ValueError: If shapes or dtypes do not fit each other.
    """
    _check(x, kernel, stride, padding)
    size = [(x.shape[i] + 2 * padding - kernel.shape[i - 1]) // stride + 1 for i in (1, 2)]
    if min(size) < 1:
        raise ValueError(f"the kernel {kernel.shape} is larger than the image {x.shape}")
    return _conv2d(x, kernel, stride, padding, platform_forms.wants_plain_lax())


def conv_transpose2d(x: jax.Array, kernel: jax.Array, *, stride: int, padding: int) -> jax.Array:
    """Two-dimensional transposed convolution: y[stride i + k - padding] += x[i] @ kernel[k].

    Args:
      x: (B, H, W, C) images.
      kernel: (kh, kw, C, C_out), not flipped (PyTorch's ConvTranspose2d orientation).
      stride: Step of the window, in pixels of the result.
      padding: Rows and columns cut off on each of the four sides of the result.

    Returns:
      (B, H', W', C_out) with H' = (H - 1) stride + kh - 2 padding, in ``x``'s dtype.

    Raises:
      ValueError: If shapes or dtypes do not fit each other.
    """
    _check(x, kernel, stride, padding)
    size = [(x.shape[i] - 1) * stride + kernel.shape[i - 1] - 2 * padding for i in (1, 2)]
    if min(size) < 1:
        raise ValueError(f"padding {padding} leaves nothing of {x.shape} under {kernel.shape}")
    return _conv_transpose2d(x, kernel, stride, padding, platform_forms.wants_plain_lax())


def _check(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"need (B, H, W, C) and (kh, kw, C, C_out), not {x.shape} and {kernel.shape}"
        )
    if x.dtype != kernel.dtype:
        raise ValueError(f"images and kernel differ in dtype: {x.dtype} and {kernel.dtype}")
    if stride < 1 or padding < 0:
        raise ValueError(f"need stride >= 1 and padding >= 0, not {stride} and {padding}")


# Convolution and transposed convolution with their gradients.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv2d(x, kernel, stride, padding, plain):
    return _gather(x, kernel, stride, padding, plain)


def _conv2d_forward(x, kernel, stride, padding, plain):
    return _conv2d(x, kernel, stride, padding, plain), (x, kernel)


def _conv2d_backward(stride, padding, plain, saved, grad):
    x, kernel = saved
    return (
        _scatter(grad, kernel, x.shape[1:3], stride, padding, plain, swapped=True),
        _correlate(x, grad, kernel.shape[:2], stride, padding, plain),
    )


_conv2d.defvjp(_conv2d_forward, _conv2d_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv_transpose2d(x, kernel, stride, padding, plain):
    size = [(x.shape[i] - 1) * stride + kernel.shape[i - 1] - 2 * padding for i in (1, 2)]
    return _scatter(x, kernel, size, stride, padding, plain)


def _conv_transpose2d_forward(x, kernel, stride, padding, plain):
    return _conv_transpose2d(x, kernel, stride, padding, plain), (x, kernel)


def _conv_transpose2d_backward(stride, padding, plain, saved, grad):
    x, kernel = saved
    return (
        _gather(grad, kernel, stride, padding, plain, swapped=True),
        _correlate(grad, x, kernel.shape[:2], stride, padding, plain, swapped=True),
    )


_conv_transpose2d.defvjp(_conv_transpose2d_forward, _conv_transpose2d_backward)


# The three maps, in the form that suits the platform. A kernel that is `swapped` is stored with its
# output channels before its input channels.


def _gather(x, kernel, stride, padding, plain, swapped=False):
    options = {"stride": stride, "padding": padding}

    def form(gather: Callable) -> Callable:
        return lambda x, kernel: gather(x, _oriented(kernel, swapped), **options)

    cpu_form = form(xla_cpu_convolutions.gather)
    if _is_whole_image(x.shape[1:3], kernel.shape[:2], padding):
        cpu_form = functools.partial(whole_image_convolutions.gather, swapped=swapped)
    elif onednn.is_usable(x.dtype):
        cpu_form = functools.partial(onednn.gather, **options, swapped=swapped)
    return platform_forms.choose(plain, form(lax_convolutions.gather), cpu_form, x, kernel)


def _scatter(x, kernel, size, stride, padding, plain, swapped=False):
    options = {"size": size, "stride": stride, "padding": padding}

    def form(scatter: Callable) -> Callable:
        return lambda x, kernel: scatter(x, _oriented(kernel, swapped), **options)

    cpu_form = form(xla_cpu_convolutions.scatter)
    if x.shape[1:3] == (1, 1) and _is_whole_image(size, kernel.shape[:2], padding):
        cpu_form = functools.partial(whole_image_convolutions.scatter, swapped=swapped)
    elif onednn.is_usable(x.dtype):
        # Its kernel is that of the convolution whose transpose this is.
        cpu_form = functools.partial(onednn.scatter, **options, swapped=not swapped)
    return platform_forms.choose(plain, form(lax_convolutions.scatter), cpu_form, x, kernel)


def _correlate(x, grad, kernel_size, stride, padding, plain, swapped=False):
    options = {"stride": stride, "padding": padding}
    kernel = jax.ShapeDtypeStruct((*kernel_size, x.shape[3], grad.shape[3]), x.dtype)

    def form(gather: Callable) -> Callable:
        def transposed(x, grad):
            transpose = jax.linear_transpose(functools.partial(gather, x, **options), kernel)
            return _oriented(transpose(grad)[0], swapped)

        return transposed

    cpu_form = form(xla_cpu_convolutions.gather)
    if _is_whole_image(x.shape[1:3], kernel_size, padding):
        cpu_form = functools.partial(whole_image_convolutions.correlate, swapped=swapped)
    elif onednn.is_usable(x.dtype):
        options_ = {**options, "kernel_size": kernel_size, "swapped": swapped}
        cpu_form = functools.partial(onednn.correlate, **options_)
    return platform_forms.choose(plain, form(lax_convolutions.gather), cpu_form, x, grad)


def _oriented(kernel: jax.Array, swapped: bool) -> jax.Array:
    return kernel.swapaxes(2, 3) if swapped else kernel


def _is_whole_image(size: Sequence[int], window: Sequence[int], padding: int) -> bool:
    return tuple(size) == tuple(window) and padding == 0
