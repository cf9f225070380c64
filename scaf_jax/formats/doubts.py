"""What landmarks cannot be: points that nobody marked, and fractions that are taken for pixels.

Programs write something for every point, also for those that nobody marked: 0 0, -1 -1, -256 -256,
the same place for many. Taken for landmarks they spoil a training without a sign, so whatever reads
landmarks asks here. Everything is in pixels of the photo, the center of the first pixel is 0; files
that count from another place (1, or the pixel's corner) move such points by 1 or 0.5.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Points of a face are nowhere near the photo's very corner all at once; fractions are.
_FRACTIONS_END = 1.5
# 0 0 and 1 1, whatever the file counts from; to the left of it every number that is given twice.
_CORNER_END = 1.0
# Published labels in whole pixels have up to 5 of 98 points of a closed mouth at one place.
_FEW_LANDMARKS, _MOST_OF_FEW = 10, 2
_MOST_AT_ONE_PLACE, _MOST_AS_SHARE = 6, 0.1


class Doubt(NamedTuple):
    """Why landmarks are not believed.

    Attributes:
      landmarks: Which, by number.
      message: What is wrong, to go on with after 'N landmarks' or a landmark's name.
      advice: What may be done, whatever the file.
    """

    landmarks: list[int]
    message: str
    advice: str


def find(
    points: npt.ArrayLike, mask: npt.NDArray[np.bool_] | None = None, first_pixel: float = 0
) -> Doubt | None:
    """Returns why the landmarks of a face cannot be what they say; None where nothing is odd.

    Args:
      points: (L, 2) pixels of the photo; 0 is the center of the first pixel.
      mask: (L,) bool, which are said to be known; None says all.
      first_pixel: What the file calls the center of the first pixel, so that messages have its
        numbers.
    """
    points = np.asarray(points, np.float64)
    known = np.asarray(np.isfinite(points).all(axis=1))
    if mask is not None:
        known &= mask
    if not known.any():
        return None
    of_all = points[known]
    if (np.abs(of_all) <= _FRACTIONS_END).all() and np.ptp(of_all, axis=0).max() > 0:
        return Doubt(
            np.flatnonzero(known).tolist(),
            "all landmarks lie between 0 and 1, so they are fractions of the photo's width and "
            "height and not pixels",
            "multiply x by the width and y by the height",
        )
    for marked, message in (
        (known & unplaced(points), "which is what programs write for a point that nobody marked"),
        (
            known & _crowded(points, known),
            "where too many landmarks lie for all to be marked there",
        ),
    ):
        if marked.any():
            x, y = points[marked][0] + first_pixel + 0.0  # -0 is 0
            return Doubt(
                np.flatnonzero(marked).tolist(),
                f"lies at ({x:g}, {y:g}), {message}",
                "mark it, or say that it is not known",
            )
    return None


def unplaced(points: npt.NDArray[np.floating]) -> npt.NDArray[np.bool_]:
    """Returns which of (L, 2) points stand at the photo's corner, or outside on its diagonal.

    These are 0 0, 1 1, -1 -1, -256 -256 and the like. No face has a landmark there to the last bit.
    """
    return (points[:, 0] == points[:, 1]) & (points[:, 0] <= _CORNER_END)


def _crowded(
    points: npt.NDArray[np.floating], known: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Which points share their place to the last bit with more than a closed eye or mouth has."""
    _, place, counts = np.unique(
        np.where(known[:, None], points, np.nan), axis=0, return_inverse=True, return_counts=True
    )
    most = _MOST_OF_FEW
    if len(points) > _FEW_LANDMARKS:
        most = max(_MOST_AT_ONE_PLACE, round(_MOST_AS_SHARE * len(points)))
    return known & (counts[place.reshape(-1)] > most)
