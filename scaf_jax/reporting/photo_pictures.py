"""Whole photos with the faces that were found in them."""

import cv2
import numpy as np

from scaf_jax.reporting.drawing import BLUE, WHITE, YELLOW, Array, Image, blend_disc

_SIDE = 1600  # pixels, at most
_RADIUS = 0.012  # of a dot, in the face's size
_RADII = (1.2, 8.0)


def with_faces(photo: Image, landmarks: Array, boxes: Array, side: int = _SIDE) -> Image:
    """Returns a photo with landmarks and boxes drawn, made smaller where it is large.

    Args:
      photo: (H, W, 3) uint8 RGB; stays as it is.
      landmarks: (N, L, 2) pixels of the photo; the center of the first is 0.
      boxes: (N, 4) x0, y0, x1, y1, pixel edges of the photo.
      side: How long the longer side may be, pixels.

    Returns:
      (h, w, 3) uint8 RGB.
    """
    height, width = photo.shape[:2]
    scale = min(1.0, side / max(width, height))
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized = cv2.resize(photo, size, interpolation=cv2.INTER_AREA) if scale < 1 else photo.copy()
    picture = np.ascontiguousarray(resized, np.uint8)
    scales = np.array(size) / (width, height)
    for points, box in zip(landmarks, boxes, strict=True):
        # Far outside, OpenCV's integers would overflow; nothing would be seen of that.
        start, stop = np.clip(box.reshape(2, 2) * scales, -side, 2 * side).round().astype(int)
        corners = (tuple(map(int, start)), tuple(map(int, stop - 1)))
        cv2.rectangle(picture, *corners, YELLOW, max(1, round(max(size) / 500)))
        face = (np.asarray(box[2:], np.float64) - box[:2]) * scales
        radius = float(np.clip(_RADIUS * face.max(), *_RADII))
        for x, y in (np.asarray(points, np.float64) + 0.5) * scales - 0.5:
            if abs(x) < 2 * side and abs(y) < 2 * side:
                place = (float(x), float(y))
                blend_disc(picture, place, 1.35 * radius, WHITE)  # seen on dark hair as well
                blend_disc(picture, place, radius, BLUE)
    return picture
