"""L1 and SSIM of images."""

import numpy as np
import pytest

from scaf_jax.reporting import reconstruction


def noise(seed=0, shape=(2, 24, 20, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_l1_is_in_gray_levels_and_does_not_wrap_around():
    images = np.zeros((2, 12, 12, 3), np.uint8)
    others = images.copy()
    others[0] = 255
    others[1, :6] = 3
    np.testing.assert_allclose(reconstruction.mean_absolute_error(images, others), [255, 1.5])
    np.testing.assert_allclose(reconstruction.mean_absolute_error(others, images), [255, 1.5])


def test_ssim_of_equal_images_is_one_and_of_others_less():
    images = noise()
    np.testing.assert_allclose(reconstruction.structural_similarity(images, images), 1)
    unrelated = reconstruction.structural_similarity(images, noise(1))
    assert (np.abs(unrelated) < 0.2).all()
    negative = reconstruction.structural_similarity(images, 255 - images)
    assert (negative < -0.5).all()


def test_ssim_of_flat_images_by_hand():
    dark, bright = np.full((1, 16, 16, 1), 50.0), np.full((1, 16, 16, 1), 100.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 50 * 100 + c1) / (50**2 + 100**2 + c1)
    result = reconstruction.structural_similarity(dark[..., [0, 0]], bright[..., [0, 0]])
    np.testing.assert_allclose(result, [expected])


def test_ssim_of_one_window_by_the_definition():
    x, y = noise(2, (1, 11, 11, 1)).astype(float), noise(3, (1, 11, 11, 1)).astype(float)
    y = 0.5 * x + 0.5 * y
    gaussian = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    weights = np.outer(gaussian, gaussian) / gaussian.sum() ** 2
    a, b = x[0, ..., 0], y[0, ..., 0]
    mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
    var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
    covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    expected = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    expected /= (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    result = reconstruction.structural_similarity(x, y)
    np.testing.assert_allclose(result, [expected], rtol=1e-9)


def test_wrong_shapes_are_named():
    with pytest.raises(ValueError, match="N, H, W, C"):
        reconstruction.mean_absolute_error(noise(), noise()[:1])
    with pytest.raises(ValueError, match="at least 11 px"):
        reconstruction.structural_similarity(noise()[:, :8], noise()[:, :8])
