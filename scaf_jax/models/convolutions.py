"""Convolutions, transposed convolutions and max-pooling, in the form that suits the platform.

All functions take NHWC images. On TPU and GPU they lower to plain ``jax.lax`` operations, which
XLA compiles well there. On CPU XLA's own weight gradients and dilated convolutions are several
times slower than need be, so the same sums are written as ordinary convolutions and matrix
products. The choice is made when a program is lowered for its platform
(``jax.lax.platform_dependent``); the numbers are those of plain lax up to rounding.

Three linear maps are enough, since each is an input or weight gradient of another:

* gather:    y[i] = sum_k x[s i + k - p] @ w[k]            (convolution)
* scatter:   x[s i + k - p] += y[i] @ w[k]^T               (transposed convolution)
* correlate: w[k] = sum_i x[s i + k - p]^T y[i]            (weight gradient of both)
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Pixels of one slice of a weight-gradient sum: small enough for the copies to stay in cache.
_CHUNK_PIXELS = 4096

_use_plain_lax = contextvars.ContextVar("use_plain_lax", default=False)


@contextlib.contextmanager
def plain_lax() -> Iterator[None]:
    """Makes functions traced inside the context use plain lax on every platform.

    The switch acts while a function is traced. It is part of the key of ``jax.jit``'s cache, so
    one jitted function may be called inside and outside of the context.

    Yields:
      Nothing.
    """
    token = _use_plain_lax.set(True)
    try:
        # A trace-time annotation: it has no effect on the program but separates cache entries.
        with set_xla_metadata(scaf_jax_convolutions="plain"):
            yield
    finally:
        _use_plain_lax.reset(token)


def conv2d(x: jax.Array, kernel: jax.Array, *, stride: int = 1, padding: int = 0) -> jax.Array:
    """Two-dimensional convolution (cross-correlation, as all deep-learning libraries mean it).

    Args:
      x: (B, H, W, C) images.
      kernel: (kh, kw, C, C_out).
      stride: step in both directions.
      padding: zeros added on each of the four sides.

    Returns:
      (B, H', W', C_out) with H' = (H + 2 padding - kh) // stride + 1, in ``x``'s dtype.

    Raises:
      ValueError: if shapes or dtypes do not fit each other.
    """
    _check(x, kernel, stride, padding)
    return _conv2d(x, kernel, stride, padding, _use_plain_lax.get())


def conv_transpose2d(
    x: jax.Array, kernel: jax.Array, *, stride: int, padding: int
) -> jax.Array:
    """Two-dimensional transposed convolution: y[stride i + k - padding] += x[i] @ kernel[k].

    Args:
      x: (B, H, W, C) images.
      kernel: (kh, kw, C, C_out), not flipped (PyTorch's ConvTranspose2d orientation).
      stride: step in both directions.
      padding: rows and columns cut off on each of the four sides of the result.

    Returns:
      (B, H', W', C_out) with H' = (H - 1) stride + kh - 2 padding, in ``x``'s dtype.

    Raises:
      ValueError: if shapes or dtypes do not fit each other.
    """
    _check(x, kernel, stride, padding)
    size = tuple(
        (x.shape[axis + 1] - 1) * stride + kernel.shape[axis] - 2 * padding for axis in (0, 1)
    )
    if min(size) < 1:
        raise ValueError(f"padding {padding} leaves nothing of {x.shape} under {kernel.shape}")
    # Stored as the kernel of the convolution whose input gradient this is.
    return _conv_transpose2d(
        x, kernel.transpose(0, 1, 3, 2), size, stride, padding, _use_plain_lax.get()
    )


def max_pool(x: jax.Array, *, window: int = 3, stride: int = 2, padding: int = 1) -> jax.Array:
    """Maximum over square windows; outside the image counts as minus infinity.

    The gradient goes to the first maximum of a window in row-major order, as in plain lax.

    Args:
      x: (B, H, W, C) images.
      window: side of the window.
      stride: step in both directions.
      padding: border of minus infinity on each of the four sides.

    Returns:
      (B, H', W', C) with H' = (H + 2 padding - window) // stride + 1.

    Raises:
      ValueError: if ``padding`` is not smaller than ``window``.
    """
    if not 0 <= padding < window:
        raise ValueError(f"padding must be in [0, window), not {padding} with window {window}")
    return _max_pool(x, window, stride, padding, _use_plain_lax.get())


def _check(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> None:
    if x.ndim != 4 or kernel.ndim != 4 or x.shape[3] != kernel.shape[2]:
        raise ValueError(
            f"need (B, H, W, C) and (kh, kw, C, C_out), not {x.shape} and {kernel.shape}"
        )
    if x.dtype != kernel.dtype:
        raise ValueError(f"images and kernel differ in dtype: {x.dtype} and {kernel.dtype}")
    if stride < 1 or padding < 0:
        raise ValueError(f"need stride >= 1 and padding >= 0, not {stride} and {padding}")


def _choose(plain: bool, plain_form: Callable, cpu_form: Callable, *args: jax.Array) -> jax.Array:
    """Calls the form for the platform that the program is lowered for."""
    if plain:
        return plain_form(*args)
    return lax.platform_dependent(*args, cpu=cpu_form, default=plain_form)


# The convolution and the transposed convolution, differentiable.


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv2d(x, kernel, stride, padding, plain):
    return _gather(x, kernel, stride, padding)


def _conv2d_forward(x, kernel, stride, padding, plain):
    return _conv2d(x, kernel, stride, padding, plain), (x, kernel)


def _conv2d_backward(stride, padding, plain, saved, grad):
    x, kernel = saved
    return (
        _scatter(grad, kernel, x.shape[1:3], stride, padding, plain),
        _correlate(x, grad, kernel.shape[:2], stride, padding, plain),
    )


_conv2d.defvjp(_conv2d_forward, _conv2d_backward)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4, 5))
def _conv_transpose2d(x, kernel, size, stride, padding, plain):
    return _scatter(x, kernel, size, stride, padding, plain)


def _conv_transpose2d_forward(x, kernel, size, stride, padding, plain):
    return _conv_transpose2d(x, kernel, size, stride, padding, plain), (x, kernel)


def _conv_transpose2d_backward(size, stride, padding, plain, saved, grad):
    x, kernel = saved
    return (
        _gather(grad, kernel, stride, padding),
        _correlate(grad, x, kernel.shape[:2], stride, padding, plain),
    )


_conv_transpose2d.defvjp(_conv_transpose2d_forward, _conv_transpose2d_backward)


# The three linear maps.


def _gather(x, kernel, stride, padding):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((padding, padding),) * 2, dimension_numbers=_DIMENSIONS
    )


def _scatter(grad, kernel, size, stride, padding, plain):
    def plain_form(grad, kernel):
        kh, kw = kernel.shape[:2]
        pads = []
        for k, n, out in zip((kh, kw), grad.shape[1:3], size, strict=True):
            low = k - 1 - padding
            # What the strided convolution left over on the far side gets no gradient.
            pads.append((low, out + k - 1 - ((n - 1) * stride + 1) - low))
        return lax.conv_general_dilated(
            grad,
            kernel[::-1, ::-1].transpose(0, 1, 3, 2),
            (1, 1),
            pads,
            lhs_dilation=(stride, stride),
            dimension_numbers=_DIMENSIONS,
        )

    def cpu_form(grad, kernel):
        return _scatter_by_phases(grad, kernel, size, stride, padding)

    if stride == 1 and grad.shape[1:3] != (1, 1):
        return plain_form(grad, kernel)  # not dilated: an ordinary convolution already
    return _choose(plain, plain_form, cpu_form, grad, kernel)


def _scatter_by_phases(grad, kernel, size, stride, padding):
    """Scatter as one convolution that yields stride x stride pixels at each place."""
    kh, kw, channels, _ = kernel.shape
    batch, height, width, features = grad.shape
    taps_h, taps_w = -(-kh // stride), -(-kw // stride)
    if (height, width) == (1, 1):
        # Every output pixel sees the one input pixel: a matrix product.
        full = jnp.einsum("bf,hwcf->bhwc", grad[:, 0, 0], kernel)
    else:
        # kernel[stride a + r] becomes tap a of phase r.
        kernel = jnp.pad(
            kernel, ((0, taps_h * stride - kh), (0, taps_w * stride - kw), (0, 0), (0, 0))
        )
        kernel = kernel.reshape(taps_h, stride, taps_w, stride, channels, features)
        kernel = kernel[::-1, :, ::-1].transpose(0, 2, 5, 1, 3, 4)
        kernel = kernel.reshape(taps_h, taps_w, features, stride * stride * channels)
        full = lax.conv_general_dilated(
            grad,
            kernel,
            (1, 1),
            ((taps_h - 1, taps_h - 1), (taps_w - 1, taps_w - 1)),
            dimension_numbers=_DIMENSIONS,
        )
        rows, columns = full.shape[1:3]
        full = full.reshape(batch, rows, columns, stride, stride, channels)
        full = full.transpose(0, 1, 3, 2, 4, 5)
        full = full.reshape(batch, rows * stride, columns * stride, channels)
    # Negative padding cuts; rows that no window reached become zeros.
    pads = [
        (-padding, out + padding - have, 0) for out, have in zip(size, full.shape[1:3], strict=True)
    ]
    return lax.pad(full, jnp.zeros((), full.dtype), [(0, 0, 0), *pads, (0, 0, 0)])


def _correlate(x, grad, kernel_size, stride, padding, plain):
    def plain_form(x, grad):
        shape = (*kernel_size, x.shape[3], grad.shape[3])
        template = jax.ShapeDtypeStruct(shape, x.dtype)
        return jax.linear_transpose(lambda k: _gather(x, k, stride, padding), template)(grad)[0]

    def cpu_form(x, grad):
        return _correlate_by_slices(x, grad, kernel_size, stride, padding)

    return _choose(plain, plain_form, cpu_form, x, grad)


def _correlate_by_slices(x, grad, kernel_size, stride, padding):
    """Weight gradient as matrix products of shifted slices, a band of rows at a time."""
    kh, kw = kernel_size
    batch, height, width, features = grad.shape
    # A band of all images, not a run of images: the batch may be spread over devices.
    band = height
    while band % 2 == 0 and batch * band * width > _CHUNK_PIXELS:
        band //= 2
    rows = (height - 1) * stride + kh
    columns = (width - 1) * stride + kw
    pads = [
        (padding, want - have - padding, 0)
        for want, have in zip((rows, columns), x.shape[1:3], strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pads, (0, 0, 0)])

    def products(x_band, grad_band):
        grad_band = grad_band.reshape(-1, features)
        parts = []
        for a in range(kh):
            row = x_band[:, a : a + (band - 1) * stride + 1 : stride]
            for b in range(kw):
                part = row[:, :, b : b + (width - 1) * stride + 1 : stride]
                part = part.reshape(-1, part.shape[-1])
                parts.append(
                    lax.dot_general(part, grad_band, (((0,), (0,)), ((), ())))
                )
        return jnp.stack(parts).reshape(kh, kw, x.shape[3], features)

    if band == height:
        return products(x, grad)

    def step(total, start):
        x_band = lax.dynamic_slice_in_dim(x, start * stride, (band - 1) * stride + kh, axis=1)
        grad_band = lax.dynamic_slice_in_dim(grad, start, band, axis=1)
        return total + products(x_band, grad_band), None

    start = jnp.zeros((kh, kw, x.shape[3], features), x.dtype)
    return lax.scan(step, start, jnp.arange(0, height, band))[0]


# Max-pooling.


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3, 4))
def _max_pool(x, window, stride, padding, plain):
    def plain_form(x):
        return _plain_max_pool(x, window, stride, padding)

    def cpu_form(x):
        return functools.reduce(jnp.maximum, _window_slices(x, window, stride, padding))

    return _choose(plain, plain_form, cpu_form, x)


def _max_pool_forward(x, window, stride, padding, plain):
    y = _max_pool(x, window, stride, padding, plain)
    return y, (x, y)


def _max_pool_backward(window, stride, padding, plain, saved, grad):
    def plain_form(x, y, grad):
        del y
        return jax.vjp(lambda x: _plain_max_pool(x, window, stride, padding), x)[1](grad)[0]

    def cpu_form(x, y, grad):
        height, width = x.shape[1:3]
        free = jnp.ones(y.shape, bool)
        total = jnp.zeros((), x.dtype)
        zero = jnp.zeros((), x.dtype)
        slices = _window_slices(x, window, stride, padding)
        for index, part in enumerate(slices):
            here = free & (part == y)
            free = free & ~here
            share = jnp.where(here, grad, zero)
            pads = []
            for offset, n, size in zip(
                divmod(index, window), grad.shape[1:3], (height, width), strict=True
            ):
                low = offset - padding
                pads.append((low, size - low - ((n - 1) * stride + 1), stride - 1))
            total = total + lax.pad(share, zero, [(0, 0, 0), *pads, (0, 0, 0)])
        return total

    return (_choose(plain, plain_form, cpu_form, *saved, grad),)


_max_pool.defvjp(_max_pool_forward, _max_pool_backward)


def _plain_max_pool(x, window, stride, padding):
    return lax.reduce_window(
        x,
        -jnp.inf,
        lax.max,
        (1, window, window, 1),
        (1, stride, stride, 1),
        ((0, 0), (padding, padding), (padding, padding), (0, 0)),
    )


def _window_slices(x, window, stride, padding):
    """The window's pixels in row-major order, each (B, H', W', C)."""
    sizes = [(n + 2 * padding - window) // stride + 1 for n in x.shape[1:3]]
    lowest = jnp.array(-jnp.inf, x.dtype)
    x = lax.pad(x, lowest, [(0, 0, 0), (padding, padding, 0), (padding, padding, 0), (0, 0, 0)])
    rows, columns = ((n - 1) * stride + 1 for n in sizes)
    return [
        x[:, a : a + rows : stride, b : b + columns : stride]
        for a in range(window)
        for b in range(window)
    ]
