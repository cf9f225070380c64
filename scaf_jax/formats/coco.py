"""COCO keypoints: pre-labels for CVAT, CVAT's description of the skeleton, and reading exports.

Format: https://cocodataset.org/#format-data and CVAT's "COCO Keypoints 1.0". Keypoints are x, y, v
with v = 0 for one that is not in the photo, 1 for a hidden one whose place is known and 2 for a
visible one. Coordinates are those of CVAT: pixel i covers [i, i + 1).
"""

from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax import saxutils

import numpy as np

from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.conventions import Floats, Unit, from_centres, landmark_name
from scaf_jax.formats.marks import MarkedFace, MarkedPoint, as_dict, as_list, identity, shown
from scaf_jax.landmarks.schemes import LandmarkScheme

ANNOTATIONS_FILE = "person_keypoints_default.json"  # the name by which CVAT knows the format
LABELS_FILE = "cvat_labels.json"
CATEGORY = "face"

_DECIMALS = 4
_ABSENT, _HIDDEN, _VISIBLE = 0, 1, 2


def document(
    faces: Sequence[AskedFace], scheme: LandmarkScheme, model_version: str
) -> dict[str, Any]:
    """Returns the pre-labels of all faces, a photo and an annotation for each."""
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"description": f"Pre-labels of {model_version}", "version": "1.0"},
        "categories": [
            {
                "id": 1,
                "name": CATEGORY,
                "supercategory": "",
                "keypoints": list(scheme.landmark_names),
                "skeleton": [[a + 1, b + 1] for a, b in _edges(scheme)],  # COCO counts from 1
            }
        ],
        "images": [
            {"id": face.rank, "file_name": face.file, "width": face.width, "height": face.height}
            for face in faces
        ],
        "annotations": [_annotation(face) for face in faces],
    }


def _annotation(face: AskedFace) -> dict[str, Any]:
    points = from_centres(face.landmarks, Unit.EDGES, face.width, face.height)
    marked = np.column_stack([points.round(_DECIMALS), np.full(len(points), _VISIBLE)])
    x0, y0, x1, y1 = face.box
    return {
        "id": face.rank,
        "image_id": face.rank,
        "category_id": 1,
        "segmentation": [],
        "area": (x1 - x0) * (y1 - y0),
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "iscrowd": 0,
        "keypoints": [int(v) if i % 3 == 2 else float(v) for i, v in enumerate(marked.ravel())],
        "num_keypoints": len(points),
    }


def _edges(scheme: LandmarkScheme) -> list[tuple[int, int]]:
    strokes = scheme.strokes
    return [pair for stroke in strokes for pair in zip(stroke[:-1], stroke[1:], strict=True)]


def cvat_labels(scheme: LandmarkScheme, shape: Floats) -> list[dict[str, Any]]:
    """Returns the labels of a CVAT task, for its "Raw" label constructor.

    Args:
      scheme: What the landmarks mean.
      shape: (L, 2) landmarks of some face, from which the skeleton's picture is drawn.
    """
    low, extent = shape.min(axis=0), np.ptp(shape, axis=0).max()
    places = 5 + 90 * (shape - low) / max(extent, 1e-6)  # CVAT draws on a 100 x 100 canvas
    names = scheme.landmark_names
    lines = [
        f'<line x1="{places[a][0]:.2f}" y1="{places[a][1]:.2f}" x2="{places[b][0]:.2f}" '
        f'y2="{places[b][1]:.2f}" stroke="black" stroke-width="0.3" data-type="edge" '
        f'data-node-from="{a + 1}" data-node-to="{b + 1}"></line>'
        for a, b in _edges(scheme)
    ]
    circles = [
        f'<circle r="0.75" stroke="black" fill="#b3b3b3" cx="{x:.2f}" cy="{y:.2f}" '
        f'stroke-width="0.1" data-type="element node" data-element-id="{i}" data-node-id="{i}" '
        f"data-label-name={saxutils.quoteattr(name)}></circle>"
        for i, (name, (x, y)) in enumerate(zip(names, places, strict=True), 1)
    ]
    return [
        {
            "name": CATEGORY,
            "type": "skeleton",
            "attributes": [],
            "svg": "".join(lines + circles),
            "sublabels": [{"name": name, "type": "points", "attributes": []} for name in names],
        }
    ]


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
    photos = _by_id(content.get("images"))
    categories = _by_id(content.get("categories"))
    for number, item in enumerate(as_list(content.get("annotations")), 1):
        annotation = as_dict(item)
        if not annotation.get("keypoints"):
            continue
        photo = photos.get(_hashable(annotation.get("image_id")), {})
        location = f"{source}: annotation {identity(annotation, number)}"
        face = MarkedFace(location, photo.get("file_name"), Unit.EDGES)
        if "width" in photo or "height" in photo:
            face.photo_sizes.append((photo.get("width"), photo.get("height")))
        category = categories.get(_hashable(annotation.get("category_id")), {})
        _take_keypoints(face, annotation["keypoints"], as_list(category.get("keypoints")), scheme)
        yield face


def _take_keypoints(
    face: MarkedFace, keypoints: Any, names: list[Any], scheme: LandmarkScheme
) -> None:
    expected = scheme.landmark_names
    names = [landmark_name(str(name), scheme) for name in names]
    if sorted(names) != sorted(expected):
        face.problems.append(
            (
                "category_id",
                f"the skeleton's {len(names)} points are not those of '{scheme.name}' "
                f"('{expected[0]}' to '{expected[-1]}')",
                f"Annotate with the labels of {LABELS_FILE}",
            )
        )
    elif not isinstance(keypoints, list) or len(keypoints) != 3 * len(expected):
        count = len(keypoints) if isinstance(keypoints, list) else "no"
        face.problems.append(
            (
                "keypoints",
                f"there are {count} numbers, not {3 * len(expected)} (x, y, v of each landmark)",
                "Mark all landmarks of the skeleton and export again",
            )
        )
    else:
        for i, name in enumerate(names):
            _take_keypoint(face, f"keypoints[{3 * i}]", name, keypoints[3 * i : 3 * i + 3])


def _take_keypoint(face: MarkedFace, field: str, name: str, values: list[Any]) -> None:
    x, y, visibility = values
    if isinstance(visibility, bool) or visibility not in (_ABSENT, _HIDDEN, _VISIBLE):
        face.problems.append(
            (field, f"landmark {name} has visibility {shown(visibility)}", "It must be 0, 1 or 2")
        )
    elif visibility == _ABSENT:
        face.absent.add(name)
    else:
        face.points.append(MarkedPoint(field, name, x, y))


def _by_id(items: Any) -> dict[Any, dict[str, Any]]:
    return {_hashable(as_dict(item).get("id")): as_dict(item) for item in as_list(items)}


def _hashable(value: Any) -> Any:
    return value if isinstance(value, int | str) else None
