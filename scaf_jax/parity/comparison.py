"""Compares recomputed numbers with stored ones and keeps the rows of the table."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from scaf_jax.parity.fixtures import FixtureError

FORWARD_TOLERANCE = 1e-4


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of the table; `error` is relative unless the quantity says otherwise."""

    fixture: str
    quantity: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the error is within its tolerance; what is not a number never is."""
        return self.error <= self.tolerance


def relative_error(ours: Any, theirs: Any) -> float:
    """Returns ||ours - theirs|| / ||theirs||, in float64."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    if ours.shape != theirs.shape:
        raise FixtureError(f"a stored array has shape {theirs.shape}, ours has {ours.shape}")
    difference, size = np.linalg.norm(ours - theirs), np.linalg.norm(theirs)
    if size == 0:
        return 0.0 if difference == 0 else float("inf")
    return float(difference / size)


class Comparison:
    """Collects the rows of one fixture and notices stored numbers that nobody recomputed.

    Args:
      fixture: Its name in the table.
      stored: Its numbers by name.
    """

    def __init__(self, fixture: str, stored: Mapping[str, Any]):
        self.fixture = fixture
        self._stored = stored
        self._read: set[str] = set()
        self._rows: list[Row] = []

    def names(self) -> list[str]:
        """Returns the names of the stored numbers."""
        return list(self._stored)

    def stored(self, name: str) -> np.ndarray:
        """Returns a stored array.

        Raises:
          FixtureError: The fixture has none of that name.
        """
        if name not in self._stored:
            raise FixtureError(f"fixture {self.fixture} lacks '{name}'")
        self._read.add(name)
        return np.asarray(self._stored[name])

    def check(self, name: str, ours: Any, tolerance: float, *, initial: Any = 0.0) -> None:
        """Compares an array with the stored one of that name; what was added to `initial`."""
        theirs = self.stored(name)
        try:
            error = relative_error(ours - initial, theirs - initial)
        except (FixtureError, ValueError) as problem:
            raise FixtureError(f"fixture {self.fixture}, '{name}': {problem}") from problem
        self.add(name, error, tolerance)

    def add(self, quantity: str, error: float, tolerance: float) -> None:
        """Adds a row."""
        self._rows.append(Row(self.fixture, quantity, float(error), tolerance))

    def rows(self) -> list[Row]:
        """Returns the rows, with one that fails for each number that was not recomputed."""
        forgotten = [name for name in self._stored if name not in self._read]
        return self._rows + [
            Row(self.fixture, f"{name} (not recomputed)", float("nan"), 0.0) for name in forgotten
        ]


def format_table(rows: list[Row]) -> str:
    """Returns the rows as an aligned text table."""
    lines = [("fixture", "quantity", "error", "tolerance", "ok")]
    lines += [
        (row.fixture, row.quantity, f"{row.error:.2e}", f"{row.tolerance:g}", _verdict(row))
        for row in rows
    ]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _verdict(row: Row) -> str:
    return "yes" if row.ok else "NO"
