"""Face boxes of a folder's photos, from `boxes.csv` or `boxes.json`.

    name,x0,y0,x1,y1                 {"a/b.jpg": [10, 20, 110, 140],
    a/b.jpg,10,20,110,140             "c.jpg": [[1, 2, 30, 40], [50, 2, 80, 40]]}

or, in JSON, a list of objects with the fields of the table. Names are the photos' paths below the
folder, with `/`. A photo with several boxes shows several faces; one whose row has four empty
cells, or whose list is empty, shows none. Boxes are pixels, counted from the photo's upper left
corner. Names are only compared with those of photos that are there.
"""

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_builders import face_builder, faces
from scaf_jax.files import csv_tables, folder_files, strict_json

TABLE, JSON = "boxes.csv", "boxes.json"
OF_LANDMARKS = "scheme.json"  # of a folder whose landmarks are not read here
# Tables that may hold boxes, and what programs write of all photos or of each (VOC, labelme).
_TABLES = (".csv", ".tsv", ".xlsx")
_ONE_EACH = (".xml", ".json")
_SIDES = ("x0", "y0", "x1", "y1")


@dataclasses.dataclass(frozen=True)
class BoxEntry:
    """A box as it is written: four values that may be anything, and where they are."""

    values: tuple[Any, ...]
    place: str

    def box(self) -> faces.Box:
        """Returns (4,) float32 x0, y0, x1, y1.

        Raises:
          FaceError: These are not four numbers.
        """
        try:
            if len(self.values) != len(_SIDES) or any(isinstance(v, bool) for v in self.values):
                raise ValueError
            return np.array([float(value) for value in self.values], np.float64).astype(np.float32)
        except (TypeError, ValueError, OverflowError):
            raise faces.FaceError(
                f"{self.place}: {str(self.values)[:80]} is no box; write the four numbers "
                f"{', '.join(_SIDES)}"
            ) from None


def find_file(root: pathlib.Path) -> pathlib.Path | None:
    """Returns a folder's file of boxes, None where it has none.

    Raises:
      DownloadError: It has two.
    """
    found = [path for path in folder_files.files_in(root) if path.name.lower() in (TABLE, JSON)]
    if len(found) > 1:
        raise face_builder.DownloadError(f"{root}: holds {TABLE} and {JSON}; move one away")
    return found[0] if found else None


def unread_tables(root: pathlib.Path, photos: Sequence[str]) -> list[str]:
    """Returns the names of a folder's tables that nobody reads, and of files of each photo.

    Args:
      root: The folder.
      photos: Paths of its photos below it, with `/` between folders.
    """
    stems = set(map(_stem, photos))
    return sorted(
        name
        for name in folder_files.files_below(root)
        if name.lower() not in (TABLE, JSON, OF_LANDMARKS)
        if folder_files.ending(name) in _TABLES
        or (folder_files.ending(name) in _ONE_EACH and ("/" not in name or _stem(name) in stems))
        or (folder_files.ending(name) == ".txt" and _stem(name) in stems)
    )


def _stem(name: str) -> str:
    return name.rpartition("/")[2].rpartition(".")[0]


def read_boxes(path: pathlib.Path) -> dict[str, list[BoxEntry]]:
    """Returns the boxes by photo, in the file's order; none of photos without a face.

    Args:
      path: `boxes.csv` or `boxes.json`.

    Raises:
      TableError: The table cannot be read or lacks columns.
      JsonError: The JSON file cannot be read.
      DownloadError: It holds something else than boxes.
    """
    found: dict[str, list[BoxEntry]] = {}
    if folder_files.ending(path.name) == ".csv":
        for place, row in csv_tables.read_table(path, ["name", *_SIDES]):
            before = found.setdefault(row["name"], [])
            if any(row[side] for side in _SIDES):
                before.append(BoxEntry(tuple(row[side] for side in _SIDES), place))
        return found
    content = strict_json.read_json(path)
    if isinstance(content, dict):
        for name, values in content.items():
            found[name] = _entries(values, f"{path}: '{name[:80]}'")
        return found
    if not isinstance(content, list):
        raise face_builder.DownloadError(f"{path}: must be an object or a list; see the README")
    for number, item in enumerate(content, 1):
        name, entry = _of_object(item, f"{path}: entry {number}")
        found.setdefault(name, []).append(entry)
    return found


def _entries(values: Any, place: str) -> list[BoxEntry]:
    if not isinstance(values, list):
        return [BoxEntry((values,), place)]
    if all(isinstance(value, list) for value in values):
        return [BoxEntry(tuple(v), f"{place}, box {i}") for i, v in enumerate(values, 1)]
    return [BoxEntry(tuple(values), place)]


def _of_object(item: Any, place: str) -> tuple[str, BoxEntry]:
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        raise face_builder.DownloadError(
            f"{place}: must be an object with name, {', '.join(_SIDES)}"
        )
    return item["name"], BoxEntry(tuple(item.get(side) for side in _SIDES), place)
