"""What builders share: an annotated face as it lies on disk, and what data sets hold of it.

A builder lists `Face`s; nothing of a face is read then. `face_reading` reads and checks one. What
is wrong with a face is a `FaceError` (or the error of its photo or points); whether that stops the
preparation or leaves the face out is the user's choice.
"""

import collections
import dataclasses
import functools
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow_datasets as tfds

from scaf_jax.data import images, photo_files
from scaf_jax.files import csv_tables, spellings
from scaf_jax.formats import pts

Box = npt.NDArray[np.float32]

_DRIVE_MARK = ":"


class FaceError(ValueError):
    """A face cannot be used; the message names the file or line and says what to do."""


# What can be wrong with one face, as opposed to a whole download.
FACE_ERRORS = (FaceError, images.ImageError, pts.PtsError, csv_tables.TableError)


@dataclasses.dataclass(frozen=True)
class Annotation:
    """What is known of a face.

    Attributes:
      landmarks: (L, 2) float32, pixels of the photo; 0 is the center of the first pixel.
      mask: (L,) bool, False where a landmark is not known (it may then hold anything); None if
        all are.
      box_ground_truth: (4,) float32 x0, y0, x1, y1, pixel edges; None: drawn around the landmarks.
      box_detector: Same, from a face detector; None: the ground truth takes its place.
      photo_size: (width, height) that the file says the photo has; None where it says nothing.
      unknown_as: How the file says that a landmark is not known, for messages; empty where it
        cannot.
      first_pixel: What the file calls the center of the first pixel, for messages.
      place: Where the landmarks are, for messages; empty where the face itself is annotated.
    """

    landmarks: npt.NDArray[np.float32]
    mask: npt.NDArray[np.bool_] | None = None
    box_ground_truth: Box | None = None
    box_detector: Box | None = None
    photo_size: tuple[int, int] | None = None
    unknown_as: str = ""
    first_pixel: float = 0
    place: str = ""


@dataclasses.dataclass(frozen=True)
class Face:
    """One face of a download.

    Attributes:
      image: Its photo, which other faces may share.
      key: Names the face in its split; printable.
      subset: The part of the data set it belongs to.
      place: Where it is annotated (`FILE` or `FILE:LINE`), for messages.
      annotate: Reads and returns what is known of it; raises one of `FACE_ERRORS`. Can be pickled.
      extra: Values of the data set's further features.
    """

    image: pathlib.Path
    key: str
    subset: str
    place: str
    annotate: Callable[[], Annotation]
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a download, such as a folder.

    Attributes:
      name: What people call it.
      found: Faces found.
      expected: Faces in the published set; None where nobody knows.
    """

    name: str
    found: int
    expected: int | None = None


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found in a folder of downloads.

    Attributes:
      layout: Which of the layouts that people have it is, in words.
      splits: The faces of each split, in the published order.
      parts: Its parts, to compare with what was published.
      problems: What is incomplete or odd, a sentence each.
      passed_over: How many files and folders were not looked at, by kind.
    """

    layout: str
    splits: Mapping[str, Sequence[Face]]
    parts: Sequence[Part] = ()
    problems: Sequence[str] = ()
    passed_over: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Notes:
    """What is collected while folders are searched; for the fields of `Found` of these names."""

    problems: list[str] = dataclasses.field(default_factory=list)
    passed_over: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    def add(self, files: photo_files.PhotoFiles, folder: str = "") -> None:
        """Adds what was passed over in a folder.

        Args:
          files: What was found there.
          folder: Its name, for messages.
        """
        self.passed_over.update(files.passed_over)
        self.problems += [f"{folder}: {text}" if folder else text for text in files.problems]


def features(
    num_landmarks: int, extra: Mapping[str, Any] | None = None
) -> tfds.features.FeaturesDict:
    """Returns the features of a data set of faces.

    Args:
      num_landmarks: Landmarks of a face, L; 0 for a set without.
      extra: Further features by name.
    """
    own = {
        # Encoded, so that neither preparing nor reading needs TensorFlow.
        "image": tfds.features.Tensor(shape=(), dtype=np.object_, doc="The photo file's bytes."),
        "landmarks": tfds.features.Tensor(
            shape=(num_landmarks, 2),
            dtype=np.float32,
            doc="x, y in pixels; 0 is the center of the first pixel, and where it is not known.",
        ),
        "landmark_mask": tfds.features.Tensor(
            shape=(num_landmarks,), dtype=np.bool_, doc="False where a landmark is not known."
        ),
        "box_detector": tfds.features.Tensor(
            shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1 of a face detector."
        ),
        "box_ground_truth": tfds.features.Tensor(
            shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1, annotated or around the landmarks."
        ),
        "key": tfds.features.Text(doc="Names the face."),
        "subset": tfds.features.Text(doc="The part of the data set."),
        "index": tfds.features.Scalar(dtype=np.int32, doc="Place in the split's published list."),
    }
    return tfds.features.FeaturesDict(own | dict(extra or {}))


def file_below(root: pathlib.Path, name: str, place: str) -> pathlib.Path:
    """Returns the file that an annotation names, without letting the name lead out of the folder.

    Accents may be spelled otherwise there, see `files.spellings`. `./` may come first, and Windows'
    backslashes may stand between folders (or, after unpacking there, in the file's own name).

    Args:
      root: The folder that names are relative to.
      name: The name.
      place: Where the name is, for messages.

    Raises:
      FaceError: The name is absolute, has `..` or cannot be a file name.
    """
    odd = "\0" in name or name[1:2] == _DRIVE_MARK or len(name) > 1000
    given, name = name, name.removeprefix("./")
    if not odd and "\\" in name and not os.path.lexists(root / name):
        name = name.replace("\\", "/").removeprefix("./")
    parts = name.split("/")
    if odd or not name.strip() or any(part in ("", ".", "..") for part in parts):
        raise FaceError(
            f"{place}: '{images.printable_name(given)[:80]}' is no file below {root}; names must "
            "be relative, with / between folders and without .."
        )
    return spellings.find(root, parts)


def unusable_face(root: pathlib.Path, key: str, subset: str, place: str, message: str) -> Face:
    """Returns a face that is listed but cannot be read, so that it counts and is reported.

    Args:
      root: The folder of downloads.
      key: As for `Face`.
      subset: As for `Face`.
      place: As for `Face`.
      message: What reading the face raises.
    """
    return Face(root, key, subset, place, functools.partial(_refuse, message))


def extent(points: npt.NDArray[np.float32]) -> Box:
    """Returns the (4,) box x0, y0, x1, y1 around (L, 2) points."""
    return np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float32)


def _refuse(message: str) -> Annotation:
    raise FaceError(message)
