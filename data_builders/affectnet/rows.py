"""Reads the tables of AffectNet: one row a face, found by its place in the file.

A table has hundreds of thousands of rows of a thousand characters. Only where each row begins is
kept; a row is read again when its face is asked for.
"""

import csv
import dataclasses
import functools
import pathlib

import numpy as np
import numpy.typing as npt

from data_builders import face_builder, faces, listings
from scaf_jax.data import images
from scaf_jax.files import csv_tables, texts

NUM_LANDMARKS = 68
# What the column `expression` says of a photo that shows no face.
NO_FACE = 10
NOT_ANNOTATED = -2.0
_NAME = "subDirectory_filePath"
_BOX = ("face_x", "face_y", "face_width", "face_height")
_LANDMARKS = "facial_landmarks"
_EXPRESSION = "expression"
_AFFECT = ("valence", "arousal")
_REQUIRED = (_NAME, *_BOX, _EXPRESSION)
# Of tables that come without a header.
_STANDARD = (_NAME, *_BOX, _LANDMARKS, _EXPRESSION, *_AFFECT)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table whose rows have been found.

    Attributes:
      path: The csv file.
      photos: The folder of its photos.
      columns: The header.
      delimiter: What is between columns.
      places: (N,) int64, where each face's row begins, in bytes.
      numbers: (N,) int32, the number of its line.
      left_out: How many rows are no faces.
    """

    path: pathlib.Path
    photos: pathlib.Path
    columns: tuple[str, ...]
    delimiter: str
    places: npt.NDArray[np.int64]
    numbers: npt.NDArray[np.int32]
    left_out: int

    def faces(self) -> listings.LazyFaces:
        """Returns the faces in the table's order."""
        return listings.LazyFaces(len(self.places), functools.partial(_make_face, self))


def read_table(path: pathlib.Path, photos: pathlib.Path) -> Table:
    """Finds the rows of a table; those that the table calls no face are left out.

    Args:
      path: The csv file, with or without a header; a byte order mark is fine.
      photos: The folder that the rows' names are below.

    Raises:
      DownloadError: The file cannot be read or is no such table.
    """
    columns: tuple[str, ...] = ()
    delimiter = ","
    places, numbers, left_out = [], [], 0
    for number, place, line in listings.read_raw_lines(path):
        if not line.strip():
            continue
        if not columns:
            if line.lower().startswith(b"sep="):
                continue  # of some spreadsheets
            columns, delimiter, is_header = _header(path, line)
            if is_header:
                continue
        if _is_no_face(line, columns, delimiter):
            left_out += 1
            continue
        places.append(place)
        numbers.append(number)
    if not columns:
        raise face_builder.DownloadError(f"{path}: the file is empty; download it again")
    return Table(
        path,
        photos,
        columns,
        delimiter,
        np.array(places, np.int64),
        np.array(numbers, np.int32),
        left_out,
    )


def has_header(path: pathlib.Path) -> bool:
    """Returns whether a file begins as these tables do."""
    for _, _, line in listings.read_raw_lines(path):
        if line.lower().startswith(b"sep=") or not line.strip():
            continue
        try:
            return bool(_header(path, line))
        except face_builder.DownloadError:
            return False
    return False


def _header(path: pathlib.Path, line: bytes) -> tuple[tuple[str, ...], str, bool]:
    """The columns, what is between them, and whether the line is the header and not a face."""
    cells, delimiter = max(
        ((tuple(_cells(line, mark) or ()), mark) for mark in csv_tables.DELIMITERS),
        key=lambda found: sum(name in found[0] for name in _STANDARD),
    )
    if len(cells) == len(_STANDARD) and "/" in cells[0] and cells[1].lstrip("-").isdigit():
        return _STANDARD, delimiter, False
    missing = [name for name in _REQUIRED if name not in cells]
    if missing:
        raise face_builder.DownloadError(
            f"{path}:1: the header lacks {', '.join(missing)}; it must name {','.join(_STANDARD)}"
        )
    return cells, delimiter, True


def _cells(line: bytes, delimiter: str) -> list[str] | None:
    """A line's texts, without blanks around them; None if it is no line of a csv file."""
    text = line.decode("utf-8", "surrogateescape").replace(texts.MARK, "").strip("\r\n")
    try:
        reader = csv.reader([text], strict=True, delimiter=delimiter)
        return [cell.strip() for cell in next(reader, [])]
    except csv.Error:
        return None


def _is_no_face(line: bytes, columns: tuple[str, ...], delimiter: str) -> bool:
    cells = _cells(line, delimiter)
    if cells is None or len(cells) != len(columns):
        return False  # a bad line is a face that cannot be used, and is told so
    try:  # a table that a program has written again may say 10.0
        return float(cells[columns.index(_EXPRESSION)]) == NO_FACE
    except ValueError:
        return False


def _make_face(table: Table, index: int) -> faces.Face:
    number = int(table.numbers[index])
    place = f"{table.path}:{number}"
    try:
        row = _read_row(table, index, place)
        image = faces.file_below(table.photos, row[_NAME], place)
        extra = _extra(row, place)
    except (faces.FaceError, csv_tables.TableError) as error:
        key = f"{table.path.name}:{number}"
        return faces.unusable_face(table.photos, key, table.path.stem, place, str(error))
    return faces.Face(
        image=image,
        key=images.printable_name(row[_NAME]),
        subset=table.path.stem,
        place=place,
        annotate=functools.partial(_annotate, row, place),
        extra=extra,
    )


def _read_row(table: Table, index: int, place: str) -> csv_tables.Row:
    try:
        with table.path.open("rb") as file:
            file.seek(int(table.places[index]))
            cells = _cells(file.readline(listings.MAX_LINE_BYTES), table.delimiter)
    except OSError as error:
        raise faces.FaceError(f"{place}: cannot be read: {error.strerror}") from error
    if cells is None or len(cells) != len(table.columns):
        count = "quotation marks that do not end" if cells is None else f"{len(cells)} columns"
        raise faces.FaceError(f"{place}: {count}, but the header has {len(table.columns)} columns")
    return dict(zip(table.columns, cells, strict=True))


def _extra(row: csv_tables.Row, place: str) -> dict[str, int | float]:
    expression = csv_tables.number(row, _EXPRESSION, place)
    if expression not in range(NO_FACE + 1):
        raise faces.FaceError(f"{place}: expression must be 0..{NO_FACE}, not {expression:g}")
    affect = {
        name: csv_tables.number(row, name, place) if name in row else NOT_ANNOTATED
        for name in _AFFECT
    }
    return {_EXPRESSION: int(expression), **affect}


def _annotate(row: csv_tables.Row, place: str) -> faces.Annotation:
    x, y, width, height = (csv_tables.number(row, name, place) for name in _BOX)
    landmarks, mask = _landmarks(row.get(_LANDMARKS, ""), place)
    return faces.Annotation(
        landmarks=landmarks,
        mask=mask,
        # The table has the box's size, not its far corner.
        box_ground_truth=np.array([x, y, x + width, y + height], np.float32),
    )


def _landmarks(text: str, place: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The points, and which are known: all, or none where the table has none.

    One number throughout stands for none too.
    """
    shape = (NUM_LANDMARKS, 2)
    if not text.strip("; "):
        return np.zeros(shape, np.float32), np.zeros(NUM_LANDMARKS, bool)
    numbers: list[float] = []
    for number, cell in enumerate(text.rstrip(";").split(";"), 1):
        try:
            numbers.append(float(cell))
        except ValueError:
            raise faces.FaceError(
                f"{place}: {_LANDMARKS}: number {number} is none: {ascii(cell)[:40]}"
            ) from None
    if len(numbers) != 2 * NUM_LANDMARKS:
        raise faces.FaceError(
            f"{place}: {_LANDMARKS} has {len(numbers)} numbers, expected {2 * NUM_LANDMARKS} "
            "(x;y;x;y...)"
        )
    if len(set(numbers)) == 1:  # 0 0 or -1 -1 throughout: nothing was found
        return np.zeros(shape, np.float32), np.zeros(NUM_LANDMARKS, bool)
    with np.errstate(over="ignore"):  # what becomes infinite is refused with the face
        points = np.array(numbers).astype(np.float32).reshape(shape)
    return points, np.ones(NUM_LANDMARKS, bool)
