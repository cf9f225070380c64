"""A file of JSON lines that grows while work goes on, and that stopped work continues from.

The first line says what the work is; only the same work continues. A last line that was not written
whole is cut off.
"""

import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from scaf_jax.files import atomic


class OtherWorkError(ValueError):
    """The file is of other work, or is none of ours; the message says what differs."""


class JsonLines:
    """An open file of lines; close it, or use it with `with`."""

    def __init__(self, path: pathlib.Path, work: Mapping[str, Any]) -> None:
        """Opens a file to go on with it, or begins it.

        Args:
          path: The file; its folder must exist.
          work: What the lines depend on, plain values.

        Raises:
          OtherWorkError: It is there already, and of other work.
        """
        self._path = path
        work = atomic.plain(work)
        if path.exists():
            end = _end_of_whole_lines(path)
            _check_same(path, work)
            self._file: BinaryIO = path.open("r+b")
            self._file.truncate(end)
            self._file.seek(end)
        else:
            atomic.write_text(path, _line({"work": work}))
            self._file = path.open("ab")

    def append(self, value: Mapping[str, Any]) -> None:
        """Adds a line, at once; what is not finite becomes null."""
        self._file.write(atomic.encode(_line(atomic.plain(value))))
        self._file.flush()

    def read(self) -> Iterator[dict[str, Any]]:
        """Yields all lines but the first."""
        self._file.flush()
        with self._path.open("rb") as file:
            next(file)
            for line in file:
                yield json.loads(line)

    def close(self) -> None:
        """Closes the file."""
        self._file.close()

    def __enter__(self) -> "JsonLines":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, allow_nan=False) + "\n"


def _end_of_whole_lines(path: pathlib.Path) -> int:
    """Where the last line ends that is whole, in bytes."""
    end = 0
    with path.open("rb") as file:
        for line in file:
            try:
                whole = line.endswith(b"\n") and isinstance(json.loads(line), dict)
            except ValueError:
                whole = False
            if not whole:
                break
            end += len(line)
    return end


def _check_same(path: pathlib.Path, work: Mapping[str, Any]) -> None:
    with path.open("rb") as file:
        try:
            found = json.loads(file.readline())["work"]
            changed = sorted(k for k in {*found, *work} if found.get(k) != work.get(k))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise OtherWorkError(f"{path} was not written by this project") from None
    if changed:
        raise OtherWorkError(f"{path} is of another {', '.join(changed)} than this command's")
