"""What builders share: an annotated face as it lies on disk, checked on its way into a data set.

A builder lists `Face`s; nothing of a face is read then. `read_face` reads and checks one. What is
wrong with a face is a `FaceError` (or the error of its photo or points); whether that stops the
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

from scaf_jax.data import images, photo_boxes, photo_files
from scaf_jax.files import csv_tables, spellings
from scaf_jax.formats import doubts, pts

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


def read_face(face: Face, num_landmarks: int) -> dict[str, Any]:
    """Reads and checks one face.

    Args:
      face: The face.
      num_landmarks: How many landmarks it must have.

    Returns:
      The fields of `features`, but for `index`.

    Raises:
      ValueError: One of `FACE_ERRORS`, which names the face's file or line.
    """
    annotation = face.annotate()
    encoded = _read_photo(face.image)
    # Decoded once here, so that a damaged photo shows now and not hours into a training.
    pixels, _ = images.decode_image(encoded, str(face.image))
    height, width = pixels.shape[:2]
    if min(width, height) < images.MIN_SIDE:
        raise FaceError(f"{face.image}: {width} x {height} pixels show no face; remove it")
    _check_size(face, annotation.photo_size, (width, height))
    points, mask = _checked_landmarks(face, annotation, num_landmarks, (width, height))
    truth = annotation.box_ground_truth
    if truth is None:
        truth = _box_around(face, points[mask])
    truth = _checked_box(face, truth, "box", (width, height))
    detector = truth
    if annotation.box_detector is not None:
        detector = _checked_box(face, annotation.box_detector, "detector box", (width, height))
    return {
        "image": encoded,
        "landmarks": points,
        "landmark_mask": mask,
        "box_detector": detector,
        "box_ground_truth": truth,
        "key": face.key,
        "subset": face.subset,
        **face.extra,
    }


def _read_photo(path: pathlib.Path) -> bytes:
    try:
        return images.read_encoded(path)
    except images.ImageError as error:
        other = spellings.in_other_case(path)
        if other is None:
            raise
        shown = images.printable_name(other)
        raise images.ImageError(
            f"{error}; there is {shown}: write small and capital letters as the file has them"
        ) from error


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


def _check_size(face: Face, said: tuple[int, int] | None, size: tuple[int, int]) -> None:
    """Landmarks are those of the photo as people see it; EXIF may have turned it since."""
    if said is None or said == size:
        return
    turned, advice = "", "give the photo that was annotated"
    if said == size[::-1]:
        turned = " (as it is stored, before EXIF turns it)"
        advice = "mark the photo as it is seen, or remove its EXIF orientation"
    raise FaceError(
        f"{face.place}: is of a photo of {said[0]} x {said[1]} pixels{turned}, but people see "
        f"{face.image.name} with {size[0]} x {size[1]}; {advice}"
    )


def _checked_landmarks(
    face: Face, annotation: Annotation, num_landmarks: int, size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    points, place = _as_float32(annotation.landmarks), annotation.place or face.place
    if points.shape != (num_landmarks, 2):
        raise FaceError(f"{place}: {len(points)} landmarks, expected {num_landmarks}")
    mask = annotation.mask
    mask = np.ones(num_landmarks, bool) if mask is None else np.asarray(mask, bool)
    if mask.shape != (num_landmarks,):
        raise FaceError(f"{place}: {len(mask)} marks of known landmarks for {num_landmarks}")
    points = np.where(mask[:, None], points, np.float32(0))
    if not np.isfinite(points).all():
        number = int(np.argwhere(~np.isfinite(points).all(axis=1))[0, 0])
        raise FaceError(
            f"{place}: landmark {number + 1} is not finite; "
            f"write {annotation.unknown_as or 'a number'} where it is not known"
        )
    doubt = doubts.find(points, mask, annotation.first_pixel)
    if doubt is not None:
        raise FaceError(_doubtful(place, doubt, annotation.unknown_as))
    if (points < -np.array(size)).any() or (points > 2 * np.array(size)).any():
        raise FaceError(
            f"{place}: a point lies far outside the photo {face.image.name} of {size[0]} x "
            f"{size[1]} pixels; do the two belong together?"
            + (
                f" Where it is not known, write {annotation.unknown_as}"
                * bool(annotation.unknown_as)
            )
        )
    return points, mask


def _doubtful(place: str, doubt: doubts.Doubt, unknown_as: str) -> str:
    if len(doubt.landmarks) > 1 and doubt.message.startswith("all"):
        return f"{place}: {doubt.message}; {doubt.advice}"
    advice = f"write {unknown_as} where it is not known" if unknown_as else "correct it"
    more = len(doubt.landmarks) - 1
    also = f" (and {more} more)" if more else ""
    return f"{place}: landmark {doubt.landmarks[0] + 1}{also} {doubt.message}; {advice}"


def _box_around(face: Face, points: npt.NDArray[np.float32]) -> Box:
    if len(points) < 2 or not (points.min(axis=0) < points.max(axis=0)).all():
        raise FaceError(f"{face.place}: the points do not span a face, and there is no box")
    # Boxes count from a pixel's edge, points from its center.
    return extent(points) + np.float32(0.5)


def _checked_box(face: Face, box: Box, what: str, size: tuple[int, int]) -> Box:
    box = _as_float32(box)
    problem = photo_boxes.misfit(box, size, images.printable_name(face.image.name))
    if problem:
        shown = [round(float(value), 1) for value in box.ravel()]
        raise FaceError(f"{face.place}: the {what} {shown} {problem}")
    return box


def _as_float32(values: npt.ArrayLike) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):  # what becomes infinite is refused afterwards
        return np.asarray(values).astype(np.float32)
