"""From listed faces to examples, one after the other or in several processes, in order."""

import collections
import concurrent.futures
import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from data_builders import face_reading, faces, precropped, processes
from data_builders.doctor import examination

OnError = Literal["stop", "skip"]
ON_ERROR: tuple[OnError, ...] = ("stop", "skip")
# Faces that a process is sent at a time, and such shares that wait for each process.
_CHUNK = 8
_WAITING = 4


@dataclasses.dataclass(frozen=True)
class Made:
    """The example of a face, and what was seen of it on the way."""

    example: dict[str, Any]
    seen: examination.Observation


@dataclasses.dataclass(frozen=True)
class Skipped:
    """A face that was left out: its key, why, and what was seen of it."""

    key: str
    reason: str
    seen: examination.Observation


@dataclasses.dataclass(frozen=True)
class ExampleMaker:
    """Makes the example of a face. Can be pickled, for other processes.

    Attributes:
      split: The split.
      num_landmarks: How many landmarks a face must have.
      on_error: Whether a face that cannot be used is an error or left out.
      cropping: What is stored of each photo; None stores its file as it is.
    """

    split: str
    num_landmarks: int
    on_error: OnError = "stop"
    cropping: precropped.Cropping | None = None

    def __call__(self, numbered: tuple[int, faces.Face]) -> tuple[int, Made | Skipped]:
        """Returns a face's place and its example, or why there is none.

        Raises:
          ValueError: One of `faces.FACE_ERRORS`, where these stop the preparation.
        """
        index, face = numbered
        listed = examination.Listed(face, (self.split,))
        try:
            example = face_reading.read_face(face, self.num_landmarks)
            seen = examination.of_values(listed, example)
            if self.cropping is not None:
                example = precropped.precrop(example, self.cropping)
        except faces.FACE_ERRORS as error:
            if self.on_error == "stop":
                raise
            return index, Skipped(face.key, str(error), examination.of_error(listed, error))
        return index, Made({**example, "index": index}, seen)


def make_all(
    make: ExampleMaker, members: Iterable[faces.Face], workers: int
) -> Iterator[tuple[int, Made | Skipped]]:
    """Yields what `make` returns for each face, in order.

    Args:
      make: Makes the examples.
      members: The faces of a split.
      workers: Processes that share the work; 1 does it in this one.
    """
    if workers == 1:
        yield from map(make, enumerate(members))
        return
    with processes.pool(workers) as pool:
        waiting: collections.deque[concurrent.futures.Future[list[Any]]] = collections.deque()
        try:
            for chunk in _chunks(enumerate(members)):
                waiting.append(pool.submit(_make_chunk, make, chunk))
                # Photos that nobody has taken yet must not fill the memory.
                if len(waiting) == workers * _WAITING:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)  # at an error the rest is not worth waiting for


def _make_chunk(make: ExampleMaker, chunk: list[tuple[int, faces.Face]]) -> list[Any]:
    return [make(numbered) for numbered in chunk]


def _chunks(numbered: Iterable[tuple[int, faces.Face]]) -> Iterator[list[tuple[int, faces.Face]]]:
    chunk = []
    for one in numbered:
        chunk.append(one)
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
