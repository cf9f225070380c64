"""Reads COCO keypoints, for data sets and for what annotators give back alike.

An annotation is a face. Keypoints are x, y, v with v = 0 for one that is not known, 1 for a hidden
and 2 for a visible one; 0, 0 is COCO's word for "not labeled", whatever v says. Coordinates count
from the photo's corner: pixel i covers [i, i + 1). Format: https://cocodataset.org/#format-data

`coco_entries` finds the photo and the category that an annotation is of.
"""

import collections
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from scaf_jax.formats import coco_entries
from scaf_jax.formats.coco import LABELS_FILE
from scaf_jax.formats.conventions import Unit, landmark_name
from scaf_jax.formats.marks import (
    MarkedFace,
    MarkedPoint,
    Objection,
    as_dict,
    as_list,
    identity,
    shown,
)
from scaf_jax.landmarks.schemes import LandmarkScheme

_ABSENT, _HIDDEN, _VISIBLE = 0, 1, 2
_CROWD = ("1", "1.0", "true")


@dataclasses.dataclass(frozen=True)
class CocoFace:
    """An annotation, before its numbers are looked at.

    Attributes:
      number: What it calls itself, or its place in the file.
      photo: How the file names its photo, unchecked; None where it does not.
      size: (width, height) that the file says the photo has, unchecked; None where it does not.
      split: What the photo's entry, or the annotation, says of a split, unchecked; None where
        neither says anything.
      names: The names of its category's keypoints, unchecked.
      keypoints: Unchecked.
      box: `bbox`, unchecked.
      objections: Why it cannot be used.
    """

    number: str
    photo: Any
    size: tuple[Any, Any]
    split: Any
    names: Sequence[Any]
    keypoints: Any
    box: Any
    objections: tuple[Objection, ...] = ()


class CocoFaces(NamedTuple):
    """What a file holds: faces, how many annotations are none, and (what, names) of odd entries."""

    faces: list[CocoFace]
    passed_over: int
    without_id: list[str]
    listed_twice: list[str]


def list_faces(content: dict[str, Any]) -> CocoFaces:
    """Lists the annotations of a file that have keypoints and are no crowd.

    Args:
      content: The file's content, unchecked.
    """
    photos = coco_entries.by_id(content.get("images"), ("file_name", "width", "height"))
    categories = coco_entries.by_id(content.get("categories"), ("keypoints",))
    annotations = [as_dict(item) for item in as_list(content.get("annotations"))]
    found = [
        _face(number, item, photos, categories)
        for number, item in enumerate(annotations, 1)
        if item.get("keypoints") and str(item.get("iscrowd")).lower() not in _CROWD
    ]
    images = [as_dict(item) for item in as_list(content.get("images"))]
    without_id = [
        coco_entries.name_of(item, "file_name")
        for item in images
        if coco_entries.id_of(item.get("id")) is None
    ]
    distinct = {
        (coco_entries.id_of(item.get("id")), item.get("file_name")): item
        for item in _hashable(images)
    }
    names = collections.Counter(name for _, name in distinct if name is not None)
    twice = [str(name) for name, count in names.items() if count > 1]
    return CocoFaces(found, len(annotations) - len(found), without_id, twice)


def is_blank(face: CocoFace) -> bool:
    """Returns whether a face has keypoints, and not one of them is labeled."""
    return face.keypoints == [] or all(
        not _is_labeled(values) or _is_unplaced(values) for values in _threes(face.keypoints)
    )


def count_unplaced(face: CocoFace) -> int:
    """Returns how many keypoints lie at 0, 0 though v says that they are labeled."""
    return sum(_is_labeled(v) and _is_unplaced(v) for v in _threes(face.keypoints))


def scheme_names(names: Sequence[Any], scheme: LandmarkScheme) -> list[str]:
    """Returns what a scheme calls keypoints that a category calls by their names or numbers."""
    return [landmark_name(str(name).strip(), scheme) for name in names]


def marked_face(face: CocoFace, source: str, scheme: LandmarkScheme) -> MarkedFace:
    """Returns an annotation with its points, all that is wrong with it as objections.

    Args:
      face: From `list_faces`.
      source: Name of the file, for locations.
      scheme: The expected marking scheme.
    """
    marked = MarkedFace(f"{source}: annotation {face.number}", face.photo, Unit.EDGES)
    marked.problems += face.objections
    if face.size != (None, None):
        marked.photo_sizes.append(face.size)
    if face.objections:
        return marked
    expected = scheme.landmark_names
    names = scheme_names(face.names, scheme)
    keypoints = face.keypoints
    if sorted(names) != sorted(expected):
        marked.problems.append(
            (
                "category_id",
                f"the skeleton's {len(names)} points are not those of '{scheme.name}' "
                f"('{expected[0]}' to '{expected[-1]}'); they differ in "
                f"{coco_entries.some(sorted(set(names) ^ set(expected)) or sorted(names))}",
                f"Annotate with the scheme's names; those of an export are in {LABELS_FILE}",
            )
        )
    elif not isinstance(keypoints, list) or len(keypoints) != 3 * len(expected):
        count = len(keypoints) if isinstance(keypoints, list) else "no"
        marked.problems.append(
            (
                "keypoints",
                f"there are {count} numbers, not {3 * len(expected)} (x, y, v of each landmark)",
                "Mark all landmarks of the skeleton and export again",
            )
        )
    else:
        for i, name in enumerate(names):
            _take_keypoint(marked, f"keypoints[{3 * i}]", name, keypoints[3 * i : 3 * i + 3])
    return marked


def read_document(
    source: str, content: dict[str, Any], scheme: LandmarkScheme
) -> Iterator[MarkedFace]:
    """Yields what is annotated in a COCO file.

    Annotations without keypoints, such as boxes, are passed over.

    Args:
      source: Name of the file, for locations.
      content: Its content.
      scheme: The expected marking scheme.
    """
    found = list_faces(content)
    if found.without_id:
        face = MarkedFace(source, None, Unit.EDGES)
        names = coco_entries.some(found.without_id)
        what = f"{len(found.without_id)} photos have no id ({names}), so that no annotation can be"
        face.problems.append(("images", f"{what} of them", coco_entries.ADVICE))
        yield face
    for face in found.faces:
        yield marked_face(face, source, scheme)


def _face(
    number: int,
    item: dict[str, Any],
    photos: dict[str, list[dict[str, Any]]],
    categories: dict[str, list[dict[str, Any]]],
) -> CocoFace:
    photo, objections = coco_entries.entry_of(item, "image_id", photos, "file_name")
    category, more = coco_entries.entry_of(item, "category_id", categories, "name")
    name = photo.get("file_name")
    if not objections and not isinstance(name, str):
        objections = [("photo", "its photo has no file_name", coco_entries.ADVICE)]
    return CocoFace(
        number=identity(item, number),
        photo=name,
        size=(photo.get("width"), photo.get("height")),
        split=photo.get("split", item.get("split")),
        names=as_list(category.get("keypoints")),
        keypoints=item["keypoints"],
        box=item.get("bbox"),
        objections=(*objections, *more),
    )


def _hashable(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in images if isinstance(item.get("file_name"), str)]


def _take_keypoint(face: MarkedFace, field: str, name: str, values: list[Any]) -> None:
    x, y, visibility = values
    if isinstance(visibility, bool) or visibility not in (_ABSENT, _HIDDEN, _VISIBLE):
        face.problems.append(
            (field, f"landmark {name} has visibility {shown(visibility)}", "It must be 0, 1 or 2")
        )
    elif visibility == _ABSENT:
        face.absent.add(name)
    elif _is_unplaced(values):
        face.unplaced[name] = field
    else:
        face.points.append(MarkedPoint(field, name, x, y))


def _threes(keypoints: Any) -> list[list[Any]]:
    """The x, y, v of each keypoint; one that nobody understands where they are none."""
    if not isinstance(keypoints, list) or len(keypoints) % 3:
        return [[None, None, None]]
    return [keypoints[i : i + 3] for i in range(0, len(keypoints), 3)]


def _is_labeled(values: list[Any]) -> bool:
    return not (_is_number(values[2]) and values[2] == _ABSENT)


def _is_unplaced(values: list[Any]) -> bool:
    return all(_is_number(value) and value == 0 for value in values[:2])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
