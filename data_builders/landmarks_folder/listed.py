"""What the three kinds of annotation files have in common: listed faces, and where tables are."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence

from data_builders import faces, split_names
from scaf_jax.data import images
from scaf_jax.files import folder_files

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
    """

    name: str
    image: pathlib.Path | None
    place: str
    annotate: Callable[[], faces.Annotation]
    split: str | None = None
    blank: bool = False
    boxed: bool = False


def unusable(root: pathlib.Path, place: str, message: str, split: str | None = None) -> Listed:
    """Returns a face that cannot be used, with what reading it raises."""
    face = faces.unusable_face(root, "", "", place, message)
    return Listed(place.rpartition("/")[2], None, place, face.annotate, split)


def is_split(name: str) -> bool:
    """Returns whether the name of a folder says a split, or looks as if it did."""
    try:
        return split_names.split_of(name) is not None
    except split_names.UnclearSplitError:
        return True  # told when its photos are sorted


def split_folders(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders in a folder that are splits."""
    if not root.is_dir():
        return []
    return [path for path in folder_files.folders_in(root) if is_split(path.name)]


def places_of(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the folders that may hold tables: the data set's, and those of its splits."""
    return [root, *split_folders(root)]


def some(names: Sequence[str]) -> str:
    """Returns the first few names, printable."""
    shown = [images.printable_name(name) for name in names[:_MAX_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MAX_NAMED else "")
