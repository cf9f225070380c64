"""Losses of both training stages, as functions of arrays.

Images are NHWC, RGB in [0, 1] minus the mean. Source: 3FabRec (CVPR 2020), SCAF (ICIAP 2022).
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

LOG_EPSILON = 1e-8
RECONSTRUCTION_WEIGHT = 255.0
STRUCTURAL_WEIGHT = 60.0
HEATMAP_WEIGHT = 300.0

_WINDOW_SIZE = 31
_WINDOW_SIGMA = 1.5
_CONTRAST_CONSTANT = 0.03


def reconstruction(images: jax.Array, reconstructions: jax.Array) -> jax.Array:
    """Returns 255 * mean |X - R| of every image, (B,), from (B, S, S, 3): gray levels."""
    difference = jnp.abs(images - reconstructions)
    return RECONSTRUCTION_WEIGHT * difference.mean(axis=(1, 2, 3))


def structural(images: jax.Array, reconstructions: jax.Array) -> jax.Array:
    """Returns 1 - cs of every image, (B,): what the contrast-structure part of SSIM misses.

    cs = (2 cov(X, R) + C2) / (var X + var R + C2), averaged over pixels and channels; the local
    moments are taken under a 31x31 Gaussian window of sigma 1.5, without padding.
    C2 = (0.03 L)^2 with L = 2 for an image whose minimum is below -0.5, else 1.

    Args:
      images: (B, S, S, C), S >= 31.
      reconstructions: (B, S, S, C).
    """
    data_range = jnp.where(images.min(axis=(1, 2, 3), keepdims=True) < -0.5, 2.0, 1.0)
    c2 = jnp.square(_CONTRAST_CONSTANT * data_range)
    mean_x, mean_r = _local_mean(images), _local_mean(reconstructions)
    variances = _local_mean(jnp.square(images) + jnp.square(reconstructions))
    variances = variances - jnp.square(mean_x) - jnp.square(mean_r)
    covariance = _local_mean(images * reconstructions) - mean_x * mean_r
    contrast = (2.0 * covariance + c2) / (variances + c2)
    return 1.0 - contrast.mean(axis=(1, 2, 3))


def _local_mean(x: jax.Array) -> jax.Array:
    """Averages (B, H, W, C) under the Gaussian window, without padding.

    The window is separable and narrow: two banded matrix products are several times faster
    than a depthwise convolution, on CPU as on TPU.
    """
    rows = jnp.asarray(_gaussian_band(x.shape[1]), x.dtype)
    columns = jnp.asarray(_gaussian_band(x.shape[2]), x.dtype)
    # Variances are small differences of large moments: full precision on every platform.
    return jnp.einsum("ih,jw,bhwc->bijc", rows, columns, x, precision="highest")


@functools.lru_cache
def _gaussian_band(size: int) -> np.ndarray:
    """Returns the (size - 30, size) matrix whose rows are the shifted Gaussian window."""
    if size < _WINDOW_SIZE:
        raise ValueError(f"the structural loss needs images of 31 px or more, not {size}")
    offsets = np.arange(_WINDOW_SIZE) - _WINDOW_SIZE // 2
    window = np.exp(-np.square(offsets) / (2 * _WINDOW_SIGMA**2))
    window /= window.sum()
    band = np.zeros((size - _WINDOW_SIZE + 1, size))
    for i in range(len(band)):
        band[i, i : i + _WINDOW_SIZE] = window
    return band


def discriminator(real: jax.Array, fake: jax.Array) -> jax.Array:
    """Returns -mean(log D(real) + log(1 - D(fake))) of probabilities (B,) each."""
    return -jnp.mean(jnp.log(real + LOG_EPSILON) + jnp.log(1.0 - fake + LOG_EPSILON))


def adversary(fake: jax.Array) -> jax.Array:
    """Returns -mean log D(fake) of probabilities (B,): what the deceiving network minimizes."""
    return -jnp.mean(jnp.log(fake + LOG_EPSILON))


def heatmap(predicted: jax.Array, target: jax.Array, present: jax.Array) -> jax.Array:
    """Returns 300 * mean squared error over the heatmaps of the landmarks that are present.

    The mean is over the global batch: the sum over present maps / (their number * H * W).
    Source: SCAF, sec. 3.1.

    Args:
      predicted: (B, H, W, L).
      target: (B, H, W, L).
      present: (B, L), 0 or False where the landmark is missing.
    """
    weights = present.astype(target.dtype)
    squared = jnp.square(predicted.astype(target.dtype) - target).sum(axis=(1, 2))
    pixels = target.shape[1] * target.shape[2]
    count = jnp.maximum(weights.sum(), 1.0)
    return HEATMAP_WEIGHT * jnp.sum(squared * weights) / (count * pixels)


def heatmap_of_blind(target: jax.Array, present: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns the losses of two predictors that do not look at the image, to compare with.

    The first says empty maps. The second says the same maps for every image, the best such ones: an
    estimate without bias from the batch's own spread. A network whose loss stays at either has
    learned nothing.

    Args:
      target: (B, H, W, L).
      present: (B, L), 0 or False where the landmark is missing.

    Returns:
      `heatmap` of empty maps and of the best constant maps, scalars. Landmarks that only one face
      of the batch has tell nothing of the spread; they count as in empty maps.
    """
    weights = present.astype(target.dtype)
    faces = weights.sum(axis=0)  # (L,)
    sums = jnp.einsum("byxl,bl->yxl", target, weights)
    energy = jnp.einsum("byxl,byxl,bl->l", target, target, weights)
    spread = energy - jnp.square(sums).sum(axis=(0, 1)) / jnp.maximum(faces, 1.0)
    spread = jnp.where(faces > 1, spread * faces / jnp.maximum(faces - 1, 1.0), energy)
    pixels = target.shape[1] * target.shape[2]
    scale = HEATMAP_WEIGHT / (jnp.maximum(weights.sum(), 1.0) * pixels)
    return scale * energy.sum(), scale * spread.sum()
