"""Groups of images, behind each other in the channels, where chips compute with wide rows of them.

A TPU keeps channels in rows of 128 places, and its matrix units are as wide. A map of 64 channels
fills half of each row: it takes twice its bytes, and bytes are what a step waits for. Two images
behind each other in the channels fill the rows; a kernel that stands twice on a diagonal convolves
each of them by itself. The sums are the same, with zeros between them, whose products take the
places that were empty.
"""

import contextlib
import contextvars
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from scaf_jax.ops import platform_forms

_ROW = 128
_devices = contextvars.ContextVar("devices", default=0)


@contextlib.contextmanager
def grouping(devices: int) -> Iterator[None]:
    """Makes functions traced inside the context group images, as they do where there are TPUs.

    The switch acts while a function is traced. It is part of the key of ``jax.jit``'s cache.

    Args:
      devices: Number of devices that share a batch: groups are of one device's images.
    """
    token = _devices.set(devices)
    try:
        # An annotation without effect on the numbers that separates the cache entries.
        with set_xla_metadata(scaf_jax_image_groups=str(devices)):
            yield
    finally:
        _devices.reset(token)


def fill_rows(x: jax.Array, size: int, channels: int) -> tuple[jax.Array, int]:
    """Puts images in groups of which the channels fill rows; on a TPU, elsewhere in groups of one.

    Args:
      x: (B / size, H, W, size * C), groups.
      size: Number of images in each.
      channels: How many an image has where rows are to be filled.

    Returns:
      (B / new, H, W, new * C), and `new`, the number of images in each of its groups.
    """
    new = _fitting(x.shape[0] * size, channels)
    if size % new == 0:
        return ungroup(x, size // new), new
    if new % size == 0:
        return group(x, new // size), new
    return group(ungroup(x, size), new), new


def _fitting(batch: int, channels: int) -> int:
    devices = _devices.get() or (jax.device_count() if jax.default_backend() == "tpu" else 0)
    # Programs for other machines have no platform yet, and perhaps any number of images.
    if not devices or platform_forms.wants_portable() or batch % devices:
        return 1
    return math.gcd(max(1, _ROW // channels), batch // devices)


def group(x: jax.Array, size: int) -> jax.Array:
    """Puts (B, H, W, C) in groups of so many: (B / size, H, W, size * C)."""
    if size == 1:
        return x
    batch, height, width, channels = x.shape
    x = jnp.moveaxis(x.reshape(batch // size, size, height, width, channels), 1, 3)
    return x.reshape(batch // size, height, width, size * channels)


def ungroup(x: jax.Array, size: int) -> jax.Array:
    """Takes groups (B / size, H, W, size * C) apart: (B, H, W, C)."""
    if size == 1:
        return x
    groups, height, width, channels = x.shape
    x = jnp.moveaxis(x.reshape(groups, height, width, size, channels // size), 3, 1)
    return x.reshape(groups * size, height, width, channels // size)


def size_of(x: jax.Array, channels: int) -> int:
    """Returns how many images are in each group of `x`, by the channels of one of them."""
    return max(1, x.shape[-1] // channels)


def kernel(one: jax.Array, size: int) -> jax.Array:
    """Returns the kernel (kh, kw, size * C, size * C_out) for groups, of (kh, kw, C, C_out)."""
    if size == 1:
        return one
    height, width, inputs, outputs = one.shape
    diagonal = jnp.eye(size, dtype=one.dtype)[:, None, :, None]
    several = one[:, :, None, :, None, :] * diagonal
    return several.reshape(height, width, size * inputs, size * outputs)


def moments(x: jax.Array, size: int) -> tuple[jax.Array, jax.Array]:
    """Returns mean and variance (C,) of groups (B / size, H, W, size * C), of float32 at least."""
    x = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    # Both in one pass; a difference of rounded numbers may be below zero.
    mean, square = (y.mean((0, 1, 2)).reshape(size, -1).mean(0) for y in (x, jnp.square(x)))
    return mean, jnp.maximum(square - jnp.square(mean), 0.0)
