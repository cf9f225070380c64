"""Label Studio: tasks with pre-labels, the labeling configuration, and reading exports.

Formats: https://labelstud.io/guide/task_format and https://labelstud.io/tags/keypointlabels. An
export is either the full JSON (tasks with annotations) or JSON_MIN (one flat record for each
annotation). Label Studio wants a prediction's score between 0 and 1, low where the model is
unsure; the faces' places in the order serve as such.
"""

import re
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from scaf_jax.formats.asked import PHOTO_FOLDER, AskedFace
from scaf_jax.formats.conventions import Unit, from_centers, landmark_name
from scaf_jax.formats.marks import MarkedFace, MarkedPoint, as_dict, as_list, identity, shown
from scaf_jax.landmarks.schemes import LandmarkScheme

TASKS_FILE = "tasks.json"
CONFIG_FILE = "labeling_config.xml"
IMAGE, POINTS, BOX, ABSENT = "image", "keypoints", "box", "absent"  # names in the configuration
FACE_LABEL = "face"

_POINT_SIZE = 0.4  # percent of the photo's width
_COLORS = ("#e6194b", "#3cb44b", "#4363d8", "#f58231", "#911eb4", "#008080", "#9a6324", "#808000")


def labeling_config(scheme: LandmarkScheme) -> str:
    """Returns the project's labeling configuration, XML.

    There is a label for each landmark, one for the face's box, and a text field for the landmarks
    that the photo does not show.
    """
    view = ElementTree.Element("View")
    ElementTree.SubElement(
        view, "Image", name=IMAGE, value=f"${IMAGE}", zoom="true", zoomControl="true"
    )
    points = ElementTree.SubElement(
        view, "KeyPointLabels", name=POINTS, toName=IMAGE, strokeWidth="2", opacity="1"
    )
    for i, name in enumerate(scheme.landmark_names):
        color = _COLORS[_stroke_of(i, scheme) % len(_COLORS)]
        # Label Studio numbers keypoints in its own COCO export by model_index.
        ElementTree.SubElement(
            points, "Label", value=name, background=color, model_index=str(i), maxUsages="1"
        )
    box = ElementTree.SubElement(view, "RectangleLabels", name=BOX, toName=IMAGE)
    ElementTree.SubElement(box, "Label", value=FACE_LABEL, background="#ffd200")
    ElementTree.SubElement(
        view,
        "TextArea",
        name=ABSENT,
        toName=IMAGE,
        maxSubmissions="1",
        placeholder=f"Landmarks outside the photo, such as: {absent_example(scheme)}",
    )
    ElementTree.indent(view)
    return ElementTree.tostring(view, encoding="unicode") + "\n"


def absent_example(scheme: LandmarkScheme) -> str:
    """Returns what the text field for landmarks outside the photo may hold."""
    return ", ".join(scheme.names[:2]) or "3 4 7-9"


def _stroke_of(landmark: int, scheme: LandmarkScheme) -> int:
    return next((i for i, s in enumerate(scheme.strokes) if landmark in s), len(scheme.strokes))


def tasks(
    faces: Sequence[AskedFace], scheme: LandmarkScheme, model_version: str
) -> list[dict[str, Any]]:
    """Returns the tasks to import, in the order of the faces, pre-labels as predictions."""
    return [
        {
            "data": {
                IMAGE: "/data/local-files/?d=" + urllib.parse.quote(f"{PHOTO_FOLDER}/{face.file}"),
                "key": face.key,
                "rank": face.rank,
                "uncertainty": face.score,
            },
            "predictions": [
                {
                    "model_version": model_version,
                    "score": (face.rank - 1) / len(faces),
                    "result": [_box_region(face), *_point_regions(face, scheme)],
                }
            ],
        }
        for face in faces
    ]


def _box_region(face: AskedFace) -> dict[str, Any]:
    x0, y0, x1, y1 = face.box
    value = {
        "x": x0 / face.width * 100,
        "y": y0 / face.height * 100,
        "width": (x1 - x0) / face.width * 100,
        "height": (y1 - y0) / face.height * 100,
        "rotation": 0,
        "rectanglelabels": [FACE_LABEL],
    }
    return _region(face, BOX, "rectanglelabels", value)


def _point_regions(face: AskedFace, scheme: LandmarkScheme) -> list[dict[str, Any]]:
    percent = from_centers(face.landmarks, Unit.PERCENT, face.width, face.height)
    return [
        _region(
            face,
            str(i),
            "keypointlabels",
            {"x": float(x), "y": float(y), "width": _POINT_SIZE, "keypointlabels": [name]},
        )
        for i, (name, (x, y)) in enumerate(zip(scheme.landmark_names, percent, strict=True))
    ]


def _region(face: AskedFace, name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"{face.stem}-{name}",
        "from_name": POINTS if kind == "keypointlabels" else BOX,
        "to_name": IMAGE,
        "type": kind,
        "original_width": face.width,
        "original_height": face.height,
        "image_rotation": 0,
        "value": value,
    }


def read_tasks(source: str, content: list[Any], scheme: LandmarkScheme) -> Iterator[MarkedFace]:
    """Yields what is annotated in an export, full JSON or JSON_MIN.

    Tasks that nobody annotated are passed over. What versions before 1.0 call completions is read
    as annotations; drafts, which nobody submitted, are objected to.

    Args:
      source: Name of the file, for locations.
      content: Its content.
      scheme: The expected marking scheme.
    """
    for number, item in enumerate(content, 1):
        task = as_dict(item)
        name = f"{source}: task {identity(task, number)}"
        if {"annotations", "completions", "data"} & task.keys():
            yield from _annotations(name, task, scheme)
        elif task.get("annotation_id") is not None or POINTS in task:
            yield _flat_record(name, task, scheme)
        elif not task or IMAGE not in task:
            yield MarkedFace(name, None, Unit.PERCENT)  # not a task at all


def _annotations(name: str, task: dict[str, Any], scheme: LandmarkScheme) -> Iterator[MarkedFace]:
    photo = as_dict(task.get("data")).get(IMAGE)
    drafts = [draft for draft in as_list(task.get("drafts")) if as_dict(draft).get("result")]
    if drafts:
        face = MarkedFace(name, photo, Unit.PERCENT)
        face.problems.append(
            (
                "drafts",
                f"{len(drafts)} drafts of it were not submitted and do not count",
                "Open the task, press Submit (or Update), and export again",
            )
        )
        yield face
    given = [*as_list(task.get("annotations")), *as_list(task.get("completions"))]
    for number, item in enumerate(given, 1):
        annotation = as_dict(item)
        face = MarkedFace(f"{name}, annotation {identity(annotation, number)}", photo, Unit.PERCENT)
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            face.problems.append(
                ("was_cancelled", "the task was skipped", "Annotate it, or leave it for later")
            )
        else:
            for place, region in enumerate(as_list(annotation.get("result"))):
                _take_region(face, f"result[{place}]", as_dict(region), scheme)
        yield face


def _take_region(
    face: MarkedFace, field: str, region: dict[str, Any], scheme: LandmarkScheme
) -> None:
    kind, value = region.get("type"), as_dict(region.get("value"))
    if kind == "keypointlabels":
        _take_point(face, field, value, region, scheme)
    elif kind == "textarea":
        _take_absent(face, field, value.get("text"), scheme)
    elif kind not in ("rectanglelabels", "relation"):
        face.problems.append(
            (field, f"a region of type {shown(kind)} is no landmark", "Delete it and export again")
        )


def _flat_record(name: str, record: dict[str, Any], scheme: LandmarkScheme) -> MarkedFace:
    face = MarkedFace(
        f"{name}, annotation {shown(record.get('annotation_id'))}",
        record.get(IMAGE),
        Unit.PERCENT,
    )
    for place, item in enumerate(as_list(record.get(POINTS))):
        value = as_dict(item)
        _take_point(face, f"{POINTS}[{place}]", value, value, scheme)
    if ABSENT in record:
        _take_absent(face, ABSENT, record[ABSENT], scheme)
    return face


def _take_point(
    face: MarkedFace,
    field: str,
    value: dict[str, Any],
    size: dict[str, Any],
    scheme: LandmarkScheme,
) -> None:
    labels = value.get("keypointlabels")
    if not isinstance(labels, list) or len(labels) != 1:
        face.problems.append(
            (field, "a point must have exactly one label", "Give it one or delete it")
        )
        return
    name = landmark_name(labels[0], scheme) if isinstance(labels[0], str) else labels[0]
    face.points.append(MarkedPoint(field, name, value.get("x"), value.get("y")))
    if "original_width" in size or "original_height" in size:
        face.photo_sizes.append((size.get("original_width"), size.get("original_height")))
    if size.get("image_rotation"):
        face.problems.append(
            (field, "the photo was turned in Label Studio", "Turn it back and export again")
        )


def _take_absent(face: MarkedFace, field: str, text: Any, scheme: LandmarkScheme) -> None:
    """Takes '3 4 7-9' or 'left eye, nose' apart."""
    lines = text if isinstance(text, list) else [text]
    for part in re.split(r"[,;\n]+", "\n".join(str(line) for line in lines)):
        # A name may have blanks.
        words = [part.strip()] if part.strip() in scheme.landmark_names else part.split()
        for word in words:
            _take_absent_word(face, field, word, scheme)


def _take_absent_word(face: MarkedFace, field: str, word: str, scheme: LandmarkScheme) -> None:
    if word in scheme.landmark_names:
        face.absent.add(word)
        return
    match = re.fullmatch(r"([0-9]{1,4})(?:-([0-9]{1,4}))?", word)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
    face.absent.update(landmark_name(str(i), scheme) for i in range(first, last + 1))
    if first > last:
        what = "names, each after a comma, or numbers" if scheme.names else "numbers only"
        face.problems.append(
            (
                field,
                f"{shown(word)} is no landmark",
                f"Write {what}, such as: {absent_example(scheme)}",
            )
        )
