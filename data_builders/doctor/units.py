"""What only all faces of a set together say of the units of their landmarks and boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from data_builders import faces
from data_builders.doctor.examination import Observation
from data_builders.doctor.problems import LOOK, Problem
from scaf_jax.data import box_sets

# Off by more than this of its side a box is not about the landmarks; by how much less another is.
_OFF, _MUCH_LESS = 0.12, 0.6
# Of faces of larger photos: how many tell something, and where their centers lie at least.
_FEWEST, _LOWER_RIGHT = 5, 0.6


def made_for_smaller_photos(observations: Sequence[Observation], place: str) -> list[Problem]:
    """Returns that all faces lie in the upper left of their photos, as percent for pixels do.

    Args:
      observations: The faces.
      place: What the set as a whole is called.
    """
    seen = [one for one in observations if one.values and min(one.size) > 0]
    what = box_sets.upper_left([_end(one) for one in seen], [one.size for one in seen])
    if not what:
        return []
    advice = "look whether landmarks and boxes are percent, or of smaller copies of the photos"
    return [Problem(place, (), "made for smaller photos", LOOK, what, advice)]


def made_for_larger_photos(observations: Sequence[Observation], place: str) -> list[Problem]:
    """Returns that faces lie in the lower right and beyond, as landmarks of larger photos do.

    Args:
      observations: The faces.
      place: What the set as a whole is called.
    """
    seen = [one for one in observations if one.values and one.values["landmark_mask"].any()]
    if len(seen) < _FEWEST:
        return []
    sizes = np.array([one.size for one in seen], np.float64)
    around = np.array(
        [faces.extent(one.values["landmarks"][one.values["landmark_mask"]]) for one in seen]
    )
    beyond = (around[:, 2:] > sizes).any(axis=1)
    centers = (around[:, :2] + around[:, 2:]) / 2 / sizes
    if not beyond.any() or (around < 0).any() or (np.median(centers, axis=0) < _LOWER_RIGHT).any():
        return []
    what = (
        f"{beyond.sum()} of {len(seen)} faces reach beyond the right or the lower border of their "
        "photos, none beyond the others, and most lie in the lower right"
    )
    advice = "look whether landmarks are of larger copies of the photos"
    return [Problem(place, (), "made for larger photos", LOOK, what, advice)]


def sizes_for_corners(observations: Sequence[Observation], place: str) -> list[Problem]:
    """Returns that boxes are much more alike if their corners are taken for width and height.

    Args:
      observations: The faces.
      place: What the set as a whole is called.
    """
    seen = [one for one in observations if one.values]
    boxes = [one.values["box_ground_truth"] for one in seen]
    what = box_sets.sizes_for_corners(boxes, [one.size for one in seen]) if seen else ""
    advice = "write x0, y0, x1, y1 where the format says so"
    kind = "width and height for corners"
    return [Problem(place, (), kind, LOOK, what, advice)] if what else []


def corners_for_sizes(observations: Sequence[Observation], place: str) -> list[Problem]:
    """Returns that boxes fit the landmarks better if their width and height are taken for corners.

    Args:
      observations: The faces.
      place: What the set as a whole is called.
    """
    seen = [one for one in observations if one.values and one.values["landmark_mask"].any()]
    wrong = [one for one in seen if _are_corners(one.values)]
    if 2 * len(wrong) <= len(seen):
        return []
    x0, y0, x1, y1 = wrong[0].values["box_ground_truth"]
    what = (
        f"{len(wrong)} of {len(seen)} boxes fit the landmarks only if what is read as width and "
        f"height is the lower right corner, such as {x1 - x0:g}, {y1 - y0:g} of a box at "
        f"{x0:g}, {y0:g}"
    )
    advice = "write x, y, width, height where the format says so"
    return [Problem(place, (), "corners for width and height", LOOK, what, advice)]


def _end(seen: Observation) -> npt.NDArray[Any]:
    """How far a face reaches to the right and to the bottom, pixels."""
    known = seen.values["landmark_mask"]
    if known.any():
        return seen.values["landmarks"][known].max(axis=0) + 0.5
    return seen.values["box_ground_truth"][2:]


def _are_corners(values: Any) -> bool:
    box = values["box_ground_truth"].astype(np.float64)
    other = np.concatenate([box[:2], box[2:] - box[:2]])
    if (other[:2] >= other[2:]).any():
        return False
    points = values["landmarks"][values["landmark_mask"]]
    around = faces.extent(points).astype(np.float64) + 0.5
    margin = 0.1 * (other[2:] - other[:2])
    inside = (around[:2] >= other[:2] - margin).all() and (around[2:] <= other[2:] + margin).all()
    off = _off(box, around)
    return bool(inside and off > _OFF and _off(other, around) < _MUCH_LESS * off)


def _off(box: npt.NDArray[Any], around: npt.NDArray[Any]) -> float:
    """How far a box's center is from that of another one, of its sides."""
    apart = np.abs(box[:2] + box[2:] - around[:2] - around[2:]) / 2
    return float((apart / (box[2:] - box[:2])).max())
