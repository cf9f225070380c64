"""Which files of a user's folder are looked at: one rule for photos, points and tables alike.

Systems and programs leave files of their own between those of people: a Mac's `._photo.jpg`, the
previews of a network disk, a notebook's checkpoints, what was thrown away. None of them is looked
at, whatever its ending. Links to folders are followed once, after the folders that lie there
themselves, and never in circles. What is passed over is counted by kind.
"""

import collections
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

from scaf_jax.files.escaping import printable

# In lower case. Whatever begins with a dot is hidden too: .ipynb_checkpoints, .Trash-1000, ._a.jpg.
_SYSTEM_NAMES = frozenset(
    (
        "__macosx",
        "__pycache__",
        "@eadir",
        "@recycle",
        "@recently-snapshot",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbnails",
        "thumbs",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
    )
)
HIDDEN = "hidden files"
NOWHERE = "links that lead nowhere"
SEEN = "links to folders that are looked at already"
CLOSED = "folders that cannot be opened"
ODD = "neither files nor folders"
_MOST_KINDS = 12


def is_passed_over(name: str) -> bool:
    """Returns whether a file or folder of this name is never looked at."""
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def ending(name: str) -> str:
    """Returns a file name's ending as all endings are compared: in lower case, with its dot."""
    return os.path.splitext(name)[1].lower()


def files_below(
    root: str | os.PathLike[str], passed_over: collections.Counter[str] | None = None
) -> Iterator[str]:
    """Yields the files of a folder and its sub-folders, in no particular order.

    Args:
      root: The folder, whatever its own name is.
      passed_over: What is left out is counted in it, by kind.

    Yields:
      Paths below `root`, with `/` between folders; what links lead to comes last.
    """
    passed_over = collections.Counter() if passed_over is None else passed_over
    root = os.fspath(root)
    seen: set[tuple[int, int]] = set()
    links: list[str] = []
    yield from _walk(root, "", seen, links, passed_over)
    while links:
        link = links.pop(0)
        # Behind a link to a folder above lies the folder itself, and all that is beside it.
        if _is_around(root, os.path.join(root, link)):
            passed_over[SEEN] += 1
        else:
            yield from _walk(root, link, seen, links, passed_over)


def files_in(
    folder: pathlib.Path, passed_over: collections.Counter[str] | None = None
) -> list[pathlib.Path]:
    """Returns the files that lie in a folder itself, by name; see `files_below`.

    Raises:
      OSError: The folder cannot be opened.
    """
    passed_over = collections.Counter() if passed_over is None else passed_over
    return [folder / name for name in sorted(_look_into(folder, passed_over)[0])]


def folders_in(
    folder: pathlib.Path, passed_over: collections.Counter[str] | None = None
) -> list[pathlib.Path]:
    """Returns the folders that lie in a folder, links to folders included, by name.

    Args:
      folder: The folder.
      passed_over: What is left out is counted in it, by kind.

    Raises:
      OSError: The folder cannot be opened.
    """
    passed_over = collections.Counter() if passed_over is None else passed_over
    _, folders, links = _look_into(folder, passed_over)
    return [folder / name for name in sorted(folders + links)]


def describe(passed_over: Mapping[str, int]) -> str:
    """Returns what was passed over as one line, the largest numbers first; empty for nothing."""
    counts = collections.Counter(passed_over)
    shown = [f"{printable(kind)}: {number}" for kind, number in counts.most_common(_MOST_KINDS)]
    more = len(counts) - _MOST_KINDS
    return ", ".join(shown) + (f", and {more} more kinds" if more > 0 else "")


def is_looked_at(path: str) -> bool:
    """Returns whether no part of a path below a user's folder is passed over."""
    return not any(map(is_passed_over, path.split("/")))


def of_one_stem(names: Iterable[str]) -> list[list[str]]:
    """Returns the groups of paths that differ in nothing but their endings, sorted."""
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for name in names:
        groups[os.path.splitext(name)[0]].append(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def _walk(
    root: str,
    start: str,
    seen: set[tuple[int, int]],
    links: list[str],
    passed_over: collections.Counter[str],
) -> Iterator[str]:
    """The files below a folder that has not been seen; links to folders are put by for later."""
    waiting = [start]
    while waiting:
        below = waiting.pop()
        folder = os.path.join(root, below)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                passed_over[SEEN] += 1
                continue
            seen.add((status.st_dev, status.st_ino))
            files, folders, further = _look_into(folder, passed_over)
        except OSError:
            passed_over[CLOSED] += 1
            continue
        prefix = f"{below}/" if below else ""
        yield from (prefix + name for name in files)
        waiting += [prefix + name for name in folders]
        links += [prefix + name for name in further]


def _look_into(
    folder: str | os.PathLike[str], passed_over: collections.Counter[str]
) -> tuple[list[str], list[str], list[str]]:
    """The names of a folder's files, folders and links to folders, without those passed over."""
    files: list[str] = []
    folders: list[str] = []
    links: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            try:
                is_folder, is_file = entry.is_dir(), entry.is_file()
            except OSError:  # a link to itself, for one
                is_folder = is_file = False
            if is_passed_over(entry.name):
                passed_over[f"folders {entry.name}" if is_folder else HIDDEN] += 1
            elif is_folder:
                (links if entry.is_symlink() else folders).append(entry.name)
            elif is_file:
                files.append(entry.name)
            else:
                passed_over[NOWHERE if entry.is_symlink() else ODD] += 1
    return files, folders, links


def _is_around(root: str, link: str) -> bool:
    """Whether a link leads to a folder or to one that it lies in."""
    inner, outer = os.path.realpath(root), os.path.realpath(link)
    return inner == outer or inner.startswith(outer.rstrip(os.sep) + os.sep)
