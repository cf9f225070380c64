"""COCO keypoints for CVAT: pre-labels, and CVAT's description of the skeleton.

Format: https://cocodataset.org/#format-data and CVAT's "COCO Keypoints 1.0"; `coco_reader` has what
the numbers mean.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax import saxutils

import numpy as np

from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.conventions import Floats, Unit, from_centers
from scaf_jax.landmarks.schemes import LandmarkScheme

ANNOTATIONS_FILE = "person_keypoints_default.json"  # the name by which CVAT knows the format
LABELS_FILE = "cvat_labels.json"
CATEGORY = "face"

_DECIMALS = 4
_VISIBLE = 2


def document(
    faces: Sequence[AskedFace], scheme: LandmarkScheme, model_version: str
) -> dict[str, Any]:
    """Returns the pre-labels of all faces, a photo and an annotation for each."""
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"description": f"Pre-labels of {model_version}", "version": "1.0"},
        "categories": [_category(scheme)],
        "images": [
            {"id": face.rank, "file_name": face.file, "width": face.width, "height": face.height}
            for face in faces
        ],
        "annotations": [_annotation(face) for face in faces],
    }


def predictions(
    photos: Sequence[Mapping[str, Any]], scheme: LandmarkScheme, description: str
) -> dict[str, Any]:
    """Returns what a network found in photos, any number of faces in each.

    Args:
      photos: Each with `name`, `width`, `height` and `faces`; a face with `box` and `landmarks`,
        pixel centers, and perhaps `confidence`, a number for each, whose mean is its `score`.
      scheme: What the landmarks mean.
      description: Of the network.
    """
    images, annotations = [], []
    for number, photo in enumerate(photos, 1):
        width, height = photo["width"], photo["height"]
        images.append({"id": number, "file_name": photo["name"], "width": width, "height": height})
        for face in photo["faces"]:
            points = from_centers(face["landmarks"], Unit.EDGES, width, height)
            found = _face(len(annotations) + 1, number, points, face["box"])
            if face.get("confidence"):
                found["score"] = float(np.mean(face["confidence"]))
            annotations.append(found)
    return {
        "licenses": [{"name": "", "id": 0, "url": ""}],
        "info": {"description": description, "version": "1.0"},
        "categories": [_category(scheme)],
        "images": images,
        "annotations": annotations,
    }


def _category(scheme: LandmarkScheme) -> dict[str, Any]:
    return {
        "id": 1,
        "name": CATEGORY,
        "supercategory": "",
        "keypoints": list(scheme.landmark_names),
        "skeleton": [[a + 1, b + 1] for a, b in _edges(scheme)],  # COCO counts from 1
    }


def _annotation(face: AskedFace) -> dict[str, Any]:
    points = from_centers(face.landmarks, Unit.EDGES, face.width, face.height)
    return _face(face.rank, face.rank, points, face.box)


def _face(number: int, photo: int, points: Floats, box: Sequence[float]) -> dict[str, Any]:
    marked = np.column_stack([points.round(_DECIMALS), np.full(len(points), _VISIBLE)])
    x0, y0, x1, y1 = box
    return {
        "id": number,
        "image_id": photo,
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
