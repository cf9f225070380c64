"""Reads the face boxes that come with 300-W as MATLAB files.

Each file holds one cell array `bounding_boxes` of records with `imgName`, `bb_detector` and
`bb_ground_truth`. The names in it are only compared with the names of files that were found
otherwise; no path is ever made from them.
"""

import dataclasses
import pathlib
import re
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.io
from scipy.io import matlab

MAX_BYTES = 16 << 20
MAX_ENTRIES = 100_000
_VARIABLE = "bounding_boxes"
# What SciPy raises on files that are damaged or no MATLAB 5 files.
_READ_ERRORS = (
    matlab.MatReadError,
    ValueError,
    TypeError,
    LookupError,
    OSError,
    EOFError,
    MemoryError,
    NotImplementedError,  # SciPy's answer to MATLAB 7.3 files, which are HDF5
    zlib.error,
)

Box = npt.NDArray[np.float32]


class BoxFileError(ValueError):
    """A box file cannot be used; the message names it and the entry."""


@dataclasses.dataclass(frozen=True)
class FaceBoxes:
    """The boxes of one face: (4,) float32 x0, y0, x1, y1, or None where the file has none."""

    detector: Box | None
    ground_truth: Box | None


def read_boxes(path: pathlib.Path) -> dict[str, FaceBoxes]:
    """Reads one `bounding_boxes_*.mat`.

    Args:
      path: The file.

    Returns:
      The boxes by `normalized_name` of the photo's file name; none of a photo that is there
      again with other boxes.

    Raises:
      BoxFileError: The file cannot be read, is too large or is not such a file.
    """
    boxes = {}
    for number, entry in enumerate(_read_entries(path), 1):
        try:
            # A record is a 1 x 1 array of fields, and each field an array again.
            (name,) = np.ravel(entry["imgName"].item())
            detector, ground_truth = entry["bb_detector"].item(), entry["bb_ground_truth"].item()
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BoxFileError(
                f"{path}: entry {number} lacks imgName, bb_detector or bb_ground_truth"
            ) from error
        if not isinstance(name, str) or not 0 < len(name) < 256 or re.search(r"[/\\\0]", name):
            raise BoxFileError(f"{path}: entry {number}: imgName is no file name: {name!r:.80}")
        key = normalized_name(name)
        found = FaceBoxes(_as_box(detector), _as_box(ground_truth))
        first = boxes.setdefault(key, found)
        if not (
            _same(first.detector, found.detector) and _same(first.ground_truth, found.ground_truth)
        ):
            boxes[key] = FaceBoxes(None, None)  # nobody can tell which: as without any
    return boxes


def _same(first: Box | None, second: Box | None) -> bool:
    if first is None or second is None:
        return first is second
    return np.array_equal(first, second)


def normalized_name(file_name: str) -> str:
    """Returns a file name without blanks and in lower case: downloads differ in these."""
    return "".join(file_name.split()).lower()


def _read_entries(path: pathlib.Path) -> list[Any]:
    advice = "download it again, or remove it to use boxes around the landmarks"
    if path.stat().st_size > MAX_BYTES:
        raise BoxFileError(f"{path}: larger than {MAX_BYTES} bytes; {advice}")
    try:
        shapes = {name: shape for name, shape, _ in scipy.io.whosmat(path)}
        if _VARIABLE not in shapes or np.prod(shapes[_VARIABLE], dtype=float) > MAX_ENTRIES:
            raise BoxFileError(f"{path}: holds no list '{_VARIABLE}' of usual size; {advice}")
        cells = scipy.io.loadmat(path, variable_names=[_VARIABLE])[_VARIABLE]
    except BoxFileError:
        raise
    except _READ_ERRORS as error:
        raise BoxFileError(f"{path}: not a readable MATLAB 5 file ({error}); {advice}") from error
    return list(np.asarray(cells, dtype=object).ravel())


def _as_box(value: Any) -> Box | None:
    """The box, or None where there is none (an empty matrix) or it encloses nothing."""
    try:
        box = np.asarray(value, np.float32).ravel()
    except (TypeError, ValueError):
        return None
    if box.shape != (4,) or not np.isfinite(box).all():
        return None
    return box if box[2] > box[0] and box[3] > box[1] else None
