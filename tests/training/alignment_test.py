"""Tests of stage 2's prediction step; its training is tested with whole runs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.landmarks import heatmaps
from scaf_jax.training import alignment, state

SIZE, HEATMAP_SIZE = 64, 32
FLIP = (1, 0)


class _Equivariant(nnx.Module):
    """Stands in for a network: finds the bright dot of each half, whichever way the face looks.

    Attributes:
      codec: Says where the network was taught that a landmark at a pixel is.
    """

    def __init__(self, codec: heatmaps.HeatmapCodec):
        self.codec = codec

    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        light = images.mean(axis=-1)  # (B, S, S)
        light -= light.min()
        halves = [light.at[:, :, SIZE // 2 :].set(0), light.at[:, :, : SIZE // 2].set(0)]
        points = jnp.stack([_centroid(half) for half in halves], axis=1)
        # Taught with crops and their mirror images, it counts from the crop's edge at `corners`.
        shift = 0.5 if self.codec.pixel_convention == "corners" else 0.0
        return self.codec.encode(points + shift), jnp.zeros((len(images), 99))

    def reconstruct(self, embeddings: jax.Array) -> jax.Array:
        return jnp.zeros((len(embeddings), SIZE, SIZE, 3))


def _centroid(light: jax.Array) -> jax.Array:
    """(B, S, S) to (B, 2) x, y."""
    grid, total = jnp.arange(SIZE), light.sum(axis=(1, 2))
    x, y = (light * grid).sum(axis=(1, 2)), (light * grid[:, None]).sum(axis=(1, 2))
    return jnp.stack([x, y], axis=-1) / total[:, None]


def _faces(points: np.ndarray) -> np.ndarray:
    """(B, 2, 2) to black (B, S, S, 3) uint8 with a dot at each point."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = points[..., 0, None, None], points[..., 1, None, None]
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8).sum(axis=1)
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("convention", heatmaps.CONVENTIONS)
def test_the_mirrored_pass_of_an_equivariant_network_changes_nothing(convention):
    codec = heatmaps.HeatmapCodec(SIZE, HEATMAP_SIZE, blur_size=3, pixel_convention=convention)
    points = np.random.default_rng(0).uniform([12, 12], [22, 50], (5, 2, 2))
    points[:, 1, 0] += 28  # the right half's
    graphdef, params, batch_stats = state.split(_Equivariant(codec))
    predict = functools.partial(
        alignment.predict_step, params, batch_stats, _faces(points), graphdef=graphdef, codec=codec
    )
    plain, averaged = predict(), predict(flip_permutation=FLIP)
    shift = 0.5 if convention == "corners" else 0.0
    np.testing.assert_allclose(plain["landmarks_subpixel"], points + shift, atol=0.1)
    for decoder in heatmaps.DECODERS:
        name = f"landmarks_{decoder}"
        np.testing.assert_allclose(averaged[name], plain[name], atol=1e-3)
