"""Faces from `landmarks.csv`: a row a face, with columns NAME_x and NAME_y for each landmark.

Empty cells are landmarks that are not known. Boxes (x0, y0, x1, y1) count from the photo's upper
left corner, landmarks from the centre of the first pixel.
"""

import csv
import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from data_builders import faces, split_names
from data_builders.landmarks_folder import listed
from scaf_jax.files import csv_tables
from scaf_jax.landmarks import scheme_files

FILE = "landmarks.csv"
FIRST_PIXEL = 0
_SIDES = ("x0", "y0", "x1", "y1")
_UNKNOWN = ("", "nan")
_SEPARATOR = "\x1f"


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the tables of a folder."""
    return [path for folder in listed.places_of(root) if (path := folder / FILE).is_file()]


def landmark_names(path: pathlib.Path) -> list[str]:
    """Returns the NAMEs of which a table's header has NAME_x and NAME_y, in its order.

    Raises:
      TableError: It is no table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header = [name.strip() for name in next(csv.reader(file), [])]
    except (csv.Error, UnicodeDecodeError) as error:
        raise csv_tables.TableError(f"{path}: not a table in UTF-8: {error}") from error
    names = [name.removesuffix("_x") for name in header if name.endswith("_x")]
    return [name for name in names if f"{name}_y" in header]


def list_faces(
    root: pathlib.Path, paths: Sequence[pathlib.Path], scheme_file: scheme_files.SchemeFile
) -> tuple[list[listed.Listed], list[str]]:
    """Lists the faces of the tables.

    Args:
      root: The folder of the data set.
      paths: The tables, from `find_files`.
      scheme_file: What the landmarks mean.

    Returns:
      The faces in the tables' order, and the problems found.

    Raises:
      TableError: A table cannot be read or lacks columns.
    """
    found, problems = [], []
    names = scheme_file.scheme.landmark_names
    for path in paths:
        further = [name for name in landmark_names(path) if name not in names]
        if further:
            problems.append(
                f"{path.name} has landmarks that scheme.json does not name, which are left out: "
                f"{listed.some(further)}"
            )
        wanted = ["name", *(f"{name}_{axis}" for name in names for axis in "xy")]
        for place, row in csv_tables.read_table(path, wanted):
            found.append(_as_listed(root, path, place, row, wanted[1:], scheme_file.first_pixel))
    return found, problems


def _as_listed(
    root: pathlib.Path,
    path: pathlib.Path,
    place: str,
    row: csv_tables.Row,
    columns: Sequence[str],
    first_pixel: int | None,
) -> listed.Listed:
    said = row.get("split")
    split = None if said is None else _split(said)
    if said is not None and split is None:
        message = f"{place}: split is '{said[:40]}'; {split_names.ADVICE}"
        return listed.unusable(root, place, message, split_names.TRAIN)
    try:
        image = faces.file_below(path.parent, row["name"], place)
    except faces.FaceError as error:
        return listed.unusable(root, place, str(error), split)
    cells = [row[column] for column in columns] + [row.get(side, "") for side in _SIDES]
    # One text rather than hundreds: tables may have many rows.
    text = _SEPARATOR.join(cell.replace(_SEPARATOR, "?") for cell in cells)
    return listed.Listed(
        name=image.relative_to(root).as_posix(),
        image=image,
        place=place,
        annotate=functools.partial(_annotate, text, tuple(columns), first_pixel, place),
        split=split,
    )


def _split(cell: str) -> str | None:
    try:
        return split_names.split_of(cell)
    except split_names.UnclearSplitError:
        return None


def _annotate(
    text: str, columns: tuple[str, ...], first_pixel: int | None, place: str
) -> faces.Annotation:
    row = dict(zip((*columns, *_SIDES), text.split(_SEPARATOR), strict=True))
    points = np.array([_number(row, column, place) for column in columns], np.float64)
    points = points.reshape(-1, 2)
    half = np.flatnonzero(np.isnan(points).sum(axis=1) == 1)
    if half.size:
        column = columns[2 * int(half[0])].removesuffix("_x")
        raise faces.FaceError(
            f"{place}: of {column}_x and {column}_y one is empty; fill in both or neither"
        )
    points -= FIRST_PIXEL if first_pixel is None else first_pixel
    return faces.Annotation(
        landmarks=points.astype(np.float32),
        mask=~np.isnan(points[:, 0]),
        box_ground_truth=_box(row, place),
        unknown_as="nothing into both cells",
    )


def _box(row: csv_tables.Row, place: str) -> faces.Box | None:
    sides = [_number(row, side, place) for side in _SIDES]
    if np.isnan(sides).all():
        return None
    if np.isnan(sides).any():
        raise faces.FaceError(
            f"{place}: of {', '.join(_SIDES)} some are empty; fill in all or none"
        )
    return np.array(sides, np.float32)


def _number(row: csv_tables.Row, column: str, place: str) -> float:
    return np.nan if row[column].lower() in _UNKNOWN else csv_tables.number(row, column, place)
