"""What a person gave back, before anybody believed it: faces and points as a file has them."""

import dataclasses
from typing import Any, NamedTuple

from scaf_jax.formats.conventions import Unit


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that cannot be used.

    Attributes:
      location: The file and the task, annotation or line in it.
      key: The face it is about, None if that is not known.
      field: What of it.
      message: What is wrong.
      advice: What to do.
    """

    location: str
    key: str | None
    field: str
    message: str
    advice: str

    def __str__(self) -> str:
        face = "" if self.key is None else f" (face '{self.key}')"
        return f"{self.location}, {self.field}{face}: {self.message}. {self.advice}."


Objection = tuple[str, str, str]  # field, message, advice


class MarkedPoint(NamedTuple):
    """A point: where in the file it is, its landmark's name and coordinates, all unchecked."""

    field: str
    name: Any
    x: Any
    y: Any


@dataclasses.dataclass
class MarkedFace:
    """A face in an annotation file.

    Attributes:
      location: See `Problem`.
      photo: How the file names the photo, unchecked; never opened.
      unit: How its coordinates count.
      points: The points.
      absent: Names of landmarks that are said not to be in the photo.
      unplaced: Landmarks that the file calls marked, at the place that its format has for those
        that nobody marked; with the field that says so.
      photo_sizes: (width, height) of the photo wherever the file says it, unchecked.
      problems: (field, message, advice) of what the reader found wrong.
    """

    location: str
    photo: Any
    unit: Unit
    points: list[MarkedPoint] = dataclasses.field(default_factory=list)
    absent: set[str] = dataclasses.field(default_factory=set)
    unplaced: dict[str, str] = dataclasses.field(default_factory=dict)
    photo_sizes: list[tuple[Any, Any]] = dataclasses.field(default_factory=list)
    problems: list[Objection] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Source:
    """A whole annotation file or folder.

    Attributes:
      name: Its name, for messages.
      format: `label_studio`, `label_studio_min`, `coco` or `pts`.
      faces: What is marked in it.
      problems: What could not be read as a face.
    """

    name: str
    format: str
    faces: tuple[MarkedFace, ...]
    problems: tuple[Problem, ...] = ()


def shown(value: Any) -> str:
    """Returns a value from a file in quotes, cut to a length that fits a message."""
    text = value if isinstance(value, str) else repr(value)
    return f"'{text if len(text) <= 80 else text[:77] + '...'}'"


def identity(item: dict[str, Any], number: int) -> str:
    """Returns what an entry of a file calls itself, or its place if it has no usable id."""
    own = item.get("id")
    return str(own)[:40] if isinstance(own, int | str) else f"number {number}"


def side(value: Any) -> Any:
    """Returns a photo's width or height, however a file writes it, as a number.

    None where the file says nothing (null, 0 or an empty text); what is no number stays as it is.
    """
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return value
    return None if number == 0 else number


def as_list(value: Any) -> list[Any]:
    """Returns the value if it is a list, an empty one otherwise."""
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict[str, Any]:
    """Returns the value if it is a dict, an empty one otherwise."""
    return value if isinstance(value, dict) else {}
