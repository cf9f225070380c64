"""Renders and encodes the examples, in one process or several.

This file imports neither TFDS nor JAX, so that worker processes start quickly.
"""

import functools
import os
from collections.abc import Iterator
from typing import Any

import cv2

from data_builders import processes
from data_builders.synthetic_faces.renderer import render_face

JPEG_QUALITY = 95
# Starting workers takes seconds: not worth it for fewer faces than this.
_SMALLEST_SHARED = 256
_CHUNK = 16


def examples(seed: int, split: str, count: int, size: int) -> Iterator[dict[str, Any]]:
    """Yields the examples 0 .. count - 1 of a split, in order.

    They are the same however many processors there are.

    Args:
      seed: The seed of the split's faces.
      split: The split's name, for the keys.
      count: How many.
      size: Side of the images in pixels.
    """
    make = functools.partial(make_example, seed, split, size)
    workers = min(_num_processors(), 16)
    if workers == 1 or count < _SMALLEST_SHARED:
        yield from map(make, range(count))
        return
    with processes.pool(workers) as pool:
        yield from pool.map(make, range(count), chunksize=_CHUNK)


def make_example(seed: int, split: str, size: int, index: int) -> dict[str, Any]:
    """Renders one face and encodes it as JPEG; the fields are the data set's features."""
    face = render_face(seed, index, size=size)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    ok, encoded = cv2.imencode(".jpg", face.image[..., ::-1], options)
    if not ok:
        raise RuntimeError(f"OpenCV could not encode face {index} of seed {seed} as JPEG")
    return {
        "image": encoded.tobytes(),
        "landmarks": face.landmarks68,
        "landmarks_98": face.landmarks98,
        "box_detector": face.box_detector,
        "box_ground_truth": face.box_ground_truth,
        "key": f"{split}/{index:06d}",
        "subset": split,
        "index": index,
    }


def _num_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
