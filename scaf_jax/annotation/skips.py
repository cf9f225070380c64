"""Faces of a round that no annotation is waited for: kept beside the round's annotations.

Skipped ones, such as none at all, are never asked for again; those that a person had no time for
are put back, and may be asked for again.
"""

import os
import pathlib
from collections.abc import Sequence

from scaf_jax.annotation.faces import AnnotationError, read_index, read_json
from scaf_jax.files import atomic
from scaf_jax.formats.marks import as_dict

FILE = "skipped.json"
PUT_BACK_FILE = "put_back.json"
VERSION = 1

PathLike = str | os.PathLike[str]


def read(round_folder: PathLike) -> tuple[str, ...]:
    """Returns the keys of a round's skipped faces, in the order in which they were skipped.

    Raises:
      AnnotationError: The file is damaged.
    """
    return _read(pathlib.Path(round_folder) / FILE, "skip the faces again")


def read_put_back(round_folder: PathLike) -> tuple[str, ...]:
    """Returns the keys of the faces that were put back when the round was closed.

    Raises:
      AnnotationError: The file is damaged.
    """
    return _read(pathlib.Path(round_folder) / PUT_BACK_FILE, "close the round again")


def left_out(round_folder: PathLike) -> set[str]:
    """Returns the keys of both.

    Raises:
      AnnotationError: A file is damaged.
    """
    return {*read(round_folder), *read_put_back(round_folder)}


def _read(path: pathlib.Path, what_to_do: str) -> tuple[str, ...]:
    if not path.is_file():
        return ()
    content = as_dict(read_json(path))
    keys = content.get("keys")
    if content.get("version") != VERSION or not isinstance(keys, list):
        keys = [None]
    found = tuple(key for key in keys if isinstance(key, str))
    if len(found) < len(keys):
        raise AnnotationError(f"{path}: damaged; delete it and {what_to_do}")
    return found


def add(round_folder: PathLike, keys: Sequence[str]) -> tuple[str, ...]:
    """Skips faces of a round; they are never asked for again.

    Args:
      round_folder: Folder of the round, with `to_annotate/` in it.
      keys: The faces: their keys, or their numbers in the order of annotating, from 1.

    Returns:
      The keys of all skipped faces of the round.

    Raises:
      AnnotationError: The round was not exported or has no such face; nothing is skipped then.
    """
    faces = read_index(pathlib.Path(round_folder)).faces
    known = {face.key: face.key for face in faces} | {str(face.rank): face.key for face in faces}
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise AnnotationError(
            f"the round has no face '{unknown[0]}': give keys, or numbers from 1 to {len(faces)}"
        )
    skipped = tuple(dict.fromkeys([*read(round_folder), *(known[key] for key in keys)]))
    _write(pathlib.Path(round_folder) / FILE, skipped)
    return skipped


def put_back(round_folder: PathLike, keys: Sequence[str]) -> None:
    """Closes a round early: these of its faces are no longer waited for.

    Args:
      round_folder: Folder of the round, with `to_annotate/` in it.
      keys: The faces' keys.
    """
    _write(pathlib.Path(round_folder) / PUT_BACK_FILE, keys)


def _write(path: pathlib.Path, keys: Sequence[str]) -> None:
    atomic.write_json(path, {"version": VERSION, "keys": list(keys)})
