"""Boxes of faces in photos as people give them: what is no box, what does not fit its photo, and
which photo a name in a table means.

Boxes are pixels, or fractions of a photo's width and height. The one taken for the other gives
crops of one pixel or of nothing, which train without complaint, so both are looked for here.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from scaf_jax.files import csv_tables, spellings

Box = npt.NDArray[np.float32]

SIDES = ("x0", "y0", "x1", "y1")
WHOLE_PHOTO = (0.0, 0.0, 1.0, 1.0)
ORDER = "x0, y0, x1, y1 with x0 < x1 and y0 < y1"
# A box with a shorter side, in pixels, shows no face.
SHORTEST = 2.0
# So much of a box, by area, must lie in the photo.
_LEAST_INSIDE = 0.05
# Pixels that end here show no face either.
LARGEST_FRACTION = 2.0
# Fractions may reach so far over a photo's border, as boxes in pixels may.
_FRACTIONS = (-1.0, 2.0)


def checked_box(values: Sequence[float], place: str) -> Box:
    """Returns a (4,) float32 box x0, y0, x1, y1.

    Args:
      values: What should be one.
      place: Where it is, for messages.

    Raises:
      ValueError: It is none, or encloses nothing.
    """
    try:
        with np.errstate(over="ignore"):  # what becomes infinite is refused
            box = np.array([float(value) for value in values], np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{place}: a box is four numbers: {error}") from None
    if not is_box(box):
        raise ValueError(f"{place}: a box is {ORDER}; take it out where there is no face")
    return box


def checked_fractions(values: Sequence[float], place: str) -> Box:
    """Returns a (4,) float32 box of fractions of a photo's width and height.

    Args:
      values: What should be one.
      place: Where it is, for messages.

    Raises:
      ValueError: It is none, or shows nothing of any photo, as one in pixels does.
    """
    box = checked_box(values, place)
    low, high = _FRACTIONS
    if (box < low).any() or (box > high).any() or _inside(box, (1, 1)) < _LEAST_INSIDE:
        raise ValueError(
            f"{place}: {[round(float(v), 3) for v in box]} are no fractions of a photo's width and "
            "height (0 to 1); boxes in pixels go into a table name,x0,y0,x1,y1"
        )
    return box


def is_box(box: npt.NDArray[np.floating]) -> bool:
    """Returns whether four finite numbers enclose something."""
    return box.shape == (4,) and bool(np.isfinite(box).all() and (box[:2] < box[2:]).all())


def is_fractions(box: npt.NDArray[np.floating]) -> bool:
    """Returns whether four numbers are fractions of a photo's sides rather than pixels."""
    return box.shape == (4,) and bool(box.any() and (np.abs(box) <= LARGEST_FRACTION).all())


def misfit(box: npt.NDArray[np.floating], size: tuple[int, int], name: str = "") -> str:
    """Returns why a box cannot be that of a face of a photo; empty if it can.

    Args:
      box: (4,) x0, y0, x1, y1, pixel edges.
      size: (width, height) of the photo.
      name: What the photo is called.
    """
    if is_fractions(box):
        return "is in fractions of the photo and not in pixels; multiply by its width and height"
    if not is_box(box):
        return f"is not {ORDER}"
    photo = f"the photo {name} of {size[0]} x {size[1]} pixels".replace("  ", " ")
    if (box[2:] <= 0).any() or (box[:2] >= np.array(size)).any():
        return f"lies outside {photo}"
    if (box[2:] - box[:2]).min() < SHORTEST:
        return f"is less than {SHORTEST:g} pixels wide or high and shows no face"
    if (box[:2] < -np.array(size)).any() or (box[2:] > 2 * np.array(size)).any():
        return f"reaches far outside {photo}; do the two belong together?"
    if _inside(box, size) < _LEAST_INSIDE:
        return f"lies outside {photo} but for {100 * _inside(box, size):.1f} %"
    return ""


def _inside(box: npt.NDArray[np.floating], size: tuple[int, int]) -> float:
    box = box.astype(np.float64)
    overlap = np.minimum(box[2:], size) - np.maximum(box[:2], 0)
    return float(np.prod(np.maximum(overlap, 0)) / np.prod(box[2:] - box[:2]))


@dataclasses.dataclass(frozen=True)
class Matched:
    """Which photos the names of a table mean.

    Attributes:
      names: The table's names of each photo; photos without any are absent.
      unknown: Names that are no photo's, sorted.
      without: Photos without a name in the table, in their order.
    """

    names: Mapping[str, Sequence[str]]
    unknown: Sequence[str]
    without: Sequence[str]


def match(names: Iterable[str], photos: Sequence[str]) -> Matched:
    """Finds the photos that a table's names mean.

    A name that is no photo's is tried in the spelling that other systems use: with accents in
    one letter or two, with backslashes, with `./` before it.

    Args:
      names: The table's.
      photos: Paths of photos with `/` between folders.
    """
    alike: dict[str, list[str]] = collections.defaultdict(list)
    for photo in photos:
        alike[_plain(photo)].append(photo)
    known = set(photos)
    found: dict[str, list[str]] = collections.defaultdict(list)
    unknown = []
    for name in dict.fromkeys(names):
        fitting = [name] if name in known else alike.get(_plain(name), [])
        if len(fitting) == 1:
            found[fitting[0]].append(name)
        else:
            unknown.append(name)
    without = [photo for photo in photos if photo not in found]
    return Matched(found, sorted(unknown), without)


def _plain(name: str) -> str:
    name = spellings.plain(name).replace("\\", "/")
    while name.startswith("./"):
        name = name[2:]
    return name


def read_table(path: str | os.PathLike[str]) -> dict[str, list[tuple[str, Box]]]:
    """Returns the boxes of each name of a table; a photo has a row for each face.

    Args:
      path: A csv file with the columns name, x0, y0, x1, y1; pixels of the photo. A row with a name
        and four empty cells says that the photo shows no face.

    Returns:
      By name, where each box is (`FILE:LINE`) and the box; nothing for photos without a face.

    Raises:
      ValueError: It is no such table, a row is no box, or there is none; the message names the
        line.
    """
    found: dict[str, list[tuple[str, Box]]] = {}
    for place, row in csv_tables.read_table(pathlib.Path(path), ["name", *SIDES]):
        before = found.setdefault(row["name"], [])
        if not any(row[side] for side in SIDES):
            continue
        values = [csv_tables.number(row, side, place) for side in SIDES]
        box = checked_box(values, place)
        if not any(np.array_equal(box, other) for _, other in before):  # a row that is there again
            before.append((place, box))
    if not any(found.values()):
        what = "rows without boxes" if found else "its header"
        raise ValueError(f"{path}: holds no boxes, only {what}")
    return found
