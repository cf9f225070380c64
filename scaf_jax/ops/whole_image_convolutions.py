"""Convolutions whose window is the whole image, as matrix products for the CPU.

The products run over the kernel's taps (t) one by one, so that kernels, which are much larger than
the images here, are read as they are stored. A single product for all taps would have XLA bring
them into another order first, which takes longer than the product.
"""

import jax.numpy as jnp
from jax import lax


def gather(x, kernel, *, swapped):
    """Convolution of (B, kh, kw, C) to (B, 1, 1, C_out).

    Args:
      x: Images of the kernel's size.
      kernel: (kh, kw, C, C_out), or (kh, kw, C_out, C) where `swapped`.
      swapped: How the kernel is stored.
    """
    pixels, taps = _by_tap(x), _flat(kernel)
    if not swapped:
        y = jnp.einsum("tbc,tcf->bf", pixels, taps)
    else:
        # The barrier keeps XLA from making the sum a part of the product again.
        y = lax.optimization_barrier(jnp.einsum("tbc,tfc->tbf", pixels, taps)).sum(0)
    return lax.expand_dims(y, (1, 2))


def scatter(x, kernel, *, swapped):
    """Transposed convolution of (B, 1, 1, C) to (B, kh, kw, C_out): the kernel, weighted.

    Args:
      x: Images of one pixel.
      kernel: (kh, kw, C, C_out), or (kh, kw, C_out, C) where `swapped`.
      swapped: How the kernel is stored.
    """
    taps = _flat(kernel)
    products = "tbc,tfc->tbf" if swapped else "tbc,tcf->tbf"
    y = jnp.einsum(products, _repeated(x, len(taps)), taps)
    return y.swapaxes(0, 1).reshape(x.shape[0], *kernel.shape[:2], -1)


def correlate(x, y, *, swapped):
    """The kernel gradient of `gather`.

    Args:
      x: (B, kh, kw, C).
      y: (B, 1, 1, C_out).
      swapped: How the result is stored, as in `gather`.
    """
    pixels = _by_tap(x)
    products = "tbc,tbf->tfc" if swapped else "tbc,tbf->tcf"
    taps = jnp.einsum(products, pixels, _repeated(y, len(pixels)))
    return taps.reshape(*x.shape[1:3], *taps.shape[1:])


def _by_tap(x):
    batch, height, width, channels = x.shape
    return x.reshape(batch, height * width, channels).swapaxes(0, 1)


def _flat(kernel):
    return kernel.reshape(-1, *kernel.shape[2:])


def _repeated(x, taps):
    return jnp.broadcast_to(x[:, 0, 0], (taps, x.shape[0], x.shape[3]))
