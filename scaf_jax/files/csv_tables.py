"""Reads csv tables that come from anywhere: line by line, with errors that name the line."""

import csv
import math
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence

MAX_BYTES = 1 << 30


class TableError(ValueError):
    """A table cannot be used; the message names the file and the line."""


Row = Mapping[str, str]


def read_table(path: str | os.PathLike[str], columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Yields the rows of a csv file with a header.

    A byte order mark (as spreadsheets write it), blank lines and further columns are fine.

    Args:
      path: The file, in UTF-8.
      columns: Columns that it must have.

    Yields:
      Where the row is (`FILE:LINE`), and its texts by column, without blanks around them.

    Raises:
      TableError: The file cannot be read, is no such table, or a row has too few or too many
        columns.
    """
    path = pathlib.Path(path)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise TableError(f"{path}: larger than {MAX_BYTES} bytes; split it")
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield from _rows(path, csv.reader(file, strict=True), columns)
    except (csv.Error, UnicodeDecodeError) as error:
        raise TableError(f"{path}: not a table in UTF-8: {error}; save it as UTF-8 csv") from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error


def number(row: Row, column: str, place: str) -> float:
    """Returns a row's finite number.

    Args:
      row: A row of `read_table`.
      column: Name of the column.
      place: Where the row is.

    Raises:
      TableError: There is no finite number.
    """
    try:
        # Python reads 1_0 as 10; in a table it is a mistake.
        value = float(row[column].replace("_", "?"))
    except ValueError:
        raise TableError(f"{place}: {column} is no number: '{row[column][:40]}'") from None
    if not math.isfinite(value):
        raise TableError(f"{place}: {column} is {value}")
    return value


def _rows(path: pathlib.Path, reader, columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in columns if name not in header]
    if missing:
        raise TableError(
            f"{path}:1: the header lacks {', '.join(missing)}; it must name {','.join(columns)}"
        )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise TableError(f"{path}:1: the header names {', '.join(doubled)} twice")
    for row in reader:
        if not any(text.strip() for text in row):
            continue
        place = f"{path}:{reader.line_num}"
        if len(row) != len(header):
            raise TableError(f"{place}: {len(row)} columns, but the header has {len(header)}")
        yield place, dict(zip(header, (text.strip() for text in row), strict=True))
