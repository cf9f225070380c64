"""Reads CelebA's tables: a photo's name, then numbers, between blanks (.txt) or commas (.csv)."""

import pathlib

from data_builders import faces, listings
from scaf_jax.data import images

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
        self._rows = {}
        for number, text in listings.read_lines(path):
            name, rest = split_row(path, text, num_numbers)
            self._rows.setdefault(name, (number, rest))

    def numbers(self, name: str) -> tuple[str, list[int]]:
        """Returns where a photo's row is (`FILE:LINE`), and its numbers.

        Raises:
          FaceError: There is no such row, or it has not the right number of whole numbers.
        """
        if name not in self._rows:
            shown = images.printable_name(name)[:80]
            raise faces.FaceError(f"{self.path}: no row for the photo '{shown}'")
        number, rest = self._rows[name]
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


def _separator(path: pathlib.Path) -> str | None:
    return "," if path.suffix.lower() == ".csv" else None
