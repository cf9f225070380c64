"""How unsure a network is of a face's landmarks: scores, higher where it is less sure.

Source: SCAF, sec. 3.2 and 4.6, for NNM and entropy, which are computed on the device. `faintness`
and `disagreement` are ours; they compare faces of a pool, on the host.
"""

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt

from scaf_jax.landmarks import heatmaps as codecs

Array = npt.NDArray[Any]

NNM, ENTROPY = "nnm", "entropy"
FAINTNESS, DISAGREEMENT = "faintness", "disagreement"
UNCERTAINTIES = (NNM, ENTROPY, FAINTNESS, DISAGREEMENT)


@functools.partial(jax.jit, static_argnames="window")
def nnm(
    heatmaps: jax.Array, peaks: jax.Array, window: int = 9, *, valid: jax.Array | None = None
) -> jax.Array:
    """Negative Neighborhood Magnitude: minus the sum of each map's values around its peak.

    The fainter a face's maps are where they found its landmarks, the higher its score. Reads only
    the windows. Source: SCAF, eq. 1; the paper does not tell the window's size.

    Args:
      heatmaps: (B, H, W, L).
      peaks: (B, L, 2) int x, y of the landmarks in heatmap pixels, inside the maps.
      window: Side of the square window, in heatmap pixels; odd. The border cuts it.
      valid: (B,) bool, False for rows that only fill up the batch.

    Returns:
      (B,) float32 (float64 for float64 heatmaps), higher = less sure; -inf where not valid.

    Raises:
      ValueError: The window is even or not positive.
    """
    if window < 1 or window % 2 == 0:
        raise ValueError(f"window must be odd and positive, not {window}")
    values = jax.vmap(functools.partial(_windows, size=window))(_at_least_float32(heatmaps), peaks)
    return _only_valid(-values.sum(axis=(1, 2, 3)), valid)


def _windows(maps: jax.Array, peaks: jax.Array, *, size: int) -> jax.Array:
    """(H, W, L) maps and (L, 2) peaks to the (size, size, L) values around them, 0 outside."""
    height, width, num_landmarks = maps.shape
    offsets = jnp.arange(size)[:, None] - size // 2
    x, y = peaks[:, 0] + offsets, peaks[:, 1] + offsets  # (size, L)
    inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None]
    x, y = jnp.clip(x, 0, width - 1), jnp.clip(y, 0, height - 1)
    place = (y[:, None], x[None], jnp.arange(num_landmarks))
    return jnp.where(inside, maps.at[place].get(mode="promise_in_bounds"), 0)


def landmarks_and_nnm(
    heatmaps: jax.Array,
    blur_size: int = 9,
    *,
    valid: jax.Array | None = None,
    reach: int | None = None,
) -> tuple[jax.Array, jax.Array]:
    """Peaks of blurred maps and the NNM around them; see `landmarks_and_heights`."""
    peaks, scores, _ = landmarks_and_heights(heatmaps, blur_size, valid=valid, reach=reach)
    return peaks, scores


@functools.partial(jax.jit, static_argnames=("blur_size", "reach"))
def landmarks_and_heights(
    heatmaps: jax.Array,
    blur_size: int = 9,
    *,
    valid: jax.Array | None = None,
    reach: int | None = None,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Peaks of the blurred maps, the NNM around them and their heights, in one pass over the maps.

    A box blur's value is its window's sum over the window's area, so the blurred maxima are the
    windows' sums around the landmarks: NNM = -blur_size^2 x the sum of the blurred maxima.

    Args:
      heatmaps: (B, H, W, L).
      blur_size: Side of the box blur and of NNM's window, in heatmap pixels; odd.
      valid: (B,) bool, False for rows that only fill up the batch.
      reach: `HeatmapCodec.reach` for the peaks of its sub-pixel decoder; by default arg-max's.

    Returns:
      Peaks (B, L, 2) x, y in heatmap pixels, as `HeatmapCodec.decode` finds them (int32, or with
      reach in the dtype of the maps); `nnm`'s score (B,) at the whole pixels with window =
      blur_size, -inf where not valid; and the blurred maxima (B, L), each landmark's part of it.
    """

    def view(maps: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        blurred = codecs.box_blur(maps, blur_size)
        peaks, maxima = codecs.find_maxima(blurred)
        scores = -(blur_size**2) * maxima.sum(axis=1)
        if reach is not None:
            peaks = codecs.refine_peaks(blurred, peaks, reach=reach)
        return peaks, scores, maxima

    # The sum belongs to an image's turn: after all of them it makes XLA:CPU use one thread only.
    peaks, scores, maxima = codecs.by_image_on_cpu(view, _at_least_float32(heatmaps))
    return peaks, _only_valid(scores, valid), maxima


@jax.jit
def entropy(heatmaps: jax.Array, *, valid: jax.Array | None = None) -> jax.Array:
    """Mean over the landmarks of their maps' spatial entropy, in nats.

    A map without its negative values, divided by its sum, is taken as a distribution over pixels;
    a map without positive values counts as the uniform one, log(H W). Source: SCAF, sec. 4.6.

    Args:
      heatmaps: (B, H, W, L).
      valid: (B,) bool, False for rows that only fill up the batch.

    Returns:
      (B,) float32 (float64 for float64 heatmaps), higher = less sure; -inf where not valid.
    """
    entropies = codecs.by_image_on_cpu(_entropies, _at_least_float32(heatmaps))
    return _only_valid(entropies.mean(axis=1), valid)


def _entropies(maps: jax.Array) -> jax.Array:
    """(B, H, W, L) maps to the entropy of each, (B, L)."""
    maps = jnp.maximum(maps, 0)
    totals = maps.sum(axis=(1, 2), keepdims=True)
    some = totals > 0
    p = maps / jnp.where(some, totals, 1)
    # p log p is 0 at 0, where the logarithm is not finite.
    entropies = -(p * jnp.log(jnp.where(p > 0, p, 1))).sum(axis=(1, 2))
    return jnp.where(some[:, 0, 0], entropies, math.log(maps.shape[1] * maps.shape[2]))


def _at_least_float32(heatmaps: jax.Array) -> jax.Array:
    return heatmaps.astype(jnp.promote_types(heatmaps.dtype, jnp.float32))


def _only_valid(scores: jax.Array, valid: jax.Array | None) -> jax.Array:
    return scores if valid is None else jnp.where(valid, scores, -jnp.inf)


def faintness(heights: Array, sizes: Array) -> Array:
    """How much fainter a face's maps are than the same landmarks' usually are, for its size.

    A landmark that is always faint, such as one on the jaw, says nothing of a face; and pixels of
    doubt weigh more on a small face, since errors are divided by its size.

    Args:
      heights: (N, L), heights of the maps of a pool's faces, from `landmarks_and_heights`.
      sizes: (N,), from `face_sizes`, pixels.

    Returns:
      (N,) float64, 0 where no map is fainter than the pool's median for its landmark.
    """
    usual = np.maximum(np.median(heights, axis=0), np.finfo(np.float32).tiny)
    faint = np.clip(1 - np.asarray(heights, np.float64) / usual, 0, 1)
    return faint.mean(axis=1) * (np.median(sizes) / sizes)


def disagreement(copies: Array, sizes: Array) -> Array:
    """How far landmarks lie apart that a network finds on mirrored and turned copies of a face.

    Needs one network only. Source of the idea, for classes: Gao et al., Consistency-based
    semi-supervised active learning, ECCV 2020.

    Args:
      copies: (C, N, L, 2), the landmarks on C copies of each face, led back to the same pixels.
      sizes: (N,), from `face_sizes`, the same pixels.

    Returns:
      (N,) float64, the mean distance of a copy's landmarks from the copies' mean, over the size.
    """
    copies = np.asarray(copies, np.float64)
    apart = np.linalg.norm(copies - copies.mean(axis=0), axis=-1).mean(axis=(0, 2))
    return apart / sizes


def face_sizes(landmarks: Array) -> Array:
    """Sides (N,) of squares as large as the boxes around (N, L, 2) landmarks; 1 pixel at least."""
    sides = np.ptp(np.asarray(landmarks, np.float64), axis=1)
    return np.sqrt(np.maximum(sides.prod(axis=1), 1.0))
