"""Where faces come from: records, sources of them, and parts and unions of sources.

A source is a list of records that reads them when asked. A record is a plain dict:

| field | what |
|---|---|
| image | the photo file's bytes |
| landmarks | (L, 2) float32, pixels of the photo; 0 is the center of the first pixel |
| landmark_mask | (L,) bool, False where a landmark is not known |
| box_detector, box_ground_truth | (4,) float32 x0, y0, x1, y1, pixel edges of the photo |
| key | str that names the face |
| subset | str, the part of the data set it belongs to |
| index | int, place in the published list |
| stored_matrix | (2, 3) float32, from the photo to `image`, where this is only a part of it |

Where there is a `stored_matrix`, the pixels above are those of `image`.
Sources without labels have L = 0. Sources are cheap to pickle: data workers get a copy.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Record = dict[str, Any]

LABEL_SUBSETS = ("first", "random")


class Source(Protocol):
    """A list of records, read when asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Record: ...

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        ...


class SubsetSource:
    """Some of another source's records, in the order given."""

    def __init__(self, source: Source, indices: Sequence[int] | npt.NDArray[np.integer]) -> None:
        """Picks records.

        Args:
          source: The source to pick from.
          indices: Places in it.

        Raises:
          ValueError: An index is not a place in `source`.
        """
        self._source = source
        self._indices = [int(i) for i in indices]
        wrong = [i for i in self._indices if not 0 <= i < len(source)]
        if wrong:
            raise ValueError(f"index {wrong[0]} is not in 0..{len(source) - 1}")

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Record:
        return self._source[self._indices[index]]

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        keys = self._source.keys
        return [keys[i] for i in self._indices]


class ConcatenatedSource:
    """Several sources one after the other, without their labels: what stage 1 learns from."""

    def __init__(self, sources: Sequence[Source]) -> None:
        """Joins sources.

        Args:
          sources: At least one.

        Raises:
          ValueError: There are none.
        """
        if not sources:
            raise ValueError("there is no source to concatenate")
        self._sources = tuple(sources)
        self._starts = np.cumsum([0, *(len(source) for source in sources)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> Record:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is not in 0..{len(self) - 1}")
        part = int(np.searchsorted(self._starts, index, side="right")) - 1
        record = self._sources[part][index - int(self._starts[part])]
        return {**record, **no_labels(), "index": index}

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order; keys of different sources may be equal."""
        return [key for source in self._sources for key in source.keys]

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of what the sources left out."""
        return skipped(self._sources)


def skipped(sources: Sequence[Source]) -> list[tuple[str, str]]:
    """Returns (name, reason) of what sources left out when they were opened."""
    return [entry for source in sources for entry in getattr(source, "skipped", ())]


def no_labels() -> Record:
    """Returns the landmark fields of a record without labels."""
    return {"landmarks": np.zeros((0, 2), np.float32), "landmark_mask": np.zeros(0, bool)}


def label_subset(
    num_records: int, num_labels: int | None, mode: str = "first", seed: int = 0
) -> npt.NDArray[np.int64]:
    """Chooses the faces whose labels may be used.

    Args:
      num_records: How many faces there are.
      num_labels: How many to choose; None chooses all.
      mode: `first` takes the published list's first, `random` draws them. With the same seed a
        smaller draw is part of a larger one.
      seed: Seed of the draw.

    Returns:
      (num_labels,) int64 places, ascending.

    Raises:
      ValueError: There are not so many faces, or the mode is unknown.
    """
    if num_labels is None:
        num_labels = num_records
    if not 0 < num_labels <= num_records:
        raise ValueError(f"num_labels={num_labels} is not in 1..{num_records}")
    if mode == "first":
        return np.arange(num_labels, dtype=np.int64)
    if mode == "random":
        return np.sort(np.random.default_rng(seed).permutation(num_records)[:num_labels])
    raise ValueError(f"label subset '{mode}' is unknown; known: first, random")
