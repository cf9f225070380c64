"""Shows how far a pass over batches is: a bar on a terminal, nothing elsewhere."""

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], name: str, total: int | None = None) -> Iterator[Item]:
    """Yields the items, moving a progress bar on where standard error is a terminal.

    Args:
      items: What to yield.
      name: What the bar is called.
      total: How many there are, where they cannot be counted.
    """
    if isinstance(items, Sized):
        total = len(items)
    yield from tqdm.tqdm(items, desc=name, total=total, disable=not sys.stderr.isatty())
