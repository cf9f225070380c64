"""Reads and checks one annotated face on its way into a data set."""

import pathlib
from typing import Any

import numpy as np
import numpy.typing as npt

from data_builders.faces import Annotation, Box, Face, FaceError, extent
from scaf_jax.data import images, photo_boxes
from scaf_jax.files import spellings
from scaf_jax.formats import doubts


def read_face(face: Face, num_landmarks: int) -> dict[str, Any]:
    """Reads and checks one face.

    Args:
      face: The face.
      num_landmarks: How many landmarks it must have.

    Returns:
      The fields of `faces.features`, but for `index`.

    Raises:
      ValueError: One of `faces.FACE_ERRORS`, which names the face's file or line.
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
