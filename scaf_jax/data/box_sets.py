"""What only all faces of a set together say of the units of their boxes and landmarks.

By itself a box of percent, of a smaller copy of the photo, or of a width and height where corners
belong, may be that of a small face. All boxes together show it. Nothing here is certain, so it is
told and stops nothing.
"""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

ADVICE = "are its numbers x0, y0, x1, y1 in pixels of these photos?"

_FEWEST, _UPPER_LEFT = 5, 0.55
# Photos that are larger than percent are, by so much that faces would be in their very corner.
_PERCENT, _MUCH_LARGER = 100, 300
# How much the shapes of boxes differ, as medians of logarithms of width over height.
_ALIKE, _MUCH_MORE_ALIKE = 0.1, 0.5
_OVER = 1.02


def doubts(boxes: npt.ArrayLike, sizes: npt.ArrayLike) -> list[str]:
    """Returns what is odd about the boxes of a set, a clause each; mostly nothing.

    Args:
      boxes: (N, 4) x0, y0, x1, y1, pixels.
      sizes: (N, 2), width and height of each box's photo.
    """
    given, photos = np.asarray(boxes, np.float64), np.asarray(sizes, np.float64)
    if not len(given):
        return []
    placed = upper_left(given[:, 2:], photos) or _percent(given, photos)
    return [said for said in (placed, sizes_for_corners(given, photos)) if said]


def upper_left(ends: npt.ArrayLike, sizes: npt.ArrayLike) -> str:
    """Returns what to say of faces that all lie in the upper left of their photos; mostly nothing.

    Faces of a set reach further, unless their coordinates are percent or of smaller photos.

    Args:
      ends: (N, 2), how far each reaches to the right and to the bottom, pixels.
      sizes: (N, 2), width and height of each photo.
    """
    shares = np.asarray(ends, np.float64) / np.asarray(sizes, np.float64)
    if len(shares) < _FEWEST or (shares > _UPPER_LEFT).any():
        return ""
    return (
        f"all {len(shares)} faces lie in the upper left of their photos, none beyond "
        f"{100 * shares.max():.0f} % of width or height"
    )


def _percent(boxes: Array, sizes: Array) -> str:
    """The same of few boxes, which say less: only where all are in the corner of large photos."""
    if (boxes < 0).any() or (boxes > _PERCENT).any() or sizes.min() < _MUCH_LARGER:
        return ""
    return f"all boxes lie between 0 and {_PERCENT}, as percent do, though the photos are larger"


def sizes_for_corners(boxes: npt.ArrayLike, sizes: npt.ArrayLike) -> str:
    """Returns what to say of boxes whose corners seem to be width and height; mostly nothing.

    Boxes of faces are much alike in shape, unless what is read as a corner is none.

    Args:
      boxes: (N, 4) x0, y0, x1, y1, pixels.
      sizes: (N, 2), width and height of each box's photo.
    """
    given = np.asarray(boxes, np.float64)
    starts, ends = given[:, :2], given[:, 2:]
    inside = (starts + ends <= _OVER * np.asarray(sizes, np.float64)).all()
    if len(given) < _FEWEST or not inside or (ends <= np.maximum(starts, 0)).any():
        return ""
    spread = _spread(ends - starts)
    if spread <= _ALIKE or _spread(ends) > _MUCH_MORE_ALIKE * spread:
        return ""
    return (
        f"the {len(given)} boxes are much more alike in shape if x1, y1 are their width and height"
    )


def _spread(sides: Array) -> float:
    """How much the shapes of boxes of these (N, 2) sides differ."""
    shape = np.log(sides[:, 0] / sides[:, 1])
    return float(np.median(np.abs(shape - np.median(shape))))
