"""Losses, metrics and heatmap targets: numbers that need no network."""

import re

import jax.numpy as jnp
import numpy as np

from scaf_jax.landmarks import heatmaps, metrics, normalizers, schemes
from scaf_jax.parity import comparison, fixtures
from scaf_jax.training import losses

TOLERANCE = 1e-4

# Seeds of truth and noise, and the noise in pixels, by number of landmarks.
_METRIC_FACES = {68: (5, 6, 4.0), 98: (7, 8, 9.0)}
_SCHEMES = {68: schemes.IBUG68, 98: schemes.WFLW98}


def check_losses(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks reconstruction and structural loss of each image."""
    found = comparison.Comparison("losses", folder.arrays("losses.npz"))
    shape = (len(found.stored("recon_per_image")), 3, 128, 128)
    x = fixtures.make_input(folder.salt, "lossX", shape)
    y = fixtures.make_input(folder.salt, "lossY", shape)
    # One image below -0.5, which changes its data range; two pairs that are alike.
    x[3] *= 1.1
    y[:2] = 0.8 * x[:2] + 0.1 * y[:2]
    x, y = jnp.asarray(x), jnp.asarray(y)
    found.check("recon_per_image", np.asarray(losses.reconstruction(x, y)), TOLERANCE)
    found.check("struct_per_image", np.asarray(losses.structural(x, y)), TOLERANCE)
    return found.rows()


def check_metrics(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks NME of each landmark and failure rates."""
    stored = folder.arrays("metrics.npz")
    found = comparison.Comparison("metrics", stored)
    for name in stored:
        if match := re.fullmatch(r"nme(\d+)_outer", name):
            errors = _landmark_errors(int(match[1]), len(found.stored(name)))
            found.check(name, errors, TOLERANCE)
        elif match := re.fullmatch(r"fr(\d+)_(\d+)", name):
            landmarks = int(match[2])
            faces = len(found.stored(f"nme{landmarks}_outer"))
            nme = metrics.face_nme(_landmark_errors(landmarks, faces))
            found.check(name, np.float64(metrics.failure_rate(nme, int(match[1]))), TOLERANCE)
    return found.rows()


def _landmark_errors(num_landmarks: int, num_faces: int) -> np.ndarray:
    if num_landmarks not in _METRIC_FACES:
        raise fixtures.FixtureError(f"fixture metrics: no faces of {num_landmarks} landmarks")
    truth_seed, noise_seed, sigma = _METRIC_FACES[num_landmarks]
    shape = (num_faces, num_landmarks, 2)
    truth = np.random.default_rng(truth_seed).uniform(20, 230, shape).astype(np.float32)
    noise = np.random.default_rng(noise_seed).normal(0, sigma, shape).astype(np.float32)
    distances = normalizers.normalizing_distances(truth, _SCHEMES[num_landmarks])
    return metrics.landmark_errors(truth + noise, truth, distances)


def check_targets(folder: fixtures.Folder) -> list[comparison.Row]:
    """Checks target heatmaps with centers rounded to pixels."""
    found = comparison.Comparison("heatmap_targets", folder.arrays("heatmap_targets.npz"))
    landmarks = found.stored("landmarks")[None, ::4]
    compare_targets(found, "targets_every4th", landmarks, found.stored("targets_every4th")[None])
    return found.rows()


def compare_targets(
    found: comparison.Comparison, name: str, landmarks: np.ndarray, theirs: np.ndarray
) -> None:
    """Compares encoded landmarks with stored heatmaps, where the two are meant to agree.

    The published window reaches from -18 to +16 pixels of the center, ours as far on both sides,
    so that they are compared from -16 to +16. Near the border of the frame the published code
    moves the Gaussian, which is not copied: only landmarks further inside are compared.

    Args:
      found: Where the row is added.
      name: Name of the quantity.
      landmarks: (B, L, 2) x, y on the heatmap grid.
      theirs: (B, L, H, H).
    """
    size = theirs.shape[-1]
    codec = heatmaps.HeatmapCodec(size, size, rounding=True, pixel_convention="corners")
    ours = fixtures.to_nchw(codec.encode(jnp.asarray(landmarks)))
    centers = np.floor(landmarks + 0.5)[..., None, None]
    grid = np.arange(size)
    near_x = np.abs(grid[None, :] - centers[..., 0, :, :]) <= 16
    near_y = np.abs(grid[:, None] - centers[..., 1, :, :]) <= 16
    inside = ((centers >= 18) & (centers < size - 18)).all(axis=2)
    window = near_x & near_y & inside
    compared = f"{int(inside.sum())} of {inside.size}"
    error = comparison.relative_error(ours[window], theirs[window])
    found.add(f"{name} ({compared})", error, TOLERANCE)
