"""Cutting crops out of images of several sizes, on the device."""

import itertools

import jax
import jax.numpy as jnp

# OpenCV's cubic: what Keys (1981) calls a.
_CUBIC = -0.75


def warp(
    pixels: jax.Array,
    starts: jax.Array,
    sizes: jax.Array,
    matrices: jax.Array,
    *,
    size: int,
    cubic: bool,
    mirrored: bool,
) -> jax.Array:
    """Does what OpenCV's warpAffine does, for a batch of images that lie one after the other.

    OpenCV 5 rounds nothing before the result; the results differ by 1 where another order of sums
    crosses a half. Earlier versions round places to 1/32 pixel. Farther outside an image than it is
    wide, where it is mirrored twice, OpenCV's bicubic interpolation reads other pixels.

    Args:
      pixels: (P,) uint32, all images' pixels, rows from the top: red in the lowest byte, then green
        and blue, so that a pixel is read at once.
      starts: (B,) int32, where each image of the batch begins.
      sizes: (B, 2) int32, its height and width.
      matrices: (B, 2, 3) float32, from the crop to the image, center coordinates.
      size: Side of the crops, S.
      cubic: Whether to interpolate with 4 x 4 pixels in place of 2 x 2.
      mirrored: Whether the image's mirror image lies outside it, in place of black.

    Returns:
      (B, S, S, 3) uint8.
    """
    y, x = jnp.mgrid[:size, :size].astype(jnp.float32)
    a = matrices[:, :, :, None, None]
    (left, column_weights), (top, row_weights) = (
        _taps(a[:, i, 0] * x + a[:, i, 1] * y + a[:, i, 2], cubic) for i in (0, 1)
    )
    heights, widths = (sizes[:, i, None, None] for i in (0, 1))
    total = jnp.zeros((*left.shape, 3), jnp.float32)
    for (i, row_weight), (j, column_weight) in itertools.product(
        enumerate(row_weights), enumerate(column_weights)
    ):
        row, row_is_inside = _inside(top + i, heights, mirrored)
        column, column_is_inside = _inside(left + j, widths, mirrored)
        packed = pixels[starts[:, None, None] + row * widths + column]
        weight = jnp.where(row_is_inside & column_is_inside, row_weight * column_weight, 0.0)
        total += weight[..., None] * _unpack(packed)
    return jnp.clip(jnp.round(total), 0, 255).astype(jnp.uint8)


def _taps(places: jax.Array, cubic: bool) -> tuple[jax.Array, list[jax.Array]]:
    """The first pixel to read along an axis, int32, and the weights of it and those after it."""
    first = jnp.floor(places)
    t = places - first
    number = first.astype(jnp.int32)
    if not cubic:
        return number, [1 - t, t]
    far, near, u = t + 1, t, 1 - t
    weights = [
        ((_CUBIC * far - 5 * _CUBIC) * far + 8 * _CUBIC) * far - 4 * _CUBIC,
        ((_CUBIC + 2) * near - (_CUBIC + 3)) * near * near + 1,
        ((_CUBIC + 2) * u - (_CUBIC + 3)) * u * u + 1,
    ]
    return number - 1, [*weights, 1 - weights[0] - weights[1] - weights[2]]


def _inside(
    places: jax.Array, length: jax.Array, mirrored: bool
) -> tuple[jax.Array, jax.Array | bool]:
    """Places in 0..length - 1, and whether what they show is to be seen."""
    if mirrored:
        there_and_back = places % (2 * length)
        return jnp.minimum(there_and_back, 2 * length - 1 - there_and_back), True
    return jnp.clip(places, 0, length - 1), (0 <= places) & (places < length)


def _unpack(packed: jax.Array) -> jax.Array:
    shifts = jnp.array([0, 8, 16], jnp.uint32)
    return ((packed[..., None] >> shifts) & 255).astype(jnp.float32)
