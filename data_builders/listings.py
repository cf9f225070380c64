"""Reads long lists of faces: text files line by line, and faces that are made when asked for.

A line that makes no sense is one bad face, not the end of the list, so nothing here parses lines.
"""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import overload

from data_builders import face_builder, faces
from scaf_jax.files import texts

MAX_BYTES = 1 << 30
MAX_LINE_BYTES = 1 << 16
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Yields the lines of a text file that are not blank.

    Args:
      path: The file. Bytes that are not UTF-8 are kept as file names keep them, so that a photo
        of such a name is found.

    Yields:
      The line's number, from 1, and its text without blanks around it. Longer lines than
      `MAX_LINE_BYTES` come in pieces, which make no sense to a reader of faces.

    Raises:
      DownloadError: The file cannot be read or is larger than `MAX_BYTES`.
    """
    for number, _, line in read_raw_lines(path):
        text = line.decode("utf-8", "surrogateescape").replace(texts.MARK, "").strip(" \t\r\n")
        if text:
            yield number, text


def read_raw_lines(path: pathlib.Path) -> Iterator[tuple[int, int, bytes]]:
    """Yields (number, place of its first byte, bytes) of every line; see `read_lines`."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise face_builder.DownloadError(f"{path}: larger than {MAX_BYTES} bytes; split it")
        with path.open("rb") as file:
            number, place = 1, 0
            while line := file.readline(MAX_LINE_BYTES):
                if place == 0 and texts.encoding(line[:4]) not in ("utf-8", "utf-8-sig"):
                    raise face_builder.DownloadError(f"{path}:1: not UTF-8; save it as UTF-8")
                start = len(_BYTE_ORDER_MARK) if place == 0 and _marked(line) else 0
                yield number, place + start, line[start:]
                place += len(line)
                number += line.endswith(b"\n")
    except OSError as error:
        raise face_builder.DownloadError(f"{path}: cannot be read: {error.strerror}") from error


class LazyFaces(Sequence[faces.Face]):
    """Faces of a long list, each made when it is asked for."""

    def __init__(self, count: int, make: Callable[[int], faces.Face]) -> None:
        """Takes the list.

        Args:
          count: How many faces there are.
          make: Makes the face of a place, 0 to `count` - 1. Can be pickled.
        """
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> faces.Face: ...

    @overload
    def __getitem__(self, index: slice) -> list[faces.Face]: ...

    def __getitem__(self, index: int | slice) -> faces.Face | list[faces.Face]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(self._count)[index]]
        return self._make(range(self._count)[index])  # a range checks the index and counts back


def _marked(line: bytes) -> bool:
    return line.startswith(_BYTE_ORDER_MARK)
