"""Confidences inside of programs: curves through knots, as sums of their pieces."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from scaf_jax.landmarks import confidence

Floats = NDArray[np.float32]


class Pieces(NamedTuple):
    """Curves whose value at x is `base + sum(slopes * clip(x - starts, 0, widths))`.

    Attributes:
      starts: (K - 1,) where pieces begin.
      widths: (K - 1,) how long they are.
      slopes: (L, K - 1), or (1, K - 1) where all landmarks have one curve.
      base: (L,) or (1,), the values before the first knot.
    """

    starts: Floats
    widths: Floats
    slopes: Floats
    base: Floats


def pieces(calibration: confidence.Calibration) -> Pieces:
    """Returns the curves of a calibration."""
    knots, values = np.array(calibration.heights), np.array(calibration.confidences)
    widths = np.diff(knots)
    parts = (knots[:-1], widths, np.diff(values) / widths, values[:, 0])
    return Pieces(*(part.astype(np.float32) for part in parts))


def confidences(heights: jax.Array, curves: Pieces) -> jax.Array:
    """Returns what `Calibration` makes of heights (B, L)."""
    steps = jnp.clip(heights[..., None] - curves.starts, 0, curves.widths)
    return (steps * curves.slopes).sum(axis=-1) + curves.base
