"""Cutting a crop's pixels out of a photo by a matrix of `geometry`, and shrinking photos."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from scaf_jax.data import geometry

Array = geometry.Array

BICUBIC, BILINEAR = "bicubic", "bilinear"
INTERPOLATIONS = {BICUBIC: cv2.INTER_CUBIC, BILINEAR: cv2.INTER_LINEAR}

# What lies outside the photo: black, as published, or the photo's mirror image.
BLACK, MIRRORED = "black", "mirrored"
BORDERS = {BLACK: cv2.BORDER_CONSTANT, MIRRORED: cv2.BORDER_REFLECT}

# Below this scale interpolation skips pixels of the photo; they are averaged instead.
_SMALLEST_SCALE = 0.5


def warp(
    image: npt.NDArray[np.uint8],
    matrix: Array,
    size: int,
    interpolation: str = BICUBIC,
    border: str = BLACK,
) -> npt.NDArray[np.uint8]:
    """Cuts the crop out of a photo in one interpolation.

    Where the photo shrinks to less than half, interpolation would leave out pixels
    between those it reads and show noise as grain. There the needed part of the photo is first
    reduced by a whole number, each pixel the mean of those it replaces.

    Args:
      image: (H, W, 3) uint8.
      matrix: (2, 3), photo to crop, center coordinates.
      size: Side of the crop.
      interpolation: A key of `INTERPOLATIONS`.
      border: A key of `BORDERS`, what lies outside the photo.

    Returns:
      (size, size, 3) uint8.
    """
    scale = geometry.matrix_scale(matrix)
    if reduction(scale) > 1:
        edges = np.array([-0.5, size - 0.5])
        image, matrix = part(image, matrix, edges, reduction(scale), border)
    crop = cv2.warpAffine(
        image,
        np.asarray(matrix, np.float64),
        (size, size),
        flags=INTERPOLATIONS[interpolation],
        borderMode=BORDERS[border],
        borderValue=(0, 0, 0),
    )
    return np.asarray(crop, np.uint8)


def reduction(scale: float) -> int:
    """Returns how many times smaller a photo is made before it is interpolated at a scale."""
    return math.floor(1 / scale + 1e-6) if scale < _SMALLEST_SCALE else 1


def part(
    image: npt.NDArray[np.uint8], matrix: Array, edges: Array, factor: int, border: str
) -> tuple[npt.NDArray[np.uint8], Array]:
    """Returns the part of a photo that is read for a square of the crop, smaller if asked to.

    Args:
      image: (H, W, 3) uint8.
      matrix: (2, 3), photo to crop, center coordinates.
      edges: (2,), lower and upper end of the square in crop pixels, along both axes.
      factor: How many times smaller; each pixel is the mean of those it replaces.
      border: A key of `BORDERS`, what lies outside the photo.

    Returns:
      (h, w, 3) uint8, and the (2, 3) matrix from it to the crop.
    """
    low, high = edges
    square = np.array([[low, low], [high, low], [low, high], [high, high]])
    corners = geometry.to_photo(square, matrix)
    margin = 3 * factor  # what bicubic interpolation reads beyond the edge
    limits = np.array(image.shape[1::-1])
    first, last = np.floor(corners.min(axis=0)) - margin, np.ceil(corners.max(axis=0)) + margin
    if border == MIRRORED:  # what is read where a square lies outside the photo
        first, last = np.minimum(first, 2 * limits - last), np.maximum(last, -first)
    start = np.clip(first, 0, limits - 1).astype(int)
    stop = np.clip(last, start + 1, limits).astype(int)
    found = image[start[1] : stop[1], start[0] : stop[0]]
    if factor > 1:
        # Filled up to whole blocks, so that the scale is exactly the factor.
        bottom, right = -found.shape[0] % factor, -found.shape[1] % factor
        found = cv2.copyMakeBorder(found, 0, bottom, 0, right, BORDERS[border], value=(0, 0, 0))
        width, height = found.shape[1] // factor, found.shape[0] // factor
        found = cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(found, np.uint8), geometry.compose(matrix, shrink_matrix(factor, start))


def shrink_matrix(factor: float, start: Sequence[float] | Array = (0, 0)) -> Array:
    """Returns the (2, 3) matrix from a `factor` times smaller image to its photo.

    Args:
      factor: How many times smaller.
      start: Edge coordinates, in the photo, of the smaller image's upper left corner.

    Returns:
      (2, 3) float64 for center coordinates.
    """
    offset = np.asarray(start, np.float64) + 0.5 * factor - 0.5
    return np.array([[factor, 0, offset[0]], [0, factor, offset[1]]])
