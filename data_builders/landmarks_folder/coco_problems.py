"""What there is to say of a COCO file beside its faces."""

import pathlib
from typing import Any

from data_builders.landmarks_folder import listed
from scaf_jax.formats import coco_reader


def of_file(path: pathlib.Path, found: coco_reader.CocoFaces) -> list[str]:
    """Returns what there is to say of a file and of the boxes and keypoints in it."""
    problems = []
    if found.passed_over:
        problems.append(
            f"{path.name}: {found.passed_over} annotations are no single face with keypoints and "
            "are left out"
        )
    if found.listed_twice:
        problems.append(
            f"{path.name}: {len(found.listed_twice)} photos are listed under several ids "
            f"({listed.some(found.listed_twice)}): if files were joined, are these all one photo?"
        )
    unplaced = [count for face in found.faces if (count := coco_reader.count_unplaced(face))]
    if unplaced:
        problems.append(
            f"{path.name}: {sum(unplaced)} keypoints of {len(unplaced)} faces lie at 0, 0 though v "
            "says that they are labeled; they are taken as not known"
        )
    flat = sum(bool(face.box) and has_no_area(face.box) for face in found.faces)
    if flat:
        problems.append(
            f"{path.name}: {flat} boxes have no area; these are drawn around the landmarks"
        )
    return problems


def has_no_area(box: Any) -> bool:
    """Whether a bbox is none: missing, empty, of no width and height, or -1 or NaN throughout."""
    if not isinstance(box, list) or len(box) != 4:
        return not box
    if not all(map(is_number, box)):
        return all(side is None for side in box)
    return not any(box[2:]) or all(side == -1 or side != side for side in box)


def is_number(value: Any) -> bool:
    """Returns whether a value of a JSON file is a number, NaN and infinity too."""
    return isinstance(value, int | float) and not isinstance(value, bool)
