"""Photos to full batches of faces and back: shapes stay the same however many faces a photo has."""

import collections
import concurrent.futures
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

Rows = dict[str, npt.NDArray[Any]]
Item = TypeVar("Item")
Result = TypeVar("Result")


class _HasCrops(Protocol):
    @property
    def crops(self) -> npt.NDArray[np.uint8]: ...


Photo = TypeVar("Photo", bound=_HasCrops)


def asked(
    photos: Iterable[Photo],
    ask: Callable[[npt.NDArray[np.uint8]], Rows],
    batch_size: int,
) -> Iterator[tuple[Photo, list[Rows]]]:
    """Yields the photos in their order, each as soon as all of its faces were looked at.

    Args:
      photos: Each with `crops` (N, S, S, 3), N of 0 and more.
      ask: (B, S, S, 3) crops -> (B, ...) arrays; always gets `batch_size` of them, black ones
        where there are no more faces.
      batch_size: Crops in a batch, B.

    Yields:
      A photo, and the results of its N faces.
    """
    waiting: collections.deque[Photo] = collections.deque()
    crops: list[npt.NDArray[np.uint8]] = []
    rows: collections.deque[Rows] = collections.deque()

    def look() -> None:
        batch = np.zeros((batch_size, *crops[0].shape), np.uint8)
        count = min(batch_size, len(crops))
        batch[:count] = crops[:count]
        del crops[:count]
        results = ask(batch)
        rows.extend({name: value[i] for name, value in results.items()} for i in range(count))

    def complete() -> Iterator[tuple[Photo, list[Rows]]]:
        while waiting and len(rows) >= len(waiting[0].crops):
            photo = waiting.popleft()
            yield photo, [rows.popleft() for _ in photo.crops]

    for photo in photos:
        waiting.append(photo)
        crops.extend(photo.crops)
        while len(crops) >= batch_size:
            look()
        yield from complete()
    if crops:
        look()
    yield from complete()


def ahead(
    work: Callable[[Item], Result], items: Iterable[Item], num_threads: int
) -> Iterator[Result]:
    """Yields `work` of each item, in order, computed ahead by threads.

    Args:
      work: What to do; an error of it is raised at the item's turn.
      items: With what.
      num_threads: How many threads; with 0 an item is worked on when it is asked for.
    """
    if not num_threads:
        yield from map(work, items)
        return
    pool = concurrent.futures.ThreadPoolExecutor(num_threads)
    waiting: collections.deque[concurrent.futures.Future[Result]] = collections.deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > 2 * num_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
