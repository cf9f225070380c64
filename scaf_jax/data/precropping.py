"""Cuts out of a photo, once, what any training crop of its face can show.

Such records train as the originals do, but need no large photo to be decoded. Everything known of
the face is moved along, and `stored_matrix` leads back to the photo.
"""

import dataclasses
import functools
import io
import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from scaf_jax.data import augmentations, geometry, images, sources, warping

SMALLEST_SIZE, LARGEST_SIZE = 16, 4096
# JPEG: a PNG of the same region takes five times as long to decode, and six times the space.
# Colors at half the resolution (4:2:0), as cameras store them: a quarter less time to decode.
JPEG_QUALITY = 95
_HALF_COLORS = 2  # Pillow's name for 4:2:0
# The smallest crop of any network, whose pixels are the largest: the room for rounding a shift to
# whole pixels, and for what bicubic interpolation reads beyond the edge.
_SMALLEST_CROP = 64
_INTERPOLATED = 2
# A stored image with a shorter side shows no face.
_MIN_SIDE = 8


class RegionError(ValueError):
    """There is nothing to cut out; the message names the face."""


@dataclasses.dataclass(frozen=True)
class Cropping:
    """What is cut out.

    Attributes:
      size: Side of the ground-truth face square in pixels of the stored image.
      margins: Names in `geometry.MARGINS` that training may use; the first one's square is `size`
        pixels wide, the others' are stored as well.
    """

    size: int
    margins: Sequence[str]

    def __post_init__(self) -> None:
        if not SMALLEST_SIZE <= self.size <= LARGEST_SIZE:
            raise ValueError(
                f"cropped_{self.size}: choose a side from {SMALLEST_SIZE} to {LARGEST_SIZE} pixels"
            )


def precrop(record: sources.Record, cropping: Cropping) -> sources.Record:
    """Replaces a record's photo by the region of its face.

    Args:
      record: A record of a whole photo; see `sources`.
      cropping: What is cut out.

    Returns:
      The record with its image, landmarks and boxes changed, with `stored_matrix` and
      `photo_size`, (2,) int32 width and height.

    Raises:
      RegionError: The box is so much larger than the photo that nothing is left.
      ImageError: The photo cannot be decoded.
    """
    pixels, _ = images.decode_image(record["image"], record["key"])
    photo_size = np.array(pixels.shape[1::-1])
    square = geometry.face_square(
        record["box_ground_truth"], geometry.crop_settings(cropping.margins[0])
    )
    scale = min(1.0, cropping.size / float(square[2] - square[0]))
    start, stop = _region(record, cropping.margins, photo_size)
    if round(scale * (stop - start).min()) < _MIN_SIDE:
        raise RegionError(
            f"{record['key']}: the face box is far larger than the photo of "
            f"{photo_size[0]} x {photo_size[1]} pixels"
        )
    encoded = record["image"]
    if scale < 1 or (stop - start < photo_size).any():  # else it would only lose quality
        encoded = _encode(_shrink(pixels[start[1] : stop[1], start[0] : stop[0]], scale))
    matrix = geometry.invert(warping.shrink_matrix(1 / scale, start))
    changed = {
        name: (scale * (record[name] - np.tile(start, 2))).astype(np.float32)
        for name in ("box_detector", "box_ground_truth")
    }
    points = geometry.to_crop(record["landmarks"], matrix)
    changed["landmarks"] = np.where(record["landmark_mask"][:, None], points, 0)
    changed = {name: value.astype(np.float32) for name, value in changed.items()}
    return {
        **record,
        **changed,
        "image": encoded,
        "stored_matrix": matrix.astype(np.float32),
        "photo_size": photo_size.astype(np.int32),
    }


@functools.cache
def reach() -> float:
    """Returns how far an augmented crop reaches from the face's center, in sides of its square.

    It holds along x and y for the strongest published augmentation of both stages.
    """
    return max(reach_of(change) for change in (augmentations.STAGE1, augmentations.STAGE2))


def reach_of(change: augmentations.AugmentationSettings) -> float:
    """Returns `reach` for an augmentation."""
    shift = change.translation * math.sqrt(2) + 0.5 / _SMALLEST_CROP
    corner = math.sqrt(2) * (0.5 + shift)  # of the crop, in whichever direction it is turned
    # What the crop shows is changed by the inverse: it grows where the face is made smaller, and
    # along x with the shear, (1, tan) being the longest row of its matrix.
    grown = corner / change.scale[0] / math.cos(math.radians(change.shear_degrees))
    return grown + _INTERPOLATED / _SMALLEST_CROP


def _region(
    record: sources.Record, margins: Sequence[str], photo_size: npt.NDArray[Any]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Upper left and lower right corner of the part of the photo to store, whole pixels."""
    lows, highs = [], []
    for preset in margins:
        crop = geometry.crop_settings(preset)
        for name in ("box_detector", "box_ground_truth"):
            square = geometry.face_square(record[name], crop)
            center, side = (square[:2] + square[2:]) / 2, square[2] - square[0]
            lows.append(center - reach() * side)
            highs.append(center + reach() * side)
    start = np.clip(np.floor(np.min(lows, axis=0)), 0, photo_size - 1)
    stop = np.clip(np.ceil(np.max(highs, axis=0)), start + 1, photo_size)
    return start.astype(np.int64), stop.astype(np.int64)


def _shrink(part: npt.NDArray[np.uint8], scale: float) -> npt.NDArray[np.uint8]:
    if scale == 1:
        return part
    # The factors, and not the size in whole pixels: x and y must shrink by exactly as much.
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _encode(pixels: npt.NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY, subsampling=_HALF_COLORS)
    return file.getvalue()
