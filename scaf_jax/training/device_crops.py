"""Training crops that the devices cut out themselves, of faces that stay in their memory."""

import functools
from typing import Any

import jax
import numpy as np

from scaf_jax.ops import warping
from scaf_jax.training import sharding

Batch = dict[str, Any]


class DeviceCrops:
    """Completes batches of places with the crops that lie there.

    Every device holds all faces, so that its part of a batch is cut out without the others.
    """

    def __init__(
        self,
        pixels: np.ndarray,
        starts: np.ndarray,
        sizes: np.ndarray,
        *,
        mesh: jax.sharding.Mesh,
        size: int,
        cubic: bool,
        mirrored: bool,
    ) -> None:
        """Brings the faces onto the devices; all processes must hold the same.

        Args:
          pixels: (P, 4) uint8, red, green, blue and 0 of all faces' regions.
          starts: (N,) int32, the first pixel of each.
          sizes: (N, 2) int32, height and width of each.
          mesh: The devices.
          size: Side of the crops, S.
          cubic: See `warping.warp`.
          mirrored: See `warping.warp`.
        """
        packed = np.ascontiguousarray(pixels).view("<u4")[:, 0]
        everywhere = sharding.replicated(mesh)
        self._faces = tuple(
            jax.make_array_from_callback(array.shape, everywhere, array.__getitem__)
            for array in (packed, starts, sizes)
        )
        warp = functools.partial(warping.warp, size=size, cubic=cubic, mirrored=mirrored)
        self._cut = jax.jit(
            functools.partial(_cut, warp=warp), out_shardings=sharding.batch_sharding(mesh)
        )

    def __call__(self, batch: Batch) -> Batch:
        """Returns a global batch with `image`, (B, S, S, 3) uint8.

        Args:
          batch: `face` (B,) int32, the numbers of the faces, and `region_matrix` (B, 2, 3)
            float32, from their crops to their regions, instead.
        """
        rest = dict(batch)
        image = self._cut(self._faces, rest.pop("face"), rest.pop("region_matrix"))
        return {"image": image, **rest}


def _cut(faces: Any, numbers: jax.Array, matrices: jax.Array, *, warp: Any) -> jax.Array:
    pixels, starts, sizes = faces
    return warp(pixels, starts[numbers], sizes[numbers], matrices)
