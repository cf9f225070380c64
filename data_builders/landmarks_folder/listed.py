"""What the three kinds of annotation files have in common: listed faces, and where tables are."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

from data_builders import faces, split_names
from scaf_jax.data import images
from scaf_jax.files import folder_files
from scaf_jax.formats import marks

_MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Listed:
    """A face as a file lists it.

    Attributes:
      name: Its photo's path below the folder of the data set, with `/` between folders.
      image: The photo; None where the name is none, which `annotate` then tells.
      place: Where it is annotated, `FILE` or `FILE:LINE`.
      annotate: As for `faces.Face`.
      split: The split that the file names; None where it names none.
      blank: Whether it is known that not one of its landmarks is.
      boxed: Whether the file has a box of it.
      points: The file's text of its landmarks, to find faces that are listed twice; empty where
        nobody can tell.
    """

    name: str
    image: pathlib.Path | None
    place: str
    annotate: Callable[[], faces.Annotation]
    split: str | None = None
    blank: bool = False
    boxed: bool = False
    points: str = ""


def unusable(root: pathlib.Path, place: str, message: str, split: str | None = None) -> Listed:
    """Returns a face that cannot be used, with what reading it raises."""
    face = faces.unusable_face(root, "", "", place, message)
    return Listed(place.rpartition("/")[2], None, place, face.annotate, split)


def split_of_cell(text: str, place: str) -> str:
    """Returns the split that a table's cell says.

    Raises:
      FaceError: It says none; the message has what may be written.
    """
    try:
        split = split_names.split_of(text)
    except split_names.UnclearSplitError:
        split = None
    if split is None:
        raise faces.FaceError(f"{place} is '{text[:40]}'; {split_names.ADVICE}")
    return split


def check_size(given: tuple[Any, Any], image: pathlib.Path, place: str) -> None:
    """Compares what a file says of a photo's width and height with the photo as people see it.

    Landmarks of a photo that is turned or scaled since would be silently wrong.

    Args:
      given: Width and height, unchecked: numbers or their texts. None, 0 and nothing say nothing.
      image: The photo.
      place: Where that is said, for messages.

    Raises:
      FaceError: They differ.
      ImageError: The photo cannot be read.
    """
    wanted = [marks.side(value) for value in given]
    if wanted == [None, None]:
        return
    encoded = images.read_encoded(image)
    shown = images.image_size(encoded, str(image))
    if all(side in (None, own) for side, own in zip(wanted, shown, strict=True)):
        return
    said = " x ".join(f"{value!r:.10}" for value in given)
    message = f"{place}: was made for {said} pixels, but {image} has {shown[0]} x {shown[1]}"
    stored = images.stored_size(encoded, str(image))
    if stored != shown and all(s in (None, own) for s, own in zip(wanted, stored, strict=True)):
        raise faces.FaceError(
            f"{message} as people see it: the landmarks are of the photo before its EXIF data turn "
            "it; remove its EXIF Orientation, or give the landmarks as people see the photo"
        )
    raise faces.FaceError(f"{message}; give the photo that was annotated")


def folders_of(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders in a folder; none if it is not there."""
    return folder_files.folders_in(root) if root.is_dir() else []


def is_split(name: str) -> bool:
    """Returns whether the name of a folder says a split, or looks as if it did."""
    try:
        return split_names.split_of(name) is not None
    except split_names.UnclearSplitError:
        return True  # told when its photos are sorted


def split_folders(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders in a folder that are splits."""
    return [path for path in folders_of(root) if is_split(path.name)]


def places_of(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders that may hold tables: the data set's, and those of its splits."""
    return [root, *split_folders(root)]


def some(names: Sequence[str]) -> str:
    """Returns the first few names, printable."""
    shown = [images.printable_name(name) for name in names[:_MAX_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MAX_NAMED else "")
