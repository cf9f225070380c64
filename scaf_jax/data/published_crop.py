"""The crop as 3FabRec's published loader makes it, in whole pixels.

Training here crops exactly (`geometry.crop_matrix`); this variant exists to compare with numbers
that the published implementation produced.
"""

import dataclasses
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from scaf_jax.data import geometry

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class PublishedRegion:
    """The published loader's steps from box to region, edge coordinates of the photo.

    Attributes:
      extended: (4,) int64, the box with its margins, truncated.
      roi: (4,) float64, the larger square about it, (S + m) / S times its longer side.
      tl: (2,) int64, upper left corner of the square, truncated.
      br: (2,) int64, lower right corner, truncated.
    """

    extended: npt.NDArray[np.int64]
    roi: npt.NDArray[np.float64]
    tl: npt.NDArray[np.int64]
    br: npt.NDArray[np.int64]


def published_region(box: Array, crop: geometry.CropSettings) -> PublishedRegion:
    """Returns the region of the photo that the published loader reads.

    Args:
      box: (4,) x0, y0, x1, y1.
      crop: Margins and size of the crop.

    Raises:
      ValueError: The box is not finite or encloses nothing.
    """
    extended = np.trunc(geometry.extend_box(box, crop)).astype(np.int64)
    center = (extended[:2] + extended[2:]) / 2
    side = (extended[2:] - extended[:2]).max()
    half = side * geometry.larger_size(crop.input_size) / crop.input_size / 2
    roi = np.concatenate([center - half, center + half])
    corners = np.trunc(roi).astype(np.int64)
    return PublishedRegion(extended, roi, corners[:2], corners[2:])


def published_crop(
    image: npt.NDArray[np.uint8], tl: npt.ArrayLike, br: npt.ArrayLike, input_size: int
) -> npt.NDArray[np.uint8]:
    """Returns the crop that the published loader makes without augmentation.

    The region is resized bicubically to the larger size and its center is cut out; outside the
    photo is black.

    Args:
      image: (H, W, 3) uint8.
      tl: (2,) whole numbers, upper left corner of the region.
      br: (2,) whole numbers, lower right corner.
      input_size: Side of the crop, S.

    Returns:
      (S, S, 3) uint8.

    Raises:
      ValueError: The region is empty.
    """
    left, top, right, bottom = (int(v) for v in np.concatenate([tl, br]))
    if right <= left or bottom <= top:
        raise ValueError(f"the region from {left, top} to {right, bottom} is empty")
    region = np.zeros((bottom - top, right - left, 3), np.uint8)
    height, width = image.shape[:2]
    rows = slice(max(top, 0), min(bottom, height))
    columns = slice(max(left, 0), min(right, width))
    if rows.start < rows.stop and columns.start < columns.stop:
        region[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = (
            image[rows, columns]
        )
    larger = geometry.larger_size(input_size)
    resized = cv2.resize(region, (larger, larger), interpolation=cv2.INTER_CUBIC)
    center = slice(_offset(input_size), _offset(input_size) + input_size)
    return np.asarray(resized[center, center], np.uint8)


def published_landmarks(
    points: Array, tl: npt.ArrayLike, br: npt.ArrayLike, input_size: int
) -> Array:
    """Maps landmarks to the published loader's crop, in the `corners` convention.

    Args:
      points: (L, 2) center coordinates of the photo (0 is the first pixel's center).
      tl: (2,) whole numbers, upper left corner of the region.
      br: (2,) whole numbers, lower right corner.
      input_size: Side of the crop, S.

    Returns:
      (L, 2) float64.
    """
    tl, br = np.asarray(tl, np.float64), np.asarray(br, np.float64)
    scale = geometry.larger_size(input_size) / (br - tl)
    return (np.asarray(points, np.float64) + 1 - tl) * scale - _offset(input_size)


def _offset(input_size: int) -> int:
    return (geometry.larger_size(input_size) - input_size) // 2
