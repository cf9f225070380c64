"""Columns of tables and fields of COCO files that say splits though they are not called so."""

import re
from collections.abc import Iterable, Mapping

from data_builders import face_builder, split_names
from data_builders.landmarks_folder import listed

_FLAGS = ("0", "1", "0.0", "1.0", "true", "false", "yes", "no", "y", "n", "x", "")
# Of names of columns; whatever their cells say, it is about splits.
_SPLIT_WORDS = {"split", "splits", "partition", "fold", "folds", "kfold"}
_SAYS_MORE = re.compile("(?:is_?)?valid", re.IGNORECASE)  # may mean that a row is to be used


class UnreadFields:
    """Notices what says splits in rows that are read for something else."""

    def __init__(self, place: str, kind: str, names: Iterable[str]) -> None:
        """Takes what is not read.

        Args:
          place: Where the rows are, for messages.
          kind: `column` or `field`.
          names: Of the fields that nobody reads.
        """
        self._place, self._kind = place, kind
        # None for a field of which one value looked like no split.
        self._values: dict[str, set[str] | None] = {name: set() for name in names}

    def look_at(self, row: Mapping[str, str]) -> None:
        """Takes a row into account."""
        for name, values in self._values.items():
            cell = row.get(name, "")
            if values is not None and cell not in values:
                says = _is_called_so(name) or listed.is_split(cell) or _is_flag(name, cell)
                self._values[name] = values | {cell} if says or not cell else None

    def check(self) -> None:
        """Raises DownloadError if the values of a field all say splits."""
        for name, values in self._values.items():
            if values and values != {""}:
                raise face_builder.DownloadError(
                    f"{self._place}: the {self._kind} '{name[:40]}' looks as if it said splits "
                    f"({listed.some(sorted(values))}); call it 'split', with {split_names.CELLS}, "
                    "or take it out"
                )


def _is_called_so(name: str) -> bool:
    """Whether a field is called data_split, Partition or the like, whatever its values say."""
    return not _SPLIT_WORDS.isdisjoint(re.findall("[a-z]+", name.lower()))


def _is_flag(name: str, cell: str) -> bool:
    """Whether a cell is a yes or no to a field such as is_test; 'valid' says too many things."""
    try:
        split = split_names.split_of(name)
    except split_names.UnclearSplitError:
        return False
    return split is not None and not _SAYS_MORE.fullmatch(name) and cell.lower() in _FLAGS
