"""The faces that a person is asked to annotate, and the index file that remembers them.

A round's folder holds `to_annotate/` with one copy of the photo for each face and `index.json`,
which says which face each copy was made for. The index is written last, so that where there is an
index the export is complete. Annotations are matched to faces by the copies' names alone.
"""

import dataclasses
import functools
import hashlib
import pathlib
import re
import urllib.parse
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from scaf_jax.files import atomic, strict_json
from scaf_jax.files.places import Place
from scaf_jax.formats.asked import AskedFace
from scaf_jax.landmarks import scheme_files
from scaf_jax.landmarks.schemes import LandmarkScheme, get_scheme

EXPORT_FOLDER = "to_annotate"
INDEX_FILE = "index.json"
SCHEME_FILE = "scheme.json"
INDEX_VERSION = 1
MAX_FILE_BYTES = 512 << 20
# Where points to start from come from, besides the network of a round.
AVERAGE_FACE, CIRCLE = "average face", "circle"

_STEM = re.compile(r"\d{4,}_[0-9a-f]{8}")
_PHOTO_ENDING = re.compile(r"\.[a-z0-9]{1,5}$")
_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{8}-")  # Label Studio puts it before uploaded files' names


class AnnotationError(ValueError):
    """A file of the annotation exchange cannot be used at all; says which and what to do."""


@dataclasses.dataclass(frozen=True)
class FaceToAnnotate:
    """A selected face.

    Attributes:
      key: The record's key.
      image: The photo's encoded bytes.
      landmarks: (L, 2) the model's landmarks, pixels of the photo (center of the first is 0).
      box: (4,) the face's box x0, y0, x1, y1; pixel i covers [i, i + 1).
      score: How uncertain the model is, higher is more; None if the choice was made without.
    """

    key: str
    image: bytes
    landmarks: ArrayLike
    box: ArrayLike
    score: float | None


@dataclasses.dataclass(frozen=True)
class Index:
    """What was asked for in a round: the scheme's name, who pre-labeled, the faces in order."""

    scheme: str
    model_version: str
    faces: tuple[AskedFace, ...]

    def find(self, reference: Any) -> AskedFace | None:
        """Returns the face whose photo a file means, by the last part of the name; None if none.

        Args:
          reference: A path or URL from an annotation file. It is compared, never opened.
        """
        name = _base_name(reference).lower()
        stem = _PHOTO_ENDING.sub("", name.rpartition(".")[0] or name)  # of a.jpg.pts, too
        return self._by_stem.get(_UPLOAD_PREFIX.sub("", stem, count=1))

    @functools.cached_property
    def _by_stem(self) -> dict[str, AskedFace]:
        return {face.stem: face for face in self.faces}


def _base_name(reference: Any) -> str:
    if not isinstance(reference, str):
        return ""
    try:
        url = urllib.parse.urlsplit(reference)
        local = urllib.parse.parse_qs(url.query).get("d")  # /data/local-files/?d=photos/...
    except ValueError:
        return ""
    path = local[0] if local else urllib.parse.unquote(url.path)
    return re.split(r"[\\/]", path)[-1]


def photo_stem(rank: int, key: str) -> str:
    """Returns the name of a face's files, safe on every system: its rank and a hash of its key.

    Example:
      >>> photo_stem(1, "helen/../ätsch.jpg")
      '0001_1598f0df'
    """
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()
    return f"{rank:04d}_{digest[:8]}"


def write_index(round_folder: pathlib.Path, index: Index) -> None:
    """Writes the index; see `atomic.write_json` for what can go wrong."""
    content = {
        "version": INDEX_VERSION,
        "scheme": index.scheme,
        "model_version": index.model_version,
        "coordinates": "landmarks: pixels, the center of the first is 0; "
        "box: x0, y0, x1, y1 in pixels, pixel i covers [i, i + 1)",
        "faces": [dataclasses.asdict(face) for face in index.faces],
    }
    atomic.write_json(round_folder / EXPORT_FOLDER / INDEX_FILE, content)


def is_exported(round_folder: Place) -> bool:
    """Whether a complete export is there."""
    return (round_folder / EXPORT_FOLDER / INDEX_FILE).is_file()


def read_index(round_folder: pathlib.Path) -> Index:
    """Reads what was asked for.

    Raises:
      AnnotationError: There is no export, or its index is damaged.
    """
    path = pathlib.Path(round_folder) / EXPORT_FOLDER / INDEX_FILE
    if not path.is_file():
        raise AnnotationError(f"{path}: does not exist; export the round first")
    content = read_json(path)
    try:
        if content["version"] != INDEX_VERSION:
            raise AnnotationError(f"{path}: version {content['version']} is not {INDEX_VERSION}")
        faces = tuple(_asked_face(entry) for entry in content["faces"])
        return Index(str(content["scheme"]), str(content["model_version"]), faces)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, AnnotationError):
            raise
        raise AnnotationError(
            f"{path}: damaged ({type(error).__name__}: {error}); export the round again"
        ) from error


def write_scheme(round_folder: pathlib.Path, scheme: LandmarkScheme) -> None:
    """Writes the scheme that the faces are to be marked with."""
    content = scheme_files.scheme_to_dict(scheme)
    atomic.write_json(round_folder / EXPORT_FOLDER / SCHEME_FILE, content)


def read_scheme(round_folder: pathlib.Path) -> LandmarkScheme:
    """Returns the scheme that a round's faces are to be marked with.

    Raises:
      AnnotationError: There is no export, or its index is damaged.
      ValueError: The scheme's file is damaged, or there is none and no built-in one of its name.
    """
    name = read_index(round_folder).scheme
    path = pathlib.Path(round_folder) / EXPORT_FOLDER / SCHEME_FILE
    return scheme_files.read_scheme(path).scheme if path.is_file() else get_scheme(name)


def _asked_face(entry: dict[str, Any]) -> AskedFace:
    x0, y0, x1, y1 = (float(value) for value in entry["box"])
    face = AskedFace(
        rank=int(entry["rank"]),
        file=str(entry["file"]),
        key=str(entry["key"]),
        width=int(entry["width"]),
        height=int(entry["height"]),
        box=(x0, y0, x1, y1),
        score=None if entry["score"] is None else float(entry["score"]),
        landmarks=np.array(entry["landmarks"], np.float64).reshape(-1, 2),
    )
    if not _STEM.fullmatch(face.stem):
        raise ValueError(f"'{face.file}' is not a name that an export gives")
    return face


def read_json(path: pathlib.Path) -> Any:
    """Reads a JSON file that may come from anywhere.

    Raises:
      AnnotationError: It cannot be read, is larger than `MAX_FILE_BYTES` or is no JSON.
    """
    try:
        return strict_json.read_json(path, MAX_FILE_BYTES)
    except strict_json.JsonError as error:
        raise AnnotationError(str(error)) from error
