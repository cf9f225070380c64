"""How close reconstructed images are to their inputs: L1 in gray levels, and SSIM."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Images = NDArray[Any]

_WINDOW = 11  # Wang et al. (2004), sec. III-B: 11 x 11 Gaussian window of sigma 1.5 pixels
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def mean_absolute_error(images: Images, reconstructions: Images) -> Floats:
    """Returns each image's mean absolute difference (L1) in gray levels.

    Args:
      images: (N, H, W, C), uint8 or float, 0 to 255.
      reconstructions: Same shape and range.

    Returns:
      (N,) float64, 0 to 255.

    Raises:
      ValueError: The shapes differ or are not of rank 4.
    """
    _check(images, reconstructions)
    # One image at a time: a float64 copy of a whole test set would be 8 times its size.
    differences = (
        np.abs(image.astype(np.float64) - other).mean()
        for image, other in zip(images, reconstructions, strict=True)
    )
    return np.fromiter(differences, np.float64, len(images))


def structural_similarity(
    images: Images, reconstructions: Images, *, data_range: float = 255.0
) -> Floats:
    """Returns each image's SSIM with its reconstruction.

    The mean over pixels and channels, under an 11 x 11 Gaussian window of sigma 1.5, counting only
    windows that lie inside the image.

    Source: Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to
    structural similarity", IEEE Transactions on Image Processing 13(4), 2004.

    Args:
      images: (N, H, W, C), uint8 or float, H and W at least 11.
      reconstructions: Same shape and range.
      data_range: Largest minus smallest value that an image can have.

    Returns:
      (N,) float64; 1 for equal images.

    Raises:
      ValueError: The shapes differ, are not of rank 4, or the images are smaller than the window.
    """
    _check(images, reconstructions)
    if min(images.shape[1:3]) < _WINDOW:
        raise ValueError(f"SSIM needs images of at least {_WINDOW} px; they are {images.shape}")
    similarities = (
        _ssim(image.astype(np.float64), other.astype(np.float64), data_range)
        for image, other in zip(images, reconstructions, strict=True)
    )
    return np.fromiter(similarities, np.float64, len(images))


def _ssim(x: Floats, y: Floats, data_range: float) -> float:
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    mean_x, mean_y = _local_mean(x), _local_mean(y)
    variance_x = _local_mean(x * x) - mean_x**2
    variance_y = _local_mean(y * y) - mean_y**2
    covariance = _local_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_y + c2)
    return float((luminance * structure).mean())


def _local_mean(image: Floats) -> Floats:
    blurred = cv2.GaussianBlur(image, (_WINDOW, _WINDOW), _SIGMA)
    edge = _WINDOW // 2
    return np.asarray(blurred[edge:-edge, edge:-edge], np.float64)


def _check(images: Images, reconstructions: Images) -> None:
    if images.ndim != 4 or images.shape != reconstructions.shape:
        raise ValueError(
            "images and reconstructions must both be (N, H, W, C); they are "
            f"{images.shape} and {reconstructions.shape}"
        )
