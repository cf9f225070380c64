"""Where files of a run are: on a disk, or in a bucket, such as gs://bucket/runs/a.

A bucket keeps whole objects under names. Nothing can be added to one, moved or locked there, and a
folder is there as soon as something is in it.
"""

import argparse
import functools
import os
import pathlib
import tempfile

from etils import epath

Place = pathlib.Path | epath.Path

_MARK = "://"


def at(address: str | os.PathLike[str]) -> Place:
    """Returns the place that a user names.

    Args:
      address: A path, or an address of a bucket.

    Raises:
      ValueError: It is an address that nothing here can open.
      OSError: The bucket does not answer.
    """
    text = os.fspath(address)
    if not is_address(text):
        return pathlib.Path(text)
    try:
        place = epath.Path(text)
        place.exists()
    except (KeyError, NotImplementedError) as error:  # etils's answers to other addresses
        raise ValueError(
            f"'{text}' is no place that can be opened; give a folder, or a place in a bucket, such "
            "as gs://bucket/runs"
        ) from error
    except ImportError as error:
        raise ValueError(f"{text}: for buckets, pip install 'scaf_jax[gcs]' ({error})") from error
    except Exception as error:  # of many kinds: no network, no such bucket, nobody signed in
        raise OSError(
            f"{text} cannot be reached ({error}); is there such a bucket, and are you signed in "
            "(gcloud auth application-default login)?"
        ) from error
    return place


def on_disk(address: str | os.PathLike[str], purpose: str) -> pathlib.Path:
    """Returns the path that a user names.

    Args:
      address: A path.
      purpose: What it is for, for the message: what needs a disk, as the beginning of a sentence.

    Raises:
      ValueError: It is a bucket's address.
    """
    if is_address(address):
        raise ValueError(
            f"{address}: {purpose} needs a folder on a disk, or in a bucket that is mounted "
            "(gcsfuse); see docs/pods.md"
        )
    return pathlib.Path(address)


def path_argument(text: str) -> pathlib.Path:
    """Returns a path of the command line, for `argparse`.

    Raises:
      argparse.ArgumentTypeError: It is a bucket's address, of which a path would make a folder.
    """
    try:
        return on_disk(text, "this")
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def as_place(path: str | os.PathLike[str]) -> Place:
    """Returns a path or a place as one that can be opened.

    A text is a file's name here, whatever is in it: names of files come from anywhere.
    """
    return path if isinstance(path, epath.Path) else pathlib.Path(path)


def is_address(place: str | os.PathLike[str]) -> bool:
    """Whether it is in a bucket: an address, and no path of this machine.

    Example:
      >>> is_address("gs://bucket/runs/a"), is_address("runs/a")
      (True, False)
    """
    return _MARK in os.fspath(place)


@functools.cache
def copy_here(place: epath.Path) -> pathlib.Path:
    """Returns a copy of a bucket's file on this machine's disk; it lasts as long as the process.

    Raises:
      OSError: It cannot be read.
    """
    # Other places may have a file of this name.
    path = pathlib.Path(tempfile.mkdtemp(dir=_copies().name), place.name)
    path.write_bytes(place.read_bytes())
    return path


@functools.cache
def _copies() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="scaf_jax_")


def children(folder: Place) -> list[Place]:
    """Returns what is in a folder; nothing where it is not there, as empty ones in a bucket."""
    return list(folder.iterdir()) if folder.is_dir() else []


def size(place: Place) -> int:
    """Returns a file's size in bytes."""
    if isinstance(place, pathlib.Path):
        return place.stat().st_size
    return place.stat().length


def read_text(place: Place) -> str:
    """Returns a file's UTF-8 text; what is none becomes U+FFFD.

    Raises:
      OSError: It cannot be read.
    """
    return place.read_bytes().decode("utf-8", errors="replace")
