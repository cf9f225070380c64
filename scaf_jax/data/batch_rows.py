"""Which faces are in which row of which batch: epochs, and the rows that one process has."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import grain
import numpy as np
import numpy.typing as npt

from scaf_jax.data import sources

# Length of the endless stream: what Grain can still count.
ENDLESS = 2**48


class Epochs:
    """A source's records with their places in it, one shuffled epoch after the other.

    Grain's own shuffle searches an order of 65,536 places for those that exist: for 50 faces this
    takes longer than reading the photo.
    """

    def __init__(self, source: sources.Source, seed: int) -> None:
        self._source = source
        self._seed = seed
        self._latest: tuple[int, npt.NDArray[np.int64]] | None = None

    def __len__(self) -> int:
        return ENDLESS

    def __getitem__(self, index: int) -> tuple[int, sources.Record]:
        epoch, position = divmod(index, len(self._source))
        place = int(self._order(epoch)[position])
        return place, self._source[place]

    def _order(self, epoch: int) -> npt.NDArray[np.int64]:
        latest = self._latest  # read once: several threads come here
        if latest is None or latest[0] != epoch:
            rng = np.random.default_rng([self._seed, epoch])
            latest = epoch, rng.permutation(len(self._source))
            self._latest = latest
        return latest[1]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Which rows of all global batches one process has: consecutive ones of each."""

    batch_size: int
    local_size: int
    process_index: int

    def place(self, index: int) -> int:
        """Returns the place among all rows of a row of the process."""
        batch, row = divmod(index, self.local_size)
        return batch * self.batch_size + self.process_index * self.local_size + row

    def count(self, batches: int) -> int:
        """Returns how many rows of so many batches are the process's."""
        return batches * self.local_size


class Sliced:
    """One process's rows of an endless list."""

    def __init__(self, faces: Sequence[Any] | grain.MapDataset, rows: Rows) -> None:
        self._faces = faces
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.count(len(self._faces) // self._rows.batch_size)

    def __getitem__(self, index: int) -> Any:
        return self._faces[self._rows.place(index)]


class Padded:
    """One process's rows of all global batches; (place, record), or (-1, None) beyond the end."""

    def __init__(self, source: sources.Source, rows: Rows) -> None:
        self._source = source
        self._rows = rows

    def __len__(self) -> int:
        return self._rows.count(math.ceil(len(self._source) / self._rows.batch_size))

    def __getitem__(self, index: int) -> tuple[int, sources.Record | None]:
        place = self._rows.place(index)
        return (place, self._source[place]) if place < len(self._source) else (-1, None)


def local_batch_size(batch_size: int, process_index: int, process_count: int) -> int:
    """Returns how many faces of a global batch one process has.

    Raises:
      ValueError: The batch cannot be divided, or there is no such process.
    """
    if not 0 <= process_index < process_count:
        raise ValueError(f"process_index={process_index} is not in 0..{process_count - 1}")
    if batch_size <= 0 or batch_size % process_count:
        raise ValueError(
            f"batch_size={batch_size} must be a positive multiple of {process_count} processes"
        )
    return batch_size // process_count
