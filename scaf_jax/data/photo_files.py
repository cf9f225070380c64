"""Which files of a folder are photos, and what is passed over.

The ending says what is a photo, in any case. Photos of a kind that is not decoded here, such as a
camera's raw files, are counted and named rather than lost without a word. Phones write JPEG files
called .HEIC too, so where an ending leaves it open the file's first bytes decide.
"""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Collection, Iterable, Mapping

from scaf_jax.data import images
from scaf_jax.files import folder_files

# What people take for photos, and what is not decoded whatever is installed.
_NEVER_READ = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcm .dng .erf .exr .hdr .jxl .jxr .kdc .mrw .nef .nrw .orf .pcx "
    ".pef .psd .raf .rw2 .sr2 .srw .svg .tga .x3f .xcf".split()
)

UNPACK = "unpack the archives first"
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tgz", ".gz", ".001")


@dataclasses.dataclass(frozen=True)
class PhotoFiles:
    """The photos of a folder tree.

    Attributes:
      photos: Their paths below the folder, with `/` between folders, sorted.
      beside: Likewise, the files with one of the endings that were asked for.
      passed_over: How many files and folders were passed over, by kind.
      unread: How many of these are photos, by ending.
      closed: How many are folders that cannot be opened.
    """

    photos: tuple[str, ...]
    beside: tuple[str, ...]
    passed_over: Mapping[str, int]
    unread: Mapping[str, int]
    closed: int = 0

    @property
    def archives(self) -> bool:
        """Whether archives were passed over."""
        return any(f"other files ({end})" in self.passed_over for end in _ARCHIVES)

    @property
    def problems(self) -> list[str]:
        """What of this may be missed, a sentence each."""
        found = []
        if self.unread:
            number = sum(self.unread.values())
            found.append(
                f"{number} photos are of kinds that cannot be read and are left out "
                f"({folder_files.describe(self.unread)}): save them as JPEG or PNG"
                + _with_heif(self)
            )
        if self.closed:
            found.append(f"{self.closed} folders cannot be opened: look at their rights")
        return found


def look(
    root: str | os.PathLike[str],
    beside: Collection[str] = (),
    *,
    known: Collection[str] = (),
    deep: bool = True,
) -> PhotoFiles:
    """Finds the photos of a folder; `files.folder_files` has the rule of what is passed over.

    Args:
      root: The folder.
      beside: Endings of further files that are of use, in lower case with their dots.
      known: Paths below it of files that are read for another reason, and are not passed over.
      deep: Whether its sub-folders are searched too.

    Raises:
      OSError: The folder is not searched deeper and cannot be opened.
    """
    root = pathlib.Path(root)
    passed_over: collections.Counter[str] = collections.Counter()
    unread: collections.Counter[str] = collections.Counter()
    photos, others = [], []
    names: Iterable[str] = folder_files.files_below(root, passed_over)
    if not deep:
        names = [path.name for path in folder_files.files_in(root, passed_over)]
    for name in names:
        end = folder_files.ending(name)
        if end in beside:
            others.append(name)
        elif is_photo(root / name):
            photos.append(name)
        elif end in _NEVER_READ or end in images.EXTENSIONS:
            unread[end] += 1
        elif name not in known:
            passed_over[f"other files ({end})" if end else "other files"] += 1
    for end, number in unread.items():
        passed_over[f"photos that cannot be read ({end})"] = number
    closed = passed_over[folder_files.CLOSED]
    return PhotoFiles(tuple(sorted(photos)), tuple(sorted(others)), +passed_over, unread, closed)


def is_photo(path: str | os.PathLike[str]) -> bool:
    """Returns whether a file is taken for a photo: by its name, and where that leaves it open, by
    its first bytes."""
    end = folder_files.ending(os.fspath(path))
    return end in images.EXTENSIONS and (
        end not in images.SOMETIMES_READ or images.can_be_read(path)
    )


def none_in(root: str | os.PathLike[str], found: PhotoFiles) -> str:
    """Returns what to say of a folder in which there is no photo."""
    said = f"{root}: no photos ({', '.join(images.EXTENSIONS)}) in this folder or below it"
    said += "".join(f"; {problem}" for problem in found.problems)
    passed_over = folder_files.describe(found.passed_over)
    said += f"; {UNPACK}" if found.archives else ""
    return said + (f"; passed over: {passed_over}" if passed_over else "")


def list_photos(root: str | os.PathLike[str]) -> list[str]:
    """Returns the photos' paths below a folder, with `/` between folders, sorted."""
    return list(look(root).photos)


def _with_heif(found: PhotoFiles) -> str:
    wanted = any(end in images.HEIF_EXTENSIONS for end in found.unread)
    return f", or {images.HEIF_ADVICE}" if wanted else ""
