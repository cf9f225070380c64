"""Several sets of faces as one, with a share of each, without faces that occur twice.

An entry of a mixture is `WHERE=WEIGHT`: `the300w:train=1`, `faces_folder/mine:train=0.5` (a
prepared set and its split) or `folder:/photos=2` (a folder of photos, the box given for all of
them). The weights say which share of the faces that training sees comes from each set, whatever
its size: with 1 and 2, every third face is of the first. A face is the same as another where photo
bytes and box are; it stays where it occurs first.
"""

import collections
import dataclasses
import math
import re
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from scaf_jax.data import sources

FOLDER = "folder"
# Of a digest, the hexadecimal digits that the photo decides; those of the box follow.
PHOTO_DIGITS = 32
# So many draws of an epoch at most stand for each face of the largest set.
_MOST_REPEATS = 1000
_PREPARED = re.compile(r"([a-z0-9_]+(?:/[a-z0-9_]+)?):([A-Za-z0-9_]+)")


@dataclasses.dataclass(frozen=True)
class Entry:
    """One set of a mixture.

    Attributes:
      name: The prepared data set, or `folder`.
      place: Its split, or the folder's path.
      weight: Its share of what is drawn, relative to the others'.
    """

    name: str
    place: str
    weight: float = 1.0

    @property
    def label(self) -> str:
        """The entry as it is written, without its weight."""
        return f"{self.name}:{self.place}"


@dataclasses.dataclass(frozen=True)
class Part:
    """One opened set of a mixture: its faces, and what tells them apart.

    Attributes:
      entry: What was asked for.
      source: The faces.
      digests: One for each face, equal for equal faces; see `mixture_parts`.
    """

    entry: Entry
    source: sources.Source
    digests: Sequence[str]


@dataclasses.dataclass(frozen=True)
class Count:
    """What became of one set: faces found, left out for two reasons, and drawn in an epoch."""

    label: str
    weight: float
    found: int
    duplicates: int
    excluded: int
    drawn: int


def parse(entries: str | Sequence[str]) -> list[Entry]:
    """Reads the entries of a mixture.

    Args:
      entries: Entries, or one text with commas between them; a weight that is left out is 1.

    Raises:
      ValueError: An entry is none; the message says what it reads like.
    """
    if isinstance(entries, str):
        entries = entries.split(",")
    found = [_parse_one(text.strip()) for text in entries if text.strip()]
    labels = [entry.label for entry in found]
    if len(set(labels)) < len(labels):
        raise ValueError(f"mixture: a set is named twice among {', '.join(labels)}")
    return found


def _parse_one(text: str) -> Entry:
    where, mark, weight_text = text.rpartition("=")
    if not mark:
        where, weight_text = text, "1"
    try:
        weight = float(weight_text)
    except ValueError:
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"mixture: '{text}': the weight must be a positive number")
    name, _, place = where.partition(":")
    if name == FOLDER and place:
        return Entry(FOLDER, place, weight)
    if not _PREPARED.fullmatch(where):
        raise ValueError(
            f"mixture: '{text}' is no entry; write NAME:SPLIT=WEIGHT, such as the300w:train=1, or "
            "folder:PATH=WEIGHT"
        )
    return Entry(name, place, weight)


def photo_of(digest: str) -> str:
    """Returns the part of a face's digest that its photo alone decides."""
    return digest[:PHOTO_DIGITS]


class MixedSource:
    """The faces of several sets without labels; each draw of an epoch has its place.

    Sets whose share is larger than their size repeat their faces equally often, but for one.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        excluded_photos: Iterable[str] = (),
        excluded_keys: Sequence[str] = (),
    ) -> None:
        """Mixes sets.

        Args:
          parts: At least one; where a face is in several, the first keeps it.
          excluded_photos: `photo_of` the photos to leave out, with all their faces.
          excluded_keys: Starts of the keys to leave out.

        Raises:
          ValueError: A set has no faces left, or weights and sizes do not go together.
        """
        kept, tallies = _kept(parts, set(excluded_photos), tuple(excluded_keys))
        draws = _draws([len(places) for places in kept], [p.entry.weight for p in parts])
        self._sources = [part.source for part in parts]
        self._part = np.repeat(np.arange(len(parts), dtype=np.int32), draws)
        self._place = np.concatenate(
            [np.resize(places, count) for places, count in zip(kept, draws, strict=True)]
        )
        self.counts = [
            Count(
                part.entry.label,
                part.entry.weight,
                len(part.source),
                tally["duplicate"],
                tally["excluded"],
                int(count),
            )
            for part, tally, count in zip(parts, tallies, draws, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._place)

    def __getitem__(self, index: int) -> sources.Record:
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is not in 0..{len(self) - 1}")
        record = self._sources[self._part[index]][int(self._place[index])]
        return {**record, **sources.no_labels(), "index": index}

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order; a face that repeats has its key as often."""
        keys = [source.keys for source in self._sources]
        return [keys[p][i] for p, i in zip(self._part, self._place, strict=True)]

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(name, reason) of what the sets left out."""
        return sources.skipped(self._sources)


def _kept(
    parts: Sequence[Part], photos: set[str], starts: tuple[str, ...]
) -> tuple[list[npt.NDArray[np.int64]], list[collections.Counter[str]]]:
    """The places of the faces to use in each set, and how many were left out for which reason."""
    seen: set[str] = set()
    kept, tallies = [], []
    for part in parts:
        tally: collections.Counter[str] = collections.Counter()
        places = []
        keys = part.source.keys if starts else [""] * len(part.source)
        for place, (digest, key) in enumerate(zip(part.digests, keys, strict=True)):
            if photo_of(digest) in photos or (starts and key.startswith(starts)):
                tally["excluded"] += 1
            elif digest in seen:
                tally["duplicate"] += 1
            else:
                seen.add(digest)
                places.append(place)
        if not places:
            raise ValueError(
                f"mixture: none of the {len(part.source)} faces of {part.entry.label} is left: "
                f"{tally['duplicate']} are in sets named before, {tally['excluded']} are excluded"
            )
        kept.append(np.array(places, np.int64))
        tallies.append(tally)
    return kept, tallies


def _draws(sizes: Sequence[int], weights: Sequence[float]) -> npt.NDArray[np.int64]:
    """How often an epoch draws from each set: as the weights say, and every face at least once."""
    shares = np.array(weights, float) / sum(weights)
    length = max(size / share for size, share in zip(sizes, shares, strict=True))
    draws = np.round(length * shares).astype(np.int64)
    draws = np.maximum(draws, sizes)  # rounding must not lose a face
    if draws.sum() > _MOST_REPEATS * sum(sizes):
        raise ValueError(
            f"mixture: with weights {list(weights)} for {list(sizes)} faces an epoch would have "
            f"{draws.sum()} draws; choose weights nearer to the sets' sizes"
        )
    return draws


def table(counts: Sequence[Count]) -> str:
    """Returns a Markdown table of what a mixture consists of."""
    total = sum(count.drawn for count in counts)
    lines = [
        "| set | weight | faces | duplicates left out | excluded | used | share of draws |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for count in counts:
        used = count.found - count.duplicates - count.excluded
        name = count.label.replace("|", "\\|")
        lines.append(
            f"| {name} | {count.weight:g} | {count.found} | {count.duplicates} | "
            f"{count.excluded} | {used} | {100 * count.drawn / total:.1f} % |"
        )
    return "\n".join(lines) + "\n"
