"""Changed copies of faces, mirrored and turned, and a network's landmarks on them, led back.

Where the landmarks differ, the network is not sure of them: `acquisition.disagreement`.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import ndimage

from scaf_jax.landmarks import heatmaps
from scaf_jax.training import preprocessing

# Within what training turns faces by.
TURNS_DEGREES = (-15.0, 15.0)


def landmarks_on_copies(
    model: Any,
    images: jax.Array,
    codec: heatmaps.HeatmapCodec,
    decoder: str,
    *,
    permutation: tuple[int, ...],
) -> list[jax.Array]:
    """Finds the landmarks on each copy.

    Args:
      model: An aligner.
      images: (B, S, S, 3) uint8.
      codec: Decodes its heatmaps.
      decoder: How; one of `heatmaps.DECODERS`.
      permutation: Which landmarks change places in a mirror.

    Returns:
      (B, L, 2) float32 for each copy, in the pixels of the crops as they are.
    """

    def maps(images: jax.Array) -> jax.Array:
        found, _ = model(preprocessing.normalize(images), train=False)
        return found.astype(jnp.promote_types(found.dtype, jnp.float32))

    mirrored = codec.unmirror(maps(images[:, :, ::-1]), permutation)
    found = [codec.decode(mirrored, decoder)]
    for degrees in TURNS_DEGREES:
        points = codec.decode(maps(turn(images, degrees)), decoder)
        found.append(turn_points(points, -degrees, images.shape[1]))
    return found


def turn(images: jax.Array, degrees: float) -> jax.Array:
    """Turns square images about their centers, clockwise as they are seen, bilinearly.

    Args:
      images: (B, S, S, 3) uint8; what lies outside them is black.
      degrees: By how much.

    Returns:
      (B, S, S, 3) uint8.
    """
    size = images.shape[1]
    pixels = jnp.stack(jnp.meshgrid(jnp.arange(size), jnp.arange(size), indexing="xy"), axis=-1)
    source = turn_points(pixels.reshape(-1, 2).astype(jnp.float32), -degrees, size)
    places = [source[:, 1], source[:, 0]]

    def channel(values: jax.Array) -> jax.Array:
        return ndimage.map_coordinates(values, places, order=1, mode="constant", cval=0.0)

    flat = jnp.moveaxis(images, -1, 1).reshape(-1, size, size).astype(jnp.float32)
    turned = jax.vmap(channel)(flat).reshape(images.shape[0], 3, size, size)
    return jnp.moveaxis(jnp.round(turned), 1, -1).astype(jnp.uint8)


def turn_points(points: jax.Array, degrees: float, size: int) -> jax.Array:
    """Turns (..., 2) x, y about the center of a crop of S pixels, with pixel 0 centered at 0."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    center = (size - 1) / 2
    matrix = jnp.array([[cos, sin], [-sin, cos]], points.dtype)  # for rows: y points down
    return (points - center) @ matrix + center
