"""Reads one line of WFLW's lists: 98 points, a box, six attributes and the photo's name."""

import dataclasses

import numpy as np

from data_builders import faces

NUM_LANDMARKS = 98
# In the order of the columns.
ATTRIBUTES = ("pose", "expression", "illumination", "makeup", "occlusion", "blur")
_NUM_COORDINATES = 2 * NUM_LANDMARKS
_BOX = slice(_NUM_COORDINATES, _NUM_COORDINATES + 4)
_FLAGS = slice(_BOX.stop, _BOX.stop + len(ATTRIBUTES))
_NUM_NUMBERS = _FLAGS.stop


@dataclasses.dataclass(frozen=True)
class Line:
    """What can be said of a face before its numbers are read.

    Attributes:
      name: The photo, below WFLW_images.
      flags: Whether each of `ATTRIBUTES` holds.
    """

    name: str
    flags: tuple[bool, ...]


def read_head(text: str, place: str) -> Line:
    """Reads the photo's name and the attributes.

    Args:
      text: The line. The name may hold blanks.
      place: Where it is, for messages.

    Raises:
      FaceError: There are too few columns, or an attribute is neither 0 nor 1.
    """
    columns = text.split(maxsplit=_NUM_NUMBERS)
    if len(columns) <= _NUM_NUMBERS:
        raise faces.FaceError(
            f"{place}: {len(columns)} columns, expected {_NUM_NUMBERS + 1}: {_NUM_COORDINATES} "
            f"coordinates, 4 of the box, {len(ATTRIBUTES)} attributes and the photo's name"
        )
    for name, flag in zip(ATTRIBUTES, columns[_FLAGS], strict=True):
        if flag not in ("0", "1"):
            raise faces.FaceError(
                f"{place}: the attribute {name} must be 0 or 1, not {ascii(flag)[:40]}"
            )
    return Line(columns[_NUM_NUMBERS], tuple(flag == "1" for flag in columns[_FLAGS]))


def read_annotation(text: str, place: str) -> faces.Annotation:
    """Reads the points and the box of a line of which `read_head` has found the name.

    Raises:
      FaceError: A column is no number.
    """
    numbers = []
    for number, column in enumerate(text.split(maxsplit=_NUM_NUMBERS)[: _BOX.stop], 1):
        try:
            numbers.append(float(column))
        except ValueError:
            raise faces.FaceError(
                f"{place}: column {number} is no number: {ascii(column)[:40]}"
            ) from None
    with np.errstate(over="ignore"):  # what becomes infinite is refused with the face
        values = np.array(numbers).astype(np.float32)
    return faces.Annotation(
        landmarks=values[:_NUM_COORDINATES].reshape(NUM_LANDMARKS, 2),
        box_ground_truth=values[_BOX],
    )
