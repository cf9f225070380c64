"""One name in its two spellings: ë as one character, or as e and two dots.

A Mac and archives made on one take the accents of file names apart (NFD), tables have them whole
(NFC). Both look the same and mean the same file.
"""

import functools
import os
import pathlib
import unicodedata
from collections.abc import Sequence


def plain(name: str) -> str:
    """Returns a name in the one spelling that names are compared in."""
    return unicodedata.normalize("NFC", name)


def find(root: pathlib.Path, parts: Sequence[str]) -> pathlib.Path:
    """Returns the file below a folder that is called so, in whichever spelling it lies there.

    Args:
      root: The folder.
      parts: Names of folders and, last, of the file; nothing is done about `..`.

    Returns:
      The path as given where that exists or nothing does.
    """
    given = root.joinpath(*parts)
    if all(part.isascii() for part in parts) or os.path.lexists(given):
        return given
    path = root
    for part in parts:
        entries = _entries(path)
        path /= part if part in entries.values() else entries.get(plain(part), part)
    return path


def in_other_case(path: pathlib.Path) -> str | None:
    """Returns the name of a file beside a path that differs from its name in case alone, if any."""
    try:
        names = os.listdir(path.parent)
    except (OSError, ValueError):
        return None
    if path.name in names:
        return None
    return next((name for name in sorted(names) if name.casefold() == path.name.casefold()), None)


@functools.lru_cache(maxsize=64)
def _entries(folder: pathlib.Path) -> dict[str, str]:
    """The names in a folder by their plain spelling."""
    try:
        return {plain(name): name for name in os.listdir(folder) if not name.isascii()}
    except OSError:
        return {}
