"""Writes what a person needs to annotate a round's faces, for three kinds of tools at once.

`to_annotate/` gets `README.md`, `photos/` with one copy for each face (the unit is a face: a photo
with several faces is copied several times), `previews/` with the box and the pre-labels drawn, and
the pre-labels for Label Studio, for CVAT (COCO keypoints) and as `.pts` files. The most uncertain
faces come first.

Exporting again writes every file anew without losing what a person has done in the folder: edited
`.pts` files stay, any other file that has changed (a tool's export saved over the pre-labels, say)
is kept in `earlier/`, and files of other names are left alone, as are imported annotations, which
are beside the folder.
"""

import collections
import io
import itertools
import json
import math
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from absl import logging
from numpy.typing import NDArray
from PIL import Image

from scaf_jax.annotation import previews, readme
from scaf_jax.annotation.faces import (
    EXPORT_FOLDER,
    AnnotationError,
    FaceToAnnotate,
    Index,
    is_exported,
    photo_stem,
    read_index,
    write_index,
    write_scheme,
)
from scaf_jax.data import images
from scaf_jax.files import atomic
from scaf_jax.formats import coco, label_studio, pts
from scaf_jax.formats.asked import PHOTO_FOLDER, AskedFace
from scaf_jax.landmarks.schemes import LandmarkScheme

EARLIER_FOLDER = "earlier"

_ORIENTATION_TAG = 0x0112
_JPEG_START, _PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"


def export_faces(
    round_folder: str | os.PathLike[str],
    faces: Sequence[FaceToAnnotate],
    scheme: LandmarkScheme,
    *,
    model_version: str,
) -> pathlib.Path:
    """Exports faces to be annotated; exporting the same faces again writes all files anew.

    Args:
      round_folder: Folder of the round; made if it is not there.
      faces: The selected faces. They are put in order of falling score, equal ones in order of
        their keys; those without a score come last, in the order given.
      scheme: What the landmarks mean.
      model_version: What the pre-labels are said to come from.

    Returns:
      The folder `to_annotate`.

    Raises:
      AnnotationError: Another choice of faces was exported there before, keys repeat, or
        landmarks or box of a face are not finite or not of the scheme's shape.
      ImageError: A photo cannot be used; the message names the face.
    """
    folder = pathlib.Path(round_folder)
    ordered = _in_order(faces)
    asked = [_ask(rank, face, scheme) for rank, face in enumerate(ordered, 1)]
    index = Index(scheme.name, model_version, tuple(asked))
    is_complete = _check_same(folder, index)
    target = folder / EXPORT_FOLDER
    for name in (PHOTO_FOLDER, pts.FOLDER, previews.FOLDER):
        (target / name).mkdir(parents=True, exist_ok=True)
    for face, entry in zip(ordered, asked, strict=True):
        _write_face(target, face, entry, is_complete)
    _write_tables(target, index, scheme)
    write_scheme(folder, scheme)
    write_index(folder, index)
    return target


def _in_order(faces: Sequence[FaceToAnnotate]) -> list[FaceToAnnotate]:
    counts = collections.Counter(face.key for face in faces)
    repeated = sorted(key for key, count in counts.items() if count > 1)
    if repeated or not faces:
        raise AnnotationError(f"faces must be some, each once; repeated: {repeated[:5]}")

    def place(item: tuple[int, FaceToAnnotate]) -> tuple[bool, float, str, int]:
        number, face = item
        if face.score is None or not math.isfinite(face.score):
            return True, 0.0, "", number
        return False, -face.score, face.key, number

    return [face for _, face in sorted(enumerate(faces), key=place)]


def _ask(rank: int, face: FaceToAnnotate, scheme: LandmarkScheme) -> AskedFace:
    landmarks = np.array(face.landmarks, np.float64)
    box = np.array(face.box, np.float64)
    if landmarks.shape != (scheme.num_landmarks, 2) or box.shape != (4,):
        raise AnnotationError(
            f"face '{face.key}': landmarks {landmarks.shape} and box {box.shape} are not "
            f"({scheme.num_landmarks}, 2) and (4,)"
        )
    if not (np.isfinite(landmarks).all() and np.isfinite(box).all()):
        raise AnnotationError(f"face '{face.key}': its landmarks or box are not finite")
    width, height = images.image_size(face.image, face.key)
    return AskedFace(
        rank=rank,
        file=f"{photo_stem(rank, face.key)}.{_extension(face.image)}",
        key=face.key,
        width=width,
        height=height,
        box=_clipped_box(box, width, height),
        score=face.score if face.score is not None and math.isfinite(face.score) else None,
        # The tools keep points inside the photo, and so does the import.
        landmarks=np.clip(landmarks, 0, [width - 1, height - 1]),
    )


def _clipped_box(
    box: NDArray[np.float64], width: int, height: int
) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = np.clip(box, 0, [width, height, width, height]).tolist()
    return x0, y0, x1, y1


def _extension(encoded: bytes) -> str:
    return "jpg" if encoded.startswith(_JPEG_START) else "png"


def _photo_copy(encoded: bytes, key: str) -> bytes:
    """The bytes as they are if every tool shows them alike, else encoded again, upright.

    Not all tools turn a photo as its EXIF data say, and browsers know few formats.
    """
    if encoded.startswith((_JPEG_START, _PNG_START)):
        with Image.open(io.BytesIO(encoded), formats=("JPEG", "PNG")) as image:
            if image.getexif().get(_ORIENTATION_TAG, 1) == 1:
                return encoded
    pixels, _ = images.decode_image(encoded, key)
    output = io.BytesIO()
    file_format = "JPEG" if _extension(encoded) == "jpg" else "PNG"
    Image.fromarray(pixels).save(output, file_format, quality=95)
    return output.getvalue()


def _check_same(folder: pathlib.Path, index: Index) -> bool:
    """Returns whether these faces were exported before; raises if it was another choice."""
    if not is_exported(folder):
        return False
    try:
        before = read_index(folder)
    except AnnotationError as error:  # its advice is to export again
        logging.warning("%s", error)
        return False
    same = before.scheme == index.scheme and [f.file for f in before.faces] == [
        f.file for f in index.faces
    ]
    if not same or any(
        not np.allclose(a.landmarks, b.landmarks, atol=1e-3)
        for a, b in zip(before.faces, index.faces, strict=True)
    ):
        raise AnnotationError(
            f"{folder / EXPORT_FOLDER}: holds another choice of faces or other pre-labels; move "
            "it away, together with annotations/, to export anew"
        )
    return True


def _write_face(
    target: pathlib.Path, face: FaceToAnnotate, entry: AskedFace, is_complete: bool
) -> None:
    _put(target, f"{PHOTO_FOLDER}/{entry.file}", _photo_copy(face.image, face.key))
    _put(target, f"{previews.FOLDER}/{entry.stem}.jpg", previews.draw(face.image, entry))
    points = f"{pts.FOLDER}/{entry.stem}.pts"
    # A person may have begun to edit these.
    if not (is_complete and (target / points).is_file()):
        _put(target, points, pts.text(entry))


def _write_tables(target: pathlib.Path, index: Index, scheme: LandmarkScheme) -> None:
    faces, version = index.faces, index.model_version
    tables = {
        label_studio.TASKS_FILE: label_studio.tasks(faces, scheme, version),
        coco.ANNOTATIONS_FILE: coco.document(faces, scheme, version),
        coco.LABELS_FILE: coco.cvat_labels(scheme, faces[0].landmarks),
    }
    for name, content in tables.items():
        _put(target, name, json.dumps(content, allow_nan=False) + "\n")
    _put(target, label_studio.CONFIG_FILE, label_studio.labeling_config(scheme))
    _put(target, readme.FILE, readme.text(target, index, scheme))


def _put(target: pathlib.Path, name: str, content: str | bytes) -> None:
    """Writes a file of the export; one of that name with another content is kept."""
    path = target / name
    encoded = atomic.encode(content) if isinstance(content, str) else content
    if path.is_file():
        if path.read_bytes() == encoded:
            return
        kept = target / EARLIER_FOLDER
        kept.mkdir(exist_ok=True)
        places = (kept / f"{path.stem}.{i}{path.suffix}" for i in itertools.count(1))
        place = next(place for place in places if not place.exists())
        path.replace(place)
        logging.warning("%s had changed; what it held is now in %s", path, place)
    atomic.write_bytes(path, encoded)
