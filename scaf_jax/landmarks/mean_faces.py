"""An average frontal face of each built-in scheme, for faces that no network has seen.

The numbers in `mean_faces.tsv` are those of the synthetic faces' average head.
"""

import functools
import importlib.resources

import numpy as np
import numpy.typing as npt

from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = npt.NDArray[np.float64]


def mean_face(scheme: LandmarkScheme) -> Floats:
    """Returns an average face's landmarks (L, 2), x, y as fractions of the tight box about them.

    Args:
      scheme: 68 or 98 landmarks have a face; those of others stand on a circle.
    """
    known = _table().get(scheme.num_landmarks)
    if known is not None:
        return known.copy()
    angles = np.linspace(0, 2 * np.pi, scheme.num_landmarks, endpoint=False)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    low, high = circle.min(axis=0), circle.max(axis=0)
    return (circle - low) / (high - low)


def has_face(scheme: LandmarkScheme) -> bool:
    """Returns whether a scheme's landmarks have a face, or stand on a circle."""
    return scheme.num_landmarks in _table()


def in_box(scheme: LandmarkScheme, box: npt.ArrayLike) -> Floats:
    """Returns an average face's landmarks (L, 2) in a box, photo pixels.

    Args:
      scheme: See `mean_face`.
      box: (4,) x0, y0, x1, y1, pixel edges of the photo.
    """
    corners = np.asarray(box, np.float64).reshape(2, 2)
    return corners[0] + mean_face(scheme) * (corners[1] - corners[0]) - 0.5


@functools.cache
def _table() -> dict[int, Floats]:
    file = importlib.resources.files("scaf_jax.landmarks") / "mean_faces.tsv"
    rows = np.array([row.split("\t") for row in file.read_text().splitlines()[1:]], np.float64)
    return {int(count): rows[rows[:, 0] == count, 1:] for count in np.unique(rows[:, 0])}
