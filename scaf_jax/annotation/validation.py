"""Decides whether a marked face can be believed; every objection names what and what to do."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scaf_jax.annotation import orientation
from scaf_jax.formats import doubts
from scaf_jax.formats.asked import AskedFace
from scaf_jax.formats.conventions import Unit, to_centers
from scaf_jax.formats.marks import MarkedFace, MarkedPoint, Objection, Problem, shown, side
from scaf_jax.landmarks.schemes import LandmarkScheme

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

UNCHANGED = 0.02  # pixels; CVAT rounds to hundredths
_EDGE_TOLERANCE = 0.01  # pixels
_MAX_COORDINATE = 1e9
_UNITS = {
    Unit.EDGES: "pixels",
    Unit.ONE_BASED: "pixels, counted from 1",
    Unit.PERCENT: "percent of them, as Label Studio does",
}
# What the center of the first pixel is called, so that messages have the file's numbers.
_FIRST_PIXELS = {Unit.EDGES: 0.5, Unit.ONE_BASED: 1}
_MAX_ABSENT = 0.5  # of the landmarks
_BOX_MARGIN = 0.5  # of the box's sides


@dataclasses.dataclass(frozen=True)
class CheckedFace:
    """A face's landmarks after all checks.

    Attributes:
      landmarks: (L, 2) float64, pixels of the photo, the center of the first is 0; 0 where absent.
      mask: (L,) bool, False where the person said that the photo does not show it.
      unchanged: Whether these are the pre-labels.
    """

    landmarks: Floats
    mask: Bools
    unchanged: bool


def check(
    face: MarkedFace, asked: AskedFace, scheme: LandmarkScheme
) -> tuple[CheckedFace | None, list[Problem]]:
    """Returns the face if nothing speaks against it, and what does.

    Args:
      face: As a file has it.
      asked: The face that its photo was exported for.
      scheme: What the landmarks mean.
    """
    objections = [*face.problems, *_wrong_photo(face, asked)]
    if not face.problems:  # else points are missing because they could not be read
        objections += _wrong_points(face, scheme)
    checked = None
    if not objections:
        checked = _convert(face, asked, scheme)
        objections += _doubts(checked, face, scheme)
        objections = objections or list(_wrong_places(checked, face, asked, scheme))
    if objections:
        return None, [Problem(face.location, asked.key, *o) for o in objections]
    return checked, []


def _wrong_photo(face: MarkedFace, asked: AskedFace) -> Iterator[Objection]:
    for width, height in face.photo_sizes:
        told = side(width), side(height)
        own = asked.width, asked.height
        if not all(one in (None, other) for one, other in zip(told, own, strict=True)):
            yield (
                "photo size",
                f"{shown(width)} x {shown(height)} pixels, but {asked.file} has "
                f"{asked.width} x {asked.height}",
                "Annotate the exported photo itself",
            )
            return


def _wrong_points(face: MarkedFace, scheme: LandmarkScheme) -> Iterator[Objection]:
    names = set(scheme.landmark_names)
    places: dict[str, str] = {}
    for point in face.points:
        if not isinstance(point.name, str) or point.name not in names:
            yield _unknown_name(point.field, point.name, scheme)
        elif point.name in places:
            yield (
                point.field,
                f"landmark {point.name} is marked twice, first in {places[point.name]}",
                "Delete one of the two",
            )
        else:
            places[point.name] = point.field
        yield from _wrong_numbers(point)
    for name, field in list(face.unplaced.items())[:5]:
        yield (
            field,
            f"landmark {name} lies at 0, 0, which means that nobody marked it",
            "Place it, or say that the photo does not show it",
        )
    for name in sorted(face.absent - names)[:5]:
        yield _unknown_name("absent", name, scheme)
    told = {*places, *face.absent, *face.unplaced}
    missing = [name for name in scheme.landmark_names if name not in told]
    if missing:
        yield (
            "points",
            f"{len(missing)} of {len(names)} landmarks are missing: {_listed(missing)}",
            "Mark them, or say that the photo does not show them",
        )
    if len(face.absent & names) > _MAX_ABSENT * len(names):
        yield (
            "points",
            f"{len(face.absent & names)} of {len(names)} landmarks are said not to be in the photo",
            "Mark at least half of them, or leave the face out",
        )


def _unknown_name(field: str, name: Any, scheme: LandmarkScheme) -> Objection:
    expected = scheme.landmark_names
    return (
        field,
        f"{shown(name)} is no landmark of '{scheme.name}' ('{expected[0]}' to '{expected[-1]}')",
        "Annotate with the exported configuration, which has the right names",
    )


def _wrong_numbers(point: MarkedPoint) -> Iterator[Objection]:
    for axis, value in (("x", point.x), ("y", point.y)):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not abs(value) <= _MAX_COORDINATE:  # also catches NaN
            yield (
                f"{point.field}.{axis}",
                f"{shown(value)} is not a finite number",
                "Place the point again",
            )


def _convert(face: MarkedFace, asked: AskedFace, scheme: LandmarkScheme) -> CheckedFace:
    landmarks = np.zeros((scheme.num_landmarks, 2))
    mask = np.zeros(scheme.num_landmarks, bool)
    numbers = {name: i for i, name in enumerate(scheme.landmark_names)}
    for point in face.points:
        if point.name not in face.absent:
            landmarks[numbers[point.name]] = point.x, point.y
            mask[numbers[point.name]] = True
    centers = to_centers(landmarks, face.unit, asked.width, asked.height)
    unchanged = bool(mask.all()) and bool(np.abs(centers - asked.landmarks).max() <= UNCHANGED)
    return CheckedFace(np.where(mask[:, None], centers, 0), mask, unchanged)


def _doubts(checked: CheckedFace, face: MarkedFace, scheme: LandmarkScheme) -> Iterator[Objection]:
    if _are_fractions(face):
        yield (
            "points",
            "all coordinates lie between 0 and 1, so they are fractions of width and height",
            f"Give {_UNITS[face.unit]}",
        )
        return
    doubt = doubts.find(checked.landmarks, checked.mask, _FIRST_PIXELS.get(face.unit, 0))
    if doubt is None:
        return
    names = [scheme.landmark_names[i] for i in doubt.landmarks]
    fields = {point.name: point.field for point in face.points}
    if len(names) == checked.mask.sum():
        yield "points", doubt.message, doubt.advice.capitalize()
        return
    yield (
        fields[names[0]],
        f"landmark {_listed(names)} {doubt.message}",
        "Place it, or say that the photo does not show it",
    )


def _are_fractions(face: MarkedFace) -> bool:
    numbers = [value for point in face.points for value in (point.x, point.y)]
    return bool(numbers) and max(numbers) <= 1 and min(numbers) >= 0 and len(set(numbers)) > 1


def _wrong_places(
    checked: CheckedFace, face: MarkedFace, asked: AskedFace, scheme: LandmarkScheme
) -> Iterator[Objection]:
    points, mask = checked.landmarks, checked.mask
    low, high = -0.5, np.array([asked.width, asked.height]) - 0.5
    inside = (points >= low - _EDGE_TOLERANCE) & (points <= high + _EDGE_TOLERANCE)
    outside = np.flatnonzero(mask & ~inside.all(axis=1))
    fields = {point.name: point.field for point in face.points}
    for i in outside:
        name = scheme.landmark_names[i]
        yield (
            fields[name],
            f"landmark {name} at ({points[i, 0]:.1f}, {points[i, 1]:.1f}) is outside the photo of "
            f"{asked.width} x {asked.height} pixels",
            "Move it inside, or say that the photo does not show it",
        )
    if outside.size:
        return
    if not _is_in_box(points[mask].mean(axis=0), asked):
        yield (
            "points",
            "this is another face than the one asked for: its center is far from the box",
            "Annotate the face in the box",
        )
    elif orientation.is_turned(points, mask, asked.landmarks):
        yield (
            "points",
            "they are of the photo turned, or upside down",
            "Mark the exported photo as people see it, without turning it",
        )
    elif orientation.is_flipped(points, mask, asked.landmarks, scheme):
        yield (
            "points",
            "left and right are swapped",
            "The lower numbers of a pair are on the photo's left; use the pre-labels as a guide",
        )


def _is_in_box(center: Floats, asked: AskedFace) -> bool:
    box = np.array(asked.box).reshape(2, 2) - 0.5  # to center coordinates
    margin = _BOX_MARGIN * (box[1] - box[0])
    return bool(((center >= box[0] - margin) & (center <= box[1] + margin)).all())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
