"""Convolutions for XLA:CPU, in the forms that it computes fast: see `convolutions`."""

import jax
import jax.numpy as jnp
from jax import lax

from scaf_jax.ops import lax_convolutions

# Below this many channels a strided convolution spends its time collecting single pixels.
_FEW_CHANNELS = 8
# From this many output channels on, a transposed convolution is faster phase by phase.
_MANY_CHANNELS = 128


def gather(x, kernel, stride, padding):
    """Convolution; see `lax_convolutions.gather`."""
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
        return lax_convolutions.gather(x, kernel, stride, padding)

    def correlate(x, grad):
        # Channels take the batch's place, and the batch that of channels.
        gradient = lax.conv_general_dilated(
            x.transpose(3, 1, 2, 0),
            grad.transpose(1, 2, 0, 3),
            (1, 1),
            ((padding, padding),) * 2,
            rhs_dilation=(stride, stride),
            dimension_numbers=lax_convolutions.DIMENSIONS,
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


def scatter(x, kernel, size, stride, padding):
    """Transposed convolution; see `lax_convolutions.scatter`."""
    if x.shape[1:3] == (1, 1):
        return _scatter_from_pixel(x, kernel, size, padding)
    if stride == 1:
        return lax_convolutions.scatter(x, kernel, size, stride, padding)
    if kernel.shape[3] < _MANY_CHANNELS and all(k % stride == 0 for k in kernel.shape[:2]):
        return _scatter_to_blocks(x, kernel, size, stride, padding)
    return _scatter_by_phases(x, kernel, size, stride, padding)


def _scatter_from_pixel(x, kernel, size, padding):
    """Scatter of images of one pixel: the kernel, weighted."""
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
        x,
        kernel,
        (1, 1),
        [(n - 1, n - 1) for n in taps],
        dimension_numbers=lax_convolutions.DIMENSIONS,
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
        return lax.conv_general_dilated(
            x, taps, (1, 1), pads, dimension_numbers=lax_convolutions.DIMENSIONS
        )

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
