"""dlib's landmark predictor, to be timed beside a network on the same files and boxes.

Where it is installed (`pip install dlib-bin`), with a file of its own, such as
shape_predictor_68_face_landmarks.dat of the package face_recognition_models.
"""

import importlib
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import images


def contestant(
    file: str, paths: Sequence[pathlib.Path], boxes: npt.NDArray[np.floating]
) -> Callable[[], list[npt.NDArray[np.float64]]]:
    """Returns what reads photos one after the other and finds the landmarks, (L, 2) of each.

    Args:
      file: dlib's file.
      paths: The photos.
      boxes: (N, 4) x0, y0, x1, y1 of their faces, pixels.

    Raises:
      ValueError: dlib is not installed, or it cannot read the file.
    """
    try:
        library: Any = importlib.import_module("dlib")
        predictor = library.shape_predictor(file)
    except ImportError as error:
        raise ValueError("--dlib: dlib is not installed; pip install dlib-bin") from error
    except RuntimeError as error:
        raise ValueError(f"--dlib: {file}: dlib cannot read it: {error}") from error
    rectangles = [library.rectangle(*(round(float(side)) for side in box)) for box in boxes]

    def run() -> list[npt.NDArray[np.float64]]:
        found = []
        for path, rectangle in zip(paths, rectangles, strict=True):
            pixels, _ = images.decode_image(images.read_encoded(path), path.name)
            parts = predictor(np.ascontiguousarray(pixels), rectangle).parts()
            found.append(np.array([(part.x, part.y) for part in parts], np.float64))
        return found

    return run
