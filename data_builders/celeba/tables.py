"""Reads CelebA's tables: a photo's name, then numbers, between blanks (.txt) or commas (.csv).

A .csv that a spreadsheet has saved may have semicolons or tabs instead.
"""

import functools
import pathlib

from data_builders import faces, listings
from scaf_jax.data import images
from scaf_jax.files import csv_tables, spellings

SUFFIXES = (".txt", ".csv")


class Table:
    """One table, by photo."""

    def __init__(self, path: pathlib.Path, num_numbers: int) -> None:
        """Reads a table; a count or a header at its top does no harm.

        Args:
          path: The file.
          num_numbers: Numbers in a row, which the photo's name comes before.

        Raises:
          DownloadError: The file cannot be read.
        """
        self.path = path
        self._num_numbers = num_numbers
        self._rows: dict[str, tuple[int, str]] = {}
        self._again: dict[str, int] = {}
        for number, text in listings.read_lines(path):
            name, rest = split_row(path, text, num_numbers)
            name = spellings.plain(name)
            first = self._rows.setdefault(name, (number, rest))
            if first[1] != rest:
                self._again.setdefault(name, number)

    def numbers(self, name: str) -> tuple[str, list[int]]:
        """Returns where a photo's row is (`FILE:LINE`), and its numbers.

        Raises:
          FaceError: There is no such row, there are two that differ, or it has not the right
            number of whole numbers.
        """
        shown = images.printable_name(name)[:80]
        name = spellings.plain(name)
        if name not in self._rows:
            raise faces.FaceError(f"{self.path}: no row for the photo '{shown}'")
        number, rest = self._rows[name]
        if name in self._again:
            raise faces.FaceError(
                f"{self.path}:{number}: line {self._again[name]} says otherwise of the photo "
                f"'{shown}'; remove one of them"
            )
        place = f"{self.path}:{number}"
        cells = rest.split(_separator(self.path))
        try:
            numbers = [int(cell) for cell in cells]
        except ValueError:
            numbers = []
        if len(numbers) != self._num_numbers:
            raise faces.FaceError(
                f"{place}: expected {self._num_numbers} whole numbers after the photo's name, not "
                f"{ascii(rest)[:80]}"
            )
        return place, numbers


def split_row(path: pathlib.Path, text: str, num_numbers: int) -> tuple[str, str]:
    """Returns a row's name, which may hold blanks, and the rest."""
    separator = _separator(path)
    cells = text.rsplit(separator, maxsplit=num_numbers)
    return cells[0].strip(), (separator or " ").join(cells[1:]).strip()


@functools.lru_cache(maxsize=64)
def _separator(path: pathlib.Path) -> str | None:
    """What is between columns; the first row that has several says it."""
    if path.suffix.lower() != ".csv":
        return None
    for _, text in listings.read_lines(path):
        found = max(csv_tables.DELIMITERS, key=text.count)
        if text.count(found) and not text.lower().startswith("sep="):
            return found
    return ","
