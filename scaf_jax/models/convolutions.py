"""Convolutions and transposed convolutions in the form that suits the platform.

All functions take NHWC images. On TPU and GPU they lower to plain ``jax.lax`` operations, which
XLA compiles well there. On CPU some of XLA's operations are several times slower than need be
(dilated convolutions, convolutions of images of three channels), so the same sums are written in
other forms; see `platform_forms`. The numbers are those of plain lax up to rounding.

Three bilinear maps are enough, since each is a gradient of another:

* gather:    y[i] = sum_k x[s i + k - p] @ w[k]            (convolution)
* scatter:   y[s i + k - p] += x[i] @ w[k]                 (transposed convolution)
* correlate: w[k] = sum_i x[s i + k - p]^T y[i]            (kernel gradient of a convolution)
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax

from scaf_jax.models import platform_forms

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Below this many channels a strided convolution spends its time collecting single pixels.
_FEW_CHANNELS = 8
# From this many output channels on, a transposed convolution is faster phase by phase.
_MANY_CHANNELS = 128


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
        _scatter(grad, kernel.swapaxes(2, 3), x.shape[1:3], stride, padding, plain),
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
        _gather(grad, kernel.swapaxes(2, 3), stride, padding, plain),
        _correlate(grad, x, kernel.shape[:2], stride, padding, plain).swapaxes(2, 3),
    )


_conv_transpose2d.defvjp(_conv_transpose2d_forward, _conv_transpose2d_backward)


# Gather and correlate.


def _gather(x, kernel, stride, padding, plain):
    plain_form = functools.partial(_convolve, stride=stride, padding=padding)
    cpu_form = functools.partial(_gather_on_cpu, stride=stride, padding=padding)
    return platform_forms.choose(plain, plain_form, cpu_form, x, kernel)


def _correlate(x, grad, kernel_size, stride, padding, plain):
    shape = (*kernel_size, x.shape[3], grad.shape[3])

    def transpose(gather):
        def form(x, grad):
            template = jax.ShapeDtypeStruct(shape, x.dtype)
            return jax.linear_transpose(lambda k: gather(x, k, stride, padding), template)(grad)[0]

        return form

    return platform_forms.choose(plain, transpose(_convolve), transpose(_gather_on_cpu), x, grad)


def _convolve(x, kernel, stride, padding):
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), ((padding, padding),) * 2, dimension_numbers=_DIMENSIONS
    )


def _gather_on_cpu(x, kernel, stride, padding):
    if kernel.shape[:2] == x.shape[1:3] and padding == 0:
        # The window is the whole image.
        return lax.expand_dims(jnp.tensordot(x, kernel, 3), (1, 2))
    if kernel.shape[:2] == (1, 1) and padding == 0:
        x = x[:, ::stride, ::stride]
        # In two dimensions, since the kernel gradient of the general product is slower.
        return (x.reshape(-1, x.shape[3]) @ kernel[0, 0]).reshape(*x.shape[:3], -1)
    if stride > 1 and x.shape[3] < _FEW_CHANNELS:
        return _gather_from_blocks(x, kernel, stride, padding)
    return _convolve_on_cpu(x, kernel, stride, padding)


def _convolve_on_cpu(x, kernel, stride, padding):
    """Convolution whose kernel gradient has its axes in the usual order.

    The gradient that JAX derives names the axes in another order. XLA:CPU brings them into the
    usual one in the main program only: in the branches of a condition or the body of a loop that
    gradient runs tens of times slower.
    """
    taps = kernel.shape[:2]

    def convolve(x, kernel):
        return _convolve(x, kernel, stride, padding)

    def correlate(x, grad):
        # Channels take the batch's place, and the batch that of channels.
        gradient = lax.conv_general_dilated(
            x.transpose(3, 1, 2, 0),
            grad.transpose(1, 2, 0, 3),
            (1, 1),
            ((padding, padding),) * 2,
            rhs_dilation=(stride, stride),
            dimension_numbers=_DIMENSIONS,
        )
        return gradient[:, : taps[0], : taps[1]].transpose(1, 2, 0, 3)

    return jax.custom_derivatives.linear_call(convolve, correlate, x, kernel)


def _gather_from_blocks(x, kernel, stride, padding):
    """Convolution without stride of an image whose pixels are blocks of stride x stride pixels."""
    pixel_pads, kernel_pads, blocks, taps = [], [], [], []
    for have, side in zip(x.shape[1:3], kernel.shape[:2], strict=True):
        taps.append(-(-side // stride))
        blocks.append((have + 2 * padding - side) // stride + taps[-1])
        pixel_pads.append((padding, blocks[-1] * stride - have - padding, 0))
        kernel_pads.append((0, taps[-1] * stride - side))
    x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *pixel_pads, (0, 0, 0)])
    kernel = jnp.pad(kernel, [*kernel_pads, (0, 0), (0, 0)])
    channels, features = kernel.shape[2:]
    x = x.reshape(-1, blocks[0], stride, blocks[1], stride, channels)
    x = x.swapaxes(2, 3).reshape(-1, *blocks, stride * stride * channels)
    kernel = kernel.reshape(taps[0], stride, taps[1], stride, channels, features)
    kernel = kernel.swapaxes(1, 2).reshape(*taps, stride * stride * channels, features)
    return _convolve_on_cpu(x, kernel, 1, 0)


# Scatter.


def _scatter(x, kernel, size, stride, padding, plain):
    form = functools.partial(_scatter_plain, size=size, stride=stride, padding=padding)
    if x.shape[1:3] == (1, 1):
        cpu_form = _scatter_from_pixel
    elif stride == 1:
        return form(x, kernel)  # not dilated: an ordinary convolution already
    elif kernel.shape[3] < _MANY_CHANNELS and all(k % stride == 0 for k in kernel.shape[:2]):
        cpu_form = _scatter_to_blocks
    else:
        cpu_form = _scatter_by_phases
    cpu_form = functools.partial(cpu_form, size=size, stride=stride, padding=padding)
    return platform_forms.choose(plain, form, cpu_form, x, kernel)


def _scatter_plain(x, kernel, size, stride, padding):
    pads = []
    for side, have, want in zip(kernel.shape[:2], x.shape[1:3], size, strict=True):
        low = side - 1 - padding
        # Rows that a strided convolution left out on the far side get no gradient.
        pads.append((low, want + side - 1 - ((have - 1) * stride + 1) - low))
    return lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        (1, 1),
        pads,
        lhs_dilation=(stride, stride),
        dimension_numbers=_DIMENSIONS,
    )


def _scatter_from_pixel(x, kernel, size, stride, padding):
    """Scatter of images of one pixel: the kernel, weighted."""
    del stride
    return _crop(jnp.einsum("bc,hwcf->bhwf", x[:, 0, 0], kernel), size, padding)


def _scatter_to_blocks(x, kernel, size, stride, padding):
    """Scatter as one convolution that yields a block of stride x stride pixels at each place."""
    taps = [side // stride for side in kernel.shape[:2]]
    channels, features = kernel.shape[2:]
    # kernel[stride a + r] is tap a of the block's row r.
    kernel = kernel.reshape(taps[0], stride, taps[1], stride, channels, features)
    kernel = kernel[::-1, :, ::-1].transpose(0, 2, 4, 1, 3, 5)
    kernel = kernel.reshape(*taps, channels, stride * stride * features)
    blocks = lax.conv_general_dilated(
        x, kernel, (1, 1), [(n - 1, n - 1) for n in taps], dimension_numbers=_DIMENSIONS
    )
    batch, rows, columns, _ = blocks.shape
    blocks = blocks.reshape(batch, rows, columns, stride, stride, features).swapaxes(2, 3)
    return _crop(blocks.reshape(batch, rows * stride, columns * stride, features), size, padding)


def _scatter_by_phases(x, kernel, size, stride, padding):
    """Scatter as a small convolution for each place in blocks of stride x stride pixels."""
    features = kernel.shape[3]
    blocks = [-(-want // stride) for want in size]

    def phase(row, column):
        # Pixel s q + r collects kernel[s a + t] from x[q + d - a], where r + p = s d + t.
        taps, pads = kernel, []
        for axis, r in enumerate((row, column)):
            d, t = divmod(r + padding, stride)
            taps = lax.slice_in_dim(taps, min(t, taps.shape[axis]), None, stride, axis)
            count = taps.shape[axis]
            pads.append((count - 1 - d, blocks[axis] + d - x.shape[axis + 1]))
        if 0 in taps.shape:
            return jnp.zeros((x.shape[0], *blocks, features), x.dtype)
        taps = taps[::-1, ::-1]
        return lax.conv_general_dilated(x, taps, (1, 1), pads, dimension_numbers=_DIMENSIONS)

    rows = [jnp.stack([phase(r, c) for c in range(stride)], axis=3) for r in range(stride)]
    y = jnp.stack(rows, axis=2)
    y = y.reshape(x.shape[0], blocks[0] * stride, blocks[1] * stride, features)
    return y[:, : size[0], : size[1]]


def _crop(y, size, padding):
    """Cuts off the near side; on the far side cuts, or adds what no window reached."""
    pads = [
        (-padding, want + padding - have, 0) for want, have in zip(size, y.shape[1:3], strict=True)
    ]
    return lax.pad(y, jnp.zeros((), y.dtype), [(0, 0, 0), *pads, (0, 0, 0)])
