"""Accepted annotations on disk, one file for each face, and how far a round has come.

A face that is imported again replaces what was there; the earlier file is kept in
`annotations/earlier/`. Files are written whole or not at all.
"""

import dataclasses
import itertools
import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaf_jax.annotation import reports, skips
from scaf_jax.annotation.faces import AnnotationError, read_index, read_json
from scaf_jax.files import atomic
from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.marks import as_dict

FOLDER = "annotations"
EARLIER_FOLDER = "earlier"
VERSION = 1

PathLike = str | os.PathLike[str]


@dataclasses.dataclass(frozen=True)
class Annotation:
    """A person's annotation of a face.

    Attributes:
      key: The record's key.
      scheme: Name of the marking scheme.
      landmarks: (L, 2) float32, pixels of the photo, the center of the first is 0; 0 where absent.
      mask: (L,) bool, False where the photo does not show the landmark.
      unchanged: Whether the person left the pre-labels as they were.
      source: Name of the file it came in.
      format: Format of that file.
    """

    key: str
    scheme: str
    landmarks: NDArray[np.float32]
    mask: NDArray[np.bool_]
    unchanged: bool
    source: str
    format: str


@dataclasses.dataclass(frozen=True)
class Status:
    """How far a round has come.

    Attributes:
      asked: Number of faces asked for.
      annotated: Keys of those annotated, in the order asked.
      missing: Keys of the others, but for those skipped or put back.
      rejected: Keys of those missing that were given back but not accepted.
      skipped: Keys of those that a person will not annotate.
      put_back: Keys of those that a round was closed without.
    """

    asked: int
    annotated: tuple[str, ...]
    missing: tuple[str, ...]
    rejected: tuple[str, ...]
    skipped: tuple[str, ...] = ()
    put_back: tuple[str, ...] = ()


def write_annotation(round_folder: PathLike, asked: AskedFace, annotation: Annotation) -> bool:
    """Writes one face's annotation; returns whether it replaces one with other landmarks."""
    folder = pathlib.Path(round_folder) / FOLDER
    folder.mkdir(exist_ok=True)
    path = folder / f"{asked.stem}.json"
    content = atomic.plain(_content(annotation))
    if path.is_file():
        earlier = read_json(path)
        if as_dict(earlier).get("landmarks") == content["landmarks"]:
            return False
        _keep_earlier(folder, asked.stem, earlier)
        atomic.write_json(path, content)
        return True
    atomic.write_json(path, content)
    return False


def _keep_earlier(folder: pathlib.Path, stem: str, content: Any) -> None:
    kept = folder / EARLIER_FOLDER
    kept.mkdir(exist_ok=True)
    paths = (kept / f"{stem}.{number}.json" for number in itertools.count(1))
    atomic.write_json(next(path for path in paths if not path.exists()), content)


def _content(annotation: Annotation) -> dict[str, Any]:
    points = np.where(annotation.mask[:, None], annotation.landmarks, np.nan)
    return {
        "version": VERSION,
        "key": annotation.key,
        "scheme": annotation.scheme,
        "coordinates": "pixels of the photo, the center of the first is 0; null where absent",
        "landmarks": points.astype(np.float32),
        "mask": annotation.mask,
        "unchanged": annotation.unchanged,
        "source": annotation.source,
        "format": annotation.format,
    }


def read_annotations(round_folder: PathLike) -> dict[str, Annotation]:
    """Reads a round's accepted annotations.

    Args:
      round_folder: Folder of the round, with `to_annotate/` in it.

    Returns:
      Annotation by key, in the order in which faces were asked for; faces without are left out.

    Raises:
      AnnotationError: The round was not exported or a file is damaged.
    """
    folder = pathlib.Path(round_folder) / FOLDER
    annotations = {}
    index = read_index(pathlib.Path(round_folder))
    for asked in index.faces:
        path = folder / f"{asked.stem}.json"
        if path.is_file():
            annotations[asked.key] = _read_annotation(path, asked, index.scheme)
    return annotations


def _read_annotation(path: pathlib.Path, asked: AskedFace, scheme: str) -> Annotation:
    content = read_json(path)
    try:
        for field, expected in (("version", VERSION), ("key", asked.key), ("scheme", scheme)):
            if content[field] != expected:
                raise ValueError(f"{field} is not '{expected}'")
        mask = np.array(content["mask"])
        points = np.array(content["landmarks"], np.float32)  # null becomes NaN
        if mask.dtype != bool or points.shape != asked.landmarks.shape:
            raise ValueError(f"{len(mask)} landmarks, not {len(asked.landmarks)}, or no mask")
        if mask.shape != points.shape[:1] or not np.isfinite(points[mask]).all():
            raise ValueError("landmarks and mask do not agree")
        return Annotation(
            key=asked.key,
            scheme=scheme,
            landmarks=np.where(mask[:, None], points, np.float32(0)),
            mask=mask,
            unchanged=bool(content["unchanged"]),
            source=str(content["source"]),
            format=str(content["format"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AnnotationError(
            f"{path}: damaged ({type(error).__name__}: {error}); delete it and import the face "
            "again"
        ) from error


def status(round_folder: PathLike) -> Status:
    """Returns how far a round has come.

    Raises:
      AnnotationError: The round was not exported or a file is damaged.
    """
    folder = pathlib.Path(round_folder)
    keys = [face.key for face in read_index(folder).faces]
    annotated = read_annotations(folder)
    skipped = tuple(key for key in skips.read(folder) if key not in annotated)
    left = skips.left_out(folder)
    missing = tuple(key for key in keys if key not in annotated and key not in left)
    refused = {problem.key for problem in reports.read_problems(folder)}
    return Status(
        asked=len(keys),
        annotated=tuple(annotated),
        missing=missing,
        rejected=tuple(key for key in missing if key in refused),
        skipped=skipped,
        put_back=tuple(
            key
            for key in skips.read_put_back(folder)
            if key not in annotated and key not in skipped
        ),
    )
