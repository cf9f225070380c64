"""Reads the label files of dlib's copy of 300-W.

`labels_ibug_300W_train.xml` and `labels_ibug_300W_test.xml` list photos, each with the box of
dlib's face detector and 68 numbered points, 0-based. The two files split the photos otherwise
than 300-W does, so a photo's folder says which part it belongs to.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any
from xml.parsers import expat

import numpy as np

from data_builders import face_builder, faces
from data_builders.the300w import layouts, photos
from scaf_jax.data import images
from scaf_jax.formats import marks

MAX_BYTES = 256 << 20  # the published files have 20 MB
_DETECTOR_SIDES = ("left", "top", "width", "height")


@dataclasses.dataclass
class _Image:
    """An <image> element: its name, line and size, and the attributes of what is in it."""

    file: str
    place: str
    size: tuple[str | None, str | None] = (None, None)
    boxes: list[dict[str, str]] = dataclasses.field(default_factory=list)
    parts: list[dict[str, str]] = dataclasses.field(default_factory=list)


class _Reader:
    """Collects faces while a label file is parsed, so that only one element is in memory."""

    def __init__(self, path: pathlib.Path, base: pathlib.Path) -> None:
        self.faces: list[faces.Face] = []
        self.elsewhere: list[str] = []
        self._path, self._base = path, base
        self._image: _Image | None = None
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def read(self) -> None:
        if self._path.stat().st_size > MAX_BYTES:
            raise face_builder.DownloadError(f"{self._path}: larger than {MAX_BYTES} bytes")
        try:
            with self._path.open("rb") as file:
                self._parser.ParseFile(file)
        except (expat.ExpatError, OSError, LookupError) as error:
            raise face_builder.DownloadError(
                f"{self._path}: not readable XML ({error}); unpack the download again"
            ) from error

    def _refuse_doctype(self, *_: Any) -> None:
        # Entities, which unfold a small file or read others, are declared there.
        raise face_builder.DownloadError(
            f"{self._path}:{self._parser.CurrentLineNumber}: a DOCTYPE, which dlib's label files "
            "do not have; unpack the download again"
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "image":
            place = f"{self._path}:{self._parser.CurrentLineNumber}"
            size = (attributes.get("width"), attributes.get("height"))
            self._image = _Image(attributes.get("file", ""), place, size)
        elif self._image is not None and name == "box":
            self._image.boxes.append(attributes)
        elif self._image is not None and name == "part":
            self._image.parts.append(attributes)

    def _end(self, name: str) -> None:
        if name != "image" or self._image is None:
            return
        image, self._image = self._image, None
        if pathlib.PurePosixPath(image.file).stem.endswith(photos.MIRRORED_END):
            return
        folder = _folder_of(image.file)
        if folder is None:
            self.elsewhere.append(f"{image.place} '{image.file[:80]}'")
        else:
            self.faces.append(_as_face(self._base, folder, image))


def read_labels(
    base: pathlib.Path, paths: Sequence[pathlib.Path]
) -> tuple[dict[str, list[faces.Face]], list[str]]:
    """Lists the faces of dlib's label files, without the mirrored copies.

    Args:
      base: The folder that the photos' names are relative to.
      paths: The label files.

    Returns:
      The faces of each folder of 300-W, by file name, and the problems found.

    Raises:
      DownloadError: A file is no such label file.
    """
    members: dict[str, dict[str, faces.Face]] = {folder: {} for folder in layouts.EXPECTED_FACES}
    elsewhere: list[str] = []
    doubled: list[str] = []
    for path in paths:
        reader = _Reader(path, base)
        reader.read()
        elsewhere += reader.elsewhere
        for face in reader.faces:
            if face.key in members[face.subset]:
                doubled.append(f"{face.place} '{face.key}'")
            members[face.subset].setdefault(face.key, face)
    listed = {folder: [by_key[key] for key in sorted(by_key)] for folder, by_key in members.items()}
    problems = []
    if elsewhere:
        problems.append(
            f"{len(elsewhere)} entries name no photo in {', '.join(members)} and are left out: "
            f"{photos.some(elsewhere)}"
        )
    if doubled:
        problems.append(
            f"{len(doubled)} entries name a photo again and are left out: {photos.some(doubled)}"
        )
    for folder, expected in layouts.EXPECTED_FACES.items():
        problems += photos.count_problems(folder, len(listed[folder]), expected)
    return listed, problems


def _folder_of(file: str) -> str | None:
    """The folder of 300-W that a name starts with."""
    file = file.replace("\\", "/").removeprefix("./")
    return next((f for f in layouts.EXPECTED_FACES if file.startswith(f"{f}/")), None)


def _as_face(base: pathlib.Path, folder: str, image: _Image) -> faces.Face:
    key = images.printable_name(image.file)
    try:
        path = faces.file_below(base, image.file, image.place)
        annotation = _annotation(image)
    except faces.FaceError as error:
        return faces.unusable_face(base, key, folder, image.place, str(error))
    return faces.Face(path, key, folder, image.place, functools.partial(_given, annotation))


def _given(annotation: faces.Annotation) -> faces.Annotation:
    return annotation


def _annotation(image: _Image) -> faces.Annotation:
    if len(image.boxes) != 1:
        raise faces.FaceError(f"{image.place}: {len(image.boxes)} boxes, expected one")
    left, top, width, height = (
        _number(image.boxes[0], name, image.place) for name in _DETECTOR_SIDES
    )
    numbers = [_number(part, "name", image.place) for part in image.parts]
    if sorted(numbers) != list(range(photos.NUM_LANDMARKS)):
        raise faces.FaceError(
            f"{image.place}: {len(numbers)} parts, expected 00 to {photos.NUM_LANDMARKS - 1}, "
            "each once"
        )
    points = np.zeros((photos.NUM_LANDMARKS, 2), np.float32)
    for number, part in zip(numbers, image.parts, strict=True):
        points[int(number)] = [_number(part, axis, image.place) for axis in ("x", "y")]
    return faces.Annotation(
        landmarks=points,
        box_ground_truth=photos.box_around(points, image.place),
        box_detector=np.array([left, top, left + width, top + height], np.float32),
        photo_size=_size(image),
    )


def _size(image: _Image) -> tuple[int, int] | None:
    width, height = (marks.side(value) for value in image.size)
    if not (isinstance(width, float) and isinstance(height, float)):
        return None
    return round(width), round(height)


def _number(attributes: dict[str, str], name: str, place: str) -> float:
    try:
        value = float(attributes[name])
    except (KeyError, ValueError):
        shown = images.printable_name(attributes.get(name, ""))[:40]
        raise faces.FaceError(f"{place}: {name} is no number: '{shown}'") from None
    if not abs(value) < 1e6:  # also catches NaN
        raise faces.FaceError(f"{place}: {name} is {value}")
    return value
