"""Finds the faces of AffectNet in the folders that its downloads unzip to."""

import dataclasses
import pathlib

from data_builders import face_builder, faces
from data_builders.affectnet import rows
from scaf_jax.files import folder_files


@dataclasses.dataclass(frozen=True)
class _Part:
    """A table and where it and its photos are.

    Attributes:
      split: The split that it becomes.
      table: Its file name.
      folders: How the names of the folders of its photos and of itself begin, in lower case.
      expected: Its faces in the published set; None where nobody says.
    """

    split: str
    table: str
    folders: str
    expected: int | None


# Faces are rows but those of the expression 'no face': 414799 - 82415 and 5500 - 500.
PARTS = (
    _Part("train", "training.csv", "manually_annotated", 332_384),
    _Part("validation", "validation.csv", "manually_annotated", 5_000),
    _Part("automatic", "automatically_annotated.csv", "automatically_annotated", None),
)
SCHEME = "ibug68"
NUM_LANDMARKS = rows.NUM_LANDMARKS
_LISTS = "file_list"
# Archives unpack to folders of folders of the same name.
_MAX_DEPTH = 3


def recognize(root: pathlib.Path) -> bool:
    """Returns whether a folder looks like AffectNet's downloads: it holds one of the tables."""
    paths = (_table_path(root, part) for part in PARTS)
    return any(path is not None and rows.has_header(path) for path in paths)


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split.

    Args:
      root: The folder that holds the photos' folders and the tables' folders.

    Raises:
      DownloadError: There is no table with its photos, or a table cannot be read.
    """
    splits, parts, problems = {}, [], []
    for part in PARTS:
        path, photos = _table_path(root, part), _photo_folder(root, part.folders)
        count = 0
        if path is None:
            problems.append(f"{part.split}: the table {part.table} is missing")
        elif photos is None:
            problems.append(f"{part.split}: the folder {_named(part)} is missing")
        else:
            table = rows.read_table(path, photos)
            splits[part.split] = table.faces()
            count = len(table.places)
        parts.append(faces.Part(part.split, count, part.expected))
    if not any(splits.values()):
        raise face_builder.DownloadError(
            f"no faces in {root}: it must hold Manually_Annotated_Images with training.csv and "
            "validation.csv, or Automatically_Annotated_Images with automatically_annotated.csv"
        )
    problems += [
        f"{part.name}: {part.found} faces, the published set has {part.expected}"
        for part in parts
        if part.expected is not None and part.found != part.expected
    ]
    return faces.Found("AffectNet as its downloads unzip", splits, parts, problems)


def _named(part: _Part) -> str:
    return f"{part.folders.title()}_Images"


def _table_path(root: pathlib.Path, part: _Part) -> pathlib.Path | None:
    """The table, in the folder itself or in one of the lists' folders."""
    folders = [root]
    for _ in range(_MAX_DEPTH):
        for folder in folders:
            if (folder / part.table).is_file():
                return folder / part.table
        folders = [f for folder in folders for f in _below(folder, part.folders, lists=True)]
    return None


def _photo_folder(root: pathlib.Path, start: str) -> pathlib.Path | None:
    """The innermost of the photos' folders, each of which holds the next and nothing else."""
    found = None
    folder = root
    for _ in range(_MAX_DEPTH):
        inner = _below(folder, start, lists=False)
        if not inner:
            break
        found = folder = inner[0]
    return found


def _below(folder: pathlib.Path, start: str, *, lists: bool) -> list[pathlib.Path]:
    """The folders in a folder that hold lists, or photos; those called 'images' first."""
    found = [
        path
        for path in folder_files.folders_in(folder)
        if path.name.lower().replace(" ", "_").startswith(start)
        and (_LISTS in path.name.lower() or not lists)
        and (_LISTS not in path.name.lower() or lists)
    ]
    return sorted(found, key=lambda path: ("images" not in path.name.lower(), path.name))
