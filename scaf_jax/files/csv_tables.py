"""Reads csv tables that come from anywhere: line by line, with errors that name the line.

Spreadsheets of some countries write semicolons or tabs between columns, and then commas in
numbers; some write `sep=;` first. The header says which it is.
"""

import csv
import io
import itertools
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

from scaf_jax.files import places, texts
from scaf_jax.files.escaping import printable
from scaf_jax.files.places import Place

MAX_BYTES = 1 << 30
_MOST_NAMED = 10
DELIMITERS = (",", ";", "\t", "|")
_SAID = re.compile(r'"?sep=(.)"?\s*')
_ARCHIVE = b"PK"
_WITH_COMMA = re.compile(r"[+-]?\d*,\d+")


class TableError(ValueError):
    """A table cannot be used; the message names the file and the line."""


Row = Mapping[str, str]


def read_table(path: str | os.PathLike[str], columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    """Yields the rows of a csv file with a header.

    A byte order mark (as spreadsheets write it), blank lines, further columns and delimiters at the
    end of rows are fine.

    Args:
      path: The file, in UTF-8, or what its byte order mark says.
      columns: Columns that it must have.

    Yields:
      Where the row is (`FILE:LINE`), and its texts by column, without blanks around them.

    Raises:
      TableError: The file cannot be read, is no such table, or a row has too few or too many
        columns.
    """
    path = places.as_place(path)
    try:
        if places.size(path) > MAX_BYTES:
            raise TableError(f"{path}: larger than {MAX_BYTES} bytes; split it")
        with _open(path) as file:
            yield from _rows(path, _start(file), columns)
    except (csv.Error, UnicodeError) as error:
        raise _unreadable(path, error) from error
    except OSError as error:
        raise TableError(f"{path}: cannot be read: {error.strerror}") from error


def read_header(path: str | os.PathLike[str]) -> list[str]:
    """Returns the names of a table's columns.

    Raises:
      TableError: It cannot be read.
    """
    path = places.as_place(path)
    try:
        with _open(path) as file:
            return _start(file).header
    except (csv.Error, UnicodeError) as error:
        raise _unreadable(path, error) from error
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
        comma = ", with a point before its decimals" if _WITH_COMMA.fullmatch(row[column]) else ""
        raise TableError(
            f"{place}: {column} is no number: '{row[column][:40]}'; write a number{comma}"
        ) from None
    if not math.isfinite(value):
        raise TableError(f"{place}: {column} is {value}; write a number")
    return value


class _Table(NamedTuple):
    """A table whose header is read: the rows to come, and how many lines are before `reader`'s."""

    header: list[str]
    delimiter: str
    reader: Any
    before: int


def _unreadable(path: Place, error: Exception) -> TableError:
    if isinstance(error, UnicodeError):
        return TableError(f"{path}: not a table in UTF-8: {error}; save it as UTF-8 csv")
    return TableError(
        f"{path}: not a table: {error}; is a quotation mark not closed, or too much in one cell?"
    )


def _open(path: Place) -> TextIO:
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise TableError(f"{path}: not a file")  # a named pipe would be waited for
    with path.open("rb") as file:
        start = file.read(4)
    encoding = texts.encoding(start)
    if start.startswith(_ARCHIVE):
        raise TableError(f"{path}: is no text but a zip or Excel file; save it as UTF-8 csv")
    if b"\0" in start and encoding == "utf-8":
        raise TableError(f"{path}: not a table in UTF-8; save it as UTF-8 csv")
    return io.TextIOWrapper(path.open("rb"), newline="", encoding=encoding)


def _start(file: TextIO) -> _Table:
    """Reads a table's header, which shows what is between columns, unless `sep=` says so."""
    lines, before = iter(file), 0
    first = next(lines, "")
    while first and not first.strip():
        first, before = next(lines, ""), before + 1
    said = _SAID.fullmatch(first.replace(texts.MARK, ""))
    if said:
        first, before = next(lines, ""), before + 1
    delimiter = said[1] if said else max(DELIMITERS, key=lambda d: len(_cells(first, d)))
    reader = csv.reader(itertools.chain([first], lines), delimiter=delimiter, strict=True)
    return _Table([_plain(name) for name in next(reader, [])], delimiter, reader, before)


def _cells(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter), [])


def _plain(cell: str) -> str:
    return cell.replace(texts.MARK, "").strip()


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(printable(name)[:40] for name in names[:_MOST_NAMED])
    return shown + (", ..." if len(names) > _MOST_NAMED else "")


def _rows(path: Place, table: _Table, columns: Sequence[str]) -> Iterator[tuple[str, Row]]:
    header, reader = table.header, table.reader
    missing = [name for name in columns if name not in header]
    if missing:
        raise TableError(
            f"{path}:1: the header lacks {_some(missing)}; it must name {','.join(columns)}, "
            f"with commas, semicolons or tabs between, and names {_some(header) or 'nothing'}"
        )
    doubled = sorted({name for name in header if name and header.count(name) > 1})
    if doubled:
        raise TableError(f"{path}:1: the header names {', '.join(doubled)} twice")
    for row in reader:
        if not any(text.strip() for text in row):
            continue
        place = f"{path}:{reader.line_num + table.before}"
        if not any(text.strip() for text in row[len(header) :]):
            row = row[: len(header)]
        if len(row) != len(header):
            between = "; are there commas in numbers or names?" * (len(row) > len(header))
            raise TableError(
                f"{place}: {len(row)} columns, but the header has {len(header)}{between}"
            )
        cells = [_plain(text) for text in row]
        if table.delimiter != ",":  # then commas may be those of numbers
            cells = [c.replace(",", ".") if _WITH_COMMA.fullmatch(c) else c for c in cells]
        yield place, dict(zip(header, cells, strict=True))
