"""Plain `.pts` files, as iBUG publishes them: one for each face, coordinates counted from 1.

The format has no word for a landmark that is not in the photo; here `nan nan` says so.
"""

import pathlib
from collections.abc import Iterator

import numpy as np

from scaf_jax.formats import pts
from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.conventions import Unit, from_centres
from scaf_jax.formats.marks import MarkedFace, MarkedPoint
from scaf_jax.landmarks.schemes import LandmarkScheme

FOLDER = "pts"


def text(face: AskedFace) -> str:
    """Returns a face's pre-labels as the text of a `.pts` file."""
    points = from_centres(face.landmarks, Unit.ONE_BASED, face.width, face.height)
    lines = [f"{x:.4f} {y:.4f}" for x, y in points]
    return "\n".join(["version: 1", f"n_points: {len(points)}", "{", *lines, "}", ""])


def read_folder(path: pathlib.Path, scheme: LandmarkScheme) -> Iterator[MarkedFace]:
    """Yields the faces of a folder's `.pts` files, or of a single one.

    Args:
      path: The folder, which is not searched deeper, or file.
      scheme: The expected marking scheme.
    """
    paths = [path] if path.is_file() else sorted(path.glob("*.pts"))
    for file in paths:
        face = MarkedFace(file.name, file.name, Unit.ONE_BASED)
        if not file.is_file():
            face.problems.append(("file", "not a regular file", "Give the file itself"))
        else:
            _take_points(face, file, scheme)
        yield face


def _take_points(face: MarkedFace, file: pathlib.Path, scheme: LandmarkScheme) -> None:
    try:
        points = pts.read_pts(file, scheme.num_landmarks, allow_missing=True)
    except pts.PtsError as error:
        message = str(error).replace(str(file), file.name)
        face.problems.append(("points", message, "Correct the file and import it again"))
        return
    for name, (x, y) in zip(scheme.landmark_names, points, strict=True):
        if np.isnan(x):
            face.absent.add(name)
        else:
            face.points.append(MarkedPoint(f"point {name}", name, float(x), float(y)))
