"""Reads and writes `.pts` files, the text format in which iBUG publishes face landmarks.

There is one for each face, and coordinates count from 1. The format has no word for a landmark that
is not in the photo; where a person gives faces back, `nan nan` says so. Files come from downloads,
so nothing in them is trusted: the size is capped, every line is checked, and an error names the
file and the line.
"""

import os
import pathlib
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from scaf_jax.files import folder_files, texts
from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.conventions import Unit, from_centers
from scaf_jax.formats.marks import MarkedFace, MarkedPoint
from scaf_jax.landmarks.schemes import LandmarkScheme

FOLDER = "pts"  # of faces to annotate
MAX_BYTES = 1 << 20
MAX_COORDINATE = 1e6
_UNKNOWN = " (or write 'nan nan' where a point is not known)"

PathLike = str | os.PathLike[str]


class PtsError(ValueError):
    """A `.pts` file cannot be read; the message names the file and the line."""


def read_pts(
    path: PathLike, num_landmarks: int | None = None, *, allow_missing: bool = False
) -> npt.NDArray[np.float32]:
    """Reads the points of one `.pts` file.

    Args:
      path: The file.
      num_landmarks: How many points it must hold; None takes what the file itself announces.
      allow_missing: Whether a line `nan nan` stands for a point that is not known, rather than
        being an error.

    Returns:
      (L, 2) float32, x and y exactly as the file has them, NaN for missing points. iBUG
      counts pixels from 1: subtract 1 to get 0-based pixel centers.

    Raises:
      PtsError: The file cannot be read, is not a `.pts` file, or holds other than the expected
        number of finite points.
    """
    lines = _read_lines(pathlib.Path(path))
    announced = None
    for number, line in lines:
        if line == "{":
            break
        field, _, value = line.partition(":")
        if field.strip().lower() == "n_points":
            announced = _parse_count(path, number, value)
        elif field.strip().lower() != "version":
            raise PtsError(
                f"{path}:{number}: expected 'version:', 'n_points:' or '{{'; remove the line, or "
                "put a line '{' before the points and '}' after them"
            )
    else:
        raise PtsError(f"{path}: no line '{{' before the points; is it a .pts file?")

    points: list[tuple[float, float]] = []
    for number, line in lines:
        if line == "}":
            break
        missing = allow_missing and line.lower().split() == ["nan", "nan"]
        points.append(
            (np.nan, np.nan) if missing else _parse_point(path, number, line, allow_missing)
        )
    else:
        raise PtsError(f"{path}: no line '}}' after the points; the file may be cut short")

    if announced is not None and announced != len(points):
        raise PtsError(f"{path}: n_points says {announced}, the file holds {len(points)} points")
    if num_landmarks is not None and num_landmarks != len(points):
        raise PtsError(f"{path}: expected {num_landmarks} points, the file holds {len(points)}")
    return np.array(points, np.float32).reshape(-1, 2)


def _read_lines(path: pathlib.Path):
    """Yields (line number, stripped text) of every line that is not blank."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise PtsError(f"{path}: larger than {MAX_BYTES} bytes; not a .pts file")
        text = texts.decode(data)
    except OSError as error:
        raise PtsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise PtsError(
            f"{path}: not a text file in UTF-8 (byte {error.start}); save it as UTF-8"
        ) from error
    return ((i, line.strip()) for i, line in enumerate(text.splitlines(), 1) if line.strip())


def _parse_count(path: PathLike, number: int, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise PtsError(f"{path}:{number}: n_points is not a whole number") from None


def _parse_point(
    path: PathLike, number: int, line: str, allow_missing: bool
) -> tuple[float, float]:
    fields = line.split()
    try:
        x, y = (float(field) for field in fields)
    except ValueError:
        raise PtsError(
            f"{path}:{number}: expected two numbers, x and y; write them with a blank between and "
            f"a point before decimals{_UNKNOWN * allow_missing}"
        ) from None
    if not (abs(x) <= MAX_COORDINATE and abs(y) <= MAX_COORDINATE):  # also catches NaN
        raise PtsError(
            f"{path}:{number}: point ({x}, {y}) is not a place in a photo; correct it"
            f"{_UNKNOWN * allow_missing}"
        )
    return x, y


def text(face: AskedFace) -> str:
    """Returns a face's pre-labels as the text of a `.pts` file."""
    return points_text(face.landmarks)


def points_text(landmarks: npt.NDArray[np.floating]) -> str:
    """Returns landmarks (L, 2), pixels of the photo from 0, as the text of a `.pts` file."""
    points = from_centers(landmarks, Unit.ONE_BASED, 0, 0)  # which needs no size
    lines = [f"{x:.4f} {y:.4f}" for x, y in points]
    return "\n".join(["version: 1", f"n_points: {len(points)}", "{", *lines, "}", ""])


def read_folder(path: pathlib.Path, scheme: LandmarkScheme) -> Iterator[MarkedFace]:
    """Yields the faces of a folder's `.pts` files, or of a single one.

    Args:
      path: The folder, which is not searched deeper, or file.
      scheme: The expected marking scheme.
    """
    paths = [path]
    if path.is_dir():
        found = [*folder_files.files_in(path), *folder_files.folders_in(path)]
        paths = sorted(file for file in found if folder_files.ending(file.name) == ".pts")
    for file in paths:
        face = MarkedFace(file.name, file.name, Unit.ONE_BASED)
        if not file.is_file():
            face.problems.append(("file", "not a regular file", "Give the file itself"))
        else:
            _take_points(face, file, scheme)
        yield face


def _take_points(face: MarkedFace, file: pathlib.Path, scheme: LandmarkScheme) -> None:
    try:
        points = read_pts(file, scheme.num_landmarks, allow_missing=True)
    except PtsError as error:
        message = str(error).replace(str(file), file.name)
        face.problems.append(("points", message, "Correct the file and import it again"))
        return
    for name, (x, y) in zip(scheme.landmark_names, points, strict=True):
        if np.isnan(x):
            face.absent.add(name)
        else:
            face.points.append(MarkedPoint(f"point {name}", name, float(x), float(y)))
