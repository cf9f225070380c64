"""The losses against plain NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from scaf_jax.training import losses


def _pair(size: int = 40, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two images that resemble each other, two that do not."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-0.49, 0.5, (4, size, size, 3))
    y = rng.uniform(-0.49, 0.5, (4, size, size, 3))
    y[:2] = 0.8 * x[:2] + 0.1 * y[:2]
    return x.astype(np.float32), y.astype(np.float32)


def test_reconstruction_is_in_gray_levels():
    x, y = _pair()
    expected = 255 * np.abs(x.astype(np.float64) - y).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(losses.reconstruction(x, y), expected, rtol=1e-5)
    one_gray_level = losses.reconstruction(x[:1], x[:1] + 1 / 255)
    np.testing.assert_allclose(one_gray_level, [1.0], rtol=1e-4)


def _local_mean(image: np.ndarray) -> np.ndarray:
    """Under a 31x31 Gaussian of sigma 1.5, without padding; (H, W) -> (H - 30, W - 30)."""
    wide = ndimage.gaussian_filter(image, 1.5, radius=15, mode="constant")
    return wide[15:-15, 15:-15]


def _contrast(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.float64), y.astype(np.float64)
    c2 = (0.03 * (2.0 if x.min() < -0.5 else 1.0)) ** 2
    maps = []
    for channel in range(x.shape[-1]):
        a, b = x[..., channel], y[..., channel]
        mean_a, mean_b = _local_mean(a), _local_mean(b)
        var_a = _local_mean(a * a) - mean_a**2
        var_b = _local_mean(b * b) - mean_b**2
        covariance = _local_mean(a * b) - mean_a * mean_b
        maps.append((2 * covariance + c2) / (var_a + var_b + c2))
    return float(np.mean(maps))


@pytest.mark.parametrize("size", [31, 40])
def test_structural_against_a_direct_convolution(size):
    x, y = _pair(size)
    x[3] *= 1.1  # below -0.5: the data range is 2
    expected = [1 - _contrast(a, b) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(losses.structural(x, y), expected, rtol=2e-5)


def test_structural_data_range_is_that_of_each_image():
    x, y = _pair()
    below = x.copy()
    below[2, 0, 0, 0] = -0.51  # one pixel in the corner, which hardly any window sees
    run = jax.jit(losses.structural)
    first, second = np.asarray(run(x, y)), np.asarray(run(below, y))
    assert float(first[2] - second[2]) > 5e-3
    np.testing.assert_allclose(first[[0, 1, 3]], second[[0, 1, 3]], rtol=1e-6)
    # The range is the image's, whatever the reconstruction does.
    lower = y.copy()
    lower[3, 0, 0, 0] = -0.9
    np.testing.assert_allclose(run(x, lower)[3], first[3], atol=1e-3)


def test_structural_of_equal_and_of_opposite_images():
    x, _ = _pair()
    values = jax.jit(losses.structural)
    np.testing.assert_allclose(values(x, x), 0.0, atol=1e-6)
    np.testing.assert_allclose(values(x, x + 0.2), 0.0, atol=1e-4)  # brightness does not count
    assert float(values(x, -x).min()) > 1.9


def test_structural_refuses_tiny_images():
    with pytest.raises(ValueError, match="31 px or more, not 30"):
        losses.structural(jnp.zeros((1, 30, 40, 3)), jnp.zeros((1, 30, 40, 3)))


def test_structural_gradient_is_finite_on_flat_images():
    flat = jnp.full((1, 32, 32, 3), -0.2)
    gradient = jax.grad(lambda r: losses.structural(flat, r).sum())(flat)
    assert bool(jnp.isfinite(gradient).all())


def test_adversarial_losses():
    real, fake = np.array([0.9, 0.6]), np.array([0.2, 0.5])
    expected = -np.mean(np.log(real) + np.log(1 - fake))
    assert float(losses.discriminator(real, fake)) == pytest.approx(expected, rel=1e-5)
    assert float(losses.adversary(fake)) == pytest.approx(-np.log(fake).mean(), rel=1e-5)


def test_adversarial_losses_are_finite_at_certainty():
    certain = jnp.asarray([0.0, 1.0])
    largest = -np.log(losses.LOG_EPSILON)
    assert 0 < float(losses.discriminator(certain, 1 - certain)) <= 2 * largest
    assert float(losses.adversary(certain)) == pytest.approx(largest / 2, rel=1e-3)


def _heatmaps() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    predicted, target = rng.standard_normal((2, 3, 8, 8, 5)).astype(np.float32)
    return predicted, target


def test_heatmap_loss_is_300_times_the_mean_square():
    predicted, target = _heatmaps()
    expected = 300 * np.mean((predicted.astype(np.float64) - target) ** 2)
    value = losses.heatmap(predicted, target, np.ones((3, 5), bool))
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_missing_landmarks_count_neither_above_nor_below():
    predicted, target = _heatmaps()
    present = np.array([[1, 1, 0, 0, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]], bool)
    maps = np.moveaxis(predicted - target, -1, 1)[present].astype(np.float64)
    value = losses.heatmap(predicted, target, present)
    assert float(value) == pytest.approx(300 * np.mean(maps**2), rel=1e-5)
    elsewhere = np.where(present[:, None, None], predicted, 1e6)
    assert float(losses.heatmap(elsewhere, target, present)) == pytest.approx(float(value))
    gradient = jax.grad(losses.heatmap)(predicted, target, present)
    assert not np.moveaxis(np.asarray(gradient), -1, 1)[~present].any()


def test_heatmap_loss_without_any_landmark_is_zero():
    predicted, target = _heatmaps()
    assert float(losses.heatmap(predicted, target, np.zeros((3, 5), bool))) == 0.0


def test_heatmap_loss_is_computed_in_the_targets_dtype():
    predicted, target = _heatmaps()
    rounded = jnp.asarray(predicted, jnp.bfloat16)
    value = losses.heatmap(rounded, target, np.ones((3, 5)))
    assert value.dtype == jnp.float32
    expected = 300 * np.mean((np.asarray(rounded, np.float64) - target) ** 2)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_blind_predictors_losses():
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 1, (6, 4, 4, 3)).astype(np.float32)
    present = np.ones((6, 3), bool)
    present[:2, 0] = False
    present[1:, 2] = False  # one face alone has it
    empty, constant = losses.heatmap_of_blind(jnp.asarray(target), jnp.asarray(present))
    zeros = losses.heatmap(jnp.zeros_like(target), jnp.asarray(target), jnp.asarray(present))
    np.testing.assert_allclose(empty, zeros, rtol=1e-5)
    expected = 0.0
    for number in range(3):
        maps = target[present[:, number], :, :, number]
        spread = maps.var(axis=0, ddof=1).sum() if len(maps) > 1 else np.square(maps).sum()
        expected += len(maps) * spread
    np.testing.assert_allclose(constant, 300 * expected / (present.sum() * 16), rtol=1e-5)


def test_blind_predictors_losses_of_nothing_are_zero():
    target, present = jnp.ones((2, 4, 4, 3)), jnp.zeros((2, 3), bool)
    assert [float(x) for x in losses.heatmap_of_blind(target, present)] == [0, 0]
