"""Reads JSON that comes from anywhere, with errors that name the file and the line."""

import json
import os
from typing import IO, Any

from scaf_jax.files import places, texts

MAX_BYTES = 512 << 20
_ZIP_START = b"PK\x03\x04"


class JsonError(ValueError):
    """A JSON file cannot be used; the message names it."""


def read_json(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> Any:
    """Reads a JSON file.

    A byte order mark is fine. A key that an object has twice is not: one of the two values would
    be lost.

    Args:
      path: The file, in UTF-8.
      max_bytes: How large it may be.

    Raises:
      JsonError: It cannot be read, is larger than `max_bytes` or is not such a file.
    """
    try:
        with _open(path) as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise JsonError(f"{path}: cannot be read: {error.strerror}") from error
    if len(data) > max_bytes:
        raise JsonError(f"{path}: larger than {max_bytes} bytes; split it")
    if data.startswith(_ZIP_START):
        raise JsonError(f"{path}: is a zip archive; unpack it and give the .json inside")
    try:
        text = texts.decode(data)
    except UnicodeDecodeError as error:
        raise JsonError(
            f"{path}: not a UTF-8 text (byte {error.start}); save it as UTF-8"
        ) from error
    return parse_json(text, str(path))


def parse_json(text: str, place: str) -> Any:
    """Reads JSON from a text; see `read_json`.

    Args:
      text: The text.
      place: Where it is from, for messages.

    Raises:
      JsonError: It is no JSON.
    """
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except json.JSONDecodeError as error:
        raise JsonError(
            f"{place}:{error.lineno}: not JSON ({error.msg}, column {error.colno}); it may be cut "
            "short: export it again, or correct it"
        ) from error
    except (RecursionError, ValueError) as error:
        reason = error if isinstance(error, _RepeatedKeyError) else type(error).__name__
        raise JsonError(f"{place}: not usable as JSON ({reason})") from error


def _open(path: str | os.PathLike[str]) -> IO[bytes]:
    # What is in a bucket comes as such a path; a text is always a file's name, whatever is in it.
    return places.as_place(path).open("rb")


class _RepeatedKeyError(ValueError):
    pass


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        repeated = next(key for key in keys if keys.count(key) > 1)
        raise _RepeatedKeyError(f"{ascii(repeated[:80])} is there twice")
    return content
