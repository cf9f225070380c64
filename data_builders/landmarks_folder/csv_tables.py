"""Faces from `landmarks.csv`: a row a face, with columns NAME_x and NAME_y for each landmark.

Empty cells are landmarks that are not known. Boxes (x0, y0, x1, y1) count from the photo's upper
left corner, landmarks from the center of the first pixel. A column `split` says what a face is for;
`width` and `height`, where they are, are those of the photo as people see it.
"""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from data_builders import face_builder, faces, split_names
from data_builders.landmarks_folder import listed, unread_fields
from scaf_jax.files import csv_tables, folder_files
from scaf_jax.landmarks import scheme_files

FILE = "landmarks.csv"
FIRST_PIXEL = 0
_START = "landmarks"
_SIDES = ("x0", "y0", "x1", "y1")
_SIZE = ("width", "height")
_UNKNOWN = ("", "nan", "na", "n/a", "none", "null", "#n/a", "<na>", "nil")
_UNKNOWN_AS = "nothing into both cells"
_SEPARATOR = "\x1f"


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the tables of a folder: `landmarks.csv`, and those like `landmarks_test.csv`."""
    return [
        path for path in _tables(root) if path.name.lower() == FILE or listed.is_split(path.stem)
    ]


def _tables(root: pathlib.Path) -> list[pathlib.Path]:
    """All whose names begin as they should; such as `landmarks (1).csv` of a second download."""
    return [
        path
        for folder in listed.places_of(root)
        if folder.is_dir()
        for path in folder_files.files_in(folder)
        if folder_files.ending(path.name) == ".csv" and path.stem.lower().startswith(_START)
    ]


def landmark_names(path: pathlib.Path) -> list[str]:
    """Returns the NAMEs of which a table's header has NAME_x and NAME_y, in its order.

    Raises:
      TableError: It is no table.
    """
    header = csv_tables.read_header(path)
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
      DownloadError: Something in a table looks like a split and is not called so.
    """
    found, problems = [], []
    names = scheme_file.scheme.landmark_names
    unread = [path.relative_to(root).as_posix() for path in _tables(root) if path not in paths]
    if unread:
        problems.append(
            f"{listed.some(unread)}: not read, since only {FILE} and those of splits are"
        )
    for path in paths:
        further = [name for name in landmark_names(path) if name not in names]
        if further:
            problems.append(
                f"{path.name} has landmarks that scheme.json does not name, which are left out: "
                f"{listed.some(further)}"
            )
        table = _table_of(root, path, names, scheme_file.first_pixel)
        unread, flat = _unread(path, table), 0
        for place, row in csv_tables.read_table(path, ["name", *table.columns]):
            found.append(_as_listed(table, place, row))
            unread.look_at(row)
            flat += _has_no_area([row.get(side, "") for side in _SIDES])
        unread.check()
        if flat:
            problems.append(
                f"{path.name}: {flat} boxes are 0, 0, 0, 0 or -1 throughout; these are drawn "
                "around the landmarks"
            )
    return found, problems


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table, its columns of landmarks and the one that is called split, if there is one."""

    root: pathlib.Path
    path: pathlib.Path
    header: list[str]
    columns: tuple[str, ...]
    split_column: str | None
    split: str | None
    first_pixel: int | None


def _unread(path: pathlib.Path, table: _Table) -> unread_fields.UnreadFields:
    used = {"name", table.split_column, *table.columns, *_SIDES, *_SIZE}
    used |= {f"{name}_{axis}" for name in landmark_names(path) for axis in "xy"}
    said = table.split_column is not None or table.split is not None
    names = [name for name in table.header if name and name not in used and not said]
    return unread_fields.UnreadFields(str(path), "column", names)


def _table_of(
    root: pathlib.Path, path: pathlib.Path, names: Sequence[str], first_pixel: int | None
) -> _Table:
    header = csv_tables.read_header(path)
    try:
        split = split_names.split_of(path.stem)
    except split_names.UnclearSplitError as error:
        raise face_builder.DownloadError(f"{path}: the name {error}") from error
    return _Table(
        root=root,
        path=path,
        header=header,
        columns=tuple(f"{name}_{axis}" for name in names for axis in "xy"),
        split_column=next((name for name in header if name.lower() == "split"), None),
        split=split,
        first_pixel=first_pixel,
    )


def _as_listed(table: _Table, place: str, row: csv_tables.Row) -> listed.Listed:
    split = table.split
    try:
        if table.split_column is not None:
            split = split_names.TRAIN  # should the cell say none
            split = listed.split_of_cell(row[table.split_column], f"{place}: split")
        image = faces.file_below(table.path.parent, row["name"], place)
    except faces.FaceError as error:
        return listed.unusable(table.root, place, str(error), split)
    marked = [row[column] for column in table.columns]
    sides = [row.get(side, "") for side in _SIDES]
    cells = [*marked, *sides, *(row.get(side, "") for side in _SIZE)]
    # One text rather than hundreds: tables may have many rows.
    text = _SEPARATOR.join(cell.replace(_SEPARATOR, "?") for cell in cells)
    return listed.Listed(
        name=image.relative_to(table.root).as_posix(),
        image=image,
        place=place,
        annotate=functools.partial(_annotate, text, table.columns, table.first_pixel, image, place),
        split=split,
        blank=all(cell.lower() in _UNKNOWN for cell in marked),
        boxed=any(cell.lower() not in _UNKNOWN for cell in sides) and not _has_no_area(sides),
        points=text,
    )


def _annotate(
    text: str,
    columns: tuple[str, ...],
    first_pixel: int | None,
    image: pathlib.Path,
    place: str,
) -> faces.Annotation:
    row = dict(zip((*columns, *_SIDES, *_SIZE), text.split(_SEPARATOR), strict=True))
    listed.check_size((row["width"], row["height"]), image, place)
    try:
        points = np.array([_number(row, column, place) for column in columns], np.float64)
    except csv_tables.TableError as error:
        raise csv_tables.TableError(f"{error}, or {_UNKNOWN_AS} where it is not known") from None
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
        unknown_as=_UNKNOWN_AS,
        first_pixel=FIRST_PIXEL if first_pixel is None else first_pixel,
    )


def _has_no_area(cells: Sequence[str]) -> bool:
    """Whether a box is 0, 0, 0, 0 or -1 throughout, as some programs write that there is none."""
    return all(cell and not cell.strip("0.") for cell in cells) or set(cells) <= {"-1", "-1.0"}


def _box(row: csv_tables.Row, place: str) -> faces.Box | None:
    sides = [_number(row, side, place) for side in _SIDES]
    if np.isnan(sides).all() or _has_no_area([row[side] for side in _SIDES]):
        return None
    if np.isnan(sides).any():
        raise faces.FaceError(
            f"{place}: of {', '.join(_SIDES)} some are empty; fill in all or none"
        )
    return np.array(sides, np.float32)


def _number(row: csv_tables.Row, column: str, place: str) -> float:
    return np.nan if row[column].lower() in _UNKNOWN else csv_tables.number(row, column, place)
