"""Reads COCO keypoints, for data sets and for what annotators give back alike.

An annotation is a face. Keypoints are x, y, v with v = 0 for one that is not known, 1 for a hidden
and 2 for a visible one; 0, 0 is COCO's word for "not labeled", whatever v says. Coordinates count
from the photo's corner: pixel i covers [i, i + 1). Format: https://cocodataset.org/#format-data

An annotation says by ids which photo and which category it is of. Ids are whole numbers or texts;
1, 1.0 and "1" are one. What is no id, or the id of several entries that differ, matches nothing.
"""

import collections
import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

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

ADVICE = "Export it as COCO keypoints again"
_ABSENT, _HIDDEN, _VISIBLE = 0, 1, 2
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))(?:\.0+)?")
_LARGEST_EXACT = 2**53  # beyond it, numbers with a point stand for several whole ones
_MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class CocoFace:
    """An annotation, before its numbers are looked at.

    Attributes:
      number: What it calls itself, or its place in the file.
      photo: How the file names its photo, unchecked; None where it does not.
      size: (width, height) that the file says the photo has, unchecked; None where it does not.
      split: What the photo's entry says of a split, unchecked; None where it says nothing.
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
    photos = _by_id(content.get("images"), ("file_name", "width", "height"))
    categories = _by_id(content.get("categories"), ("keypoints",))
    annotations = [as_dict(item) for item in as_list(content.get("annotations"))]
    found = [
        _face(number, item, photos, categories)
        for number, item in enumerate(annotations, 1)
        if item.get("keypoints") and not item.get("iscrowd")
    ]
    images = [as_dict(item) for item in as_list(content.get("images"))]
    without_id = [_name(item, "file_name") for item in images if id_of(item.get("id")) is None]
    distinct = {(id_of(item.get("id")), item.get("file_name")): item for item in _hashable(images)}
    names = collections.Counter(name for _, name in distinct if name is not None)
    twice = [str(name) for name, count in names.items() if count > 1]
    return CocoFaces(found, len(annotations) - len(found), without_id, twice)


def id_of(value: Any) -> str | None:
    """Returns an id as text, the same for 1, 1.0 and "1"; None for what is no id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        is_whole = value.is_integer() and abs(value) < _LARGEST_EXACT  # not so NaN and infinity
        return str(int(value)) if is_whole else None
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        return None
    match = _WHOLE.fullmatch(value.strip())
    return match[1] if match else value.strip()


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
    return [landmark_name(str(name), scheme) for name in names]


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
                f"{_some(sorted(set(names) ^ set(expected)) or sorted(names))}",
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
        face.problems.append(
            (
                "images",
                f"{len(found.without_id)} photos have no id ({_some(found.without_id)}), so that "
                "no annotation can be of them",
                ADVICE,
            )
        )
        yield face
    for face in found.faces:
        yield marked_face(face, source, scheme)


def _face(
    number: int,
    item: dict[str, Any],
    photos: dict[str, list[dict[str, Any]]],
    categories: dict[str, list[dict[str, Any]]],
) -> CocoFace:
    photo, objections = _entry(item, "image_id", photos, "file_name")
    category, more = _entry(item, "category_id", categories, "name")
    name = photo.get("file_name")
    if not objections and not isinstance(name, str):
        objections = [("photo", "its photo has no file_name", ADVICE)]
    return CocoFace(
        number=identity(item, number),
        photo=name,
        size=(photo.get("width"), photo.get("height")),
        split=photo.get("split"),
        names=as_list(category.get("keypoints")),
        keypoints=item["keypoints"],
        box=item.get("bbox"),
        objections=(*objections, *more),
    )


def _entry(
    item: dict[str, Any], field: str, entries: dict[str, list[dict[str, Any]]], name: str
) -> tuple[dict[str, Any], list[Objection]]:
    """The one entry that an annotation means, or why there is none."""
    given = item.get(field)
    key = id_of(given)
    if key is None:
        return {}, [(field, f"{field} {shown(given)} is no id", ADVICE)]
    meant = entries.get(key, [])
    if not meant:
        return {}, [(field, f"{field} {shown(given)} is not in the file", ADVICE)]
    if len(meant) > 1:
        names = _some([_name(entry, name) for entry in meant])
        what = f"{field} {shown(given)} is the id of {len(meant)} entries ({names})"
        advice = "Give each an id of its own; files that were joined must be exported apart"
        return {}, [(field, what, advice)]
    return meant[0], []


def _by_id(items: Any, fields: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The entries of each id, those once that say the same."""
    found: dict[str, list[dict[str, Any]]] = {}
    for item in map(as_dict, as_list(items)):
        key = id_of(item.get("id"))
        if key is None:
            continue
        entries = found.setdefault(key, [])
        if not any(all(x.get(f) == item.get(f) for f in fields) for x in entries):
            entries.append(item)
    return found


def _hashable(images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in images if isinstance(item.get("file_name"), str)]


def _name(entry: dict[str, Any], field: str) -> str:
    value = entry.get(field)
    return value[:80] if isinstance(value, str) else "without a name"


def _some(names: Sequence[str]) -> str:
    shown_names = ", ".join(shown(name)[1:-1] for name in names[:_MAX_NAMED])
    return shown_names + (", ..." if len(names) > _MAX_NAMED else "")


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
