"""Shows how far a pass over batches is: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], name: str) -> Iterator[Item]:
    """Yields the items, moving a progress bar on where standard error is a terminal."""
    total = len(items) if isinstance(items, Sized) else None
    yield from tqdm.tqdm(items, desc=name, total=total, disable=not sys.stderr.isatty())
