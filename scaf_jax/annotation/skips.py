"""Faces that a person will not annotate, such as none at all: kept beside a round's annotations."""

import os
import pathlib
from collections.abc import Sequence

from scaf_jax.annotation.faces import AnnotationError, read_index, read_json
from scaf_jax.files import atomic
from scaf_jax.formats.marks import as_dict

FILE = "skipped.json"
VERSION = 1

PathLike = str | os.PathLike[str]


def read(round_folder: PathLike) -> tuple[str, ...]:
    """Returns the keys of a round's skipped faces, in the order in which they were skipped.

    Raises:
      AnnotationError: The file is damaged.
    """
    path = pathlib.Path(round_folder) / FILE
    if not path.is_file():
        return ()
    content = as_dict(read_json(path))
    keys = content.get("keys")
    if content.get("version") != VERSION or not isinstance(keys, list):
        keys = [None]
    found = tuple(key for key in keys if isinstance(key, str))
    if len(found) < len(keys):
        raise AnnotationError(f"{path}: damaged; delete it and skip the faces again")
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
    content = {"version": VERSION, "keys": skipped}
    atomic.write_json(pathlib.Path(round_folder) / FILE, content)
    return skipped
