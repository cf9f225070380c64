"""Preparing afresh without losing what is there: the old set goes when the new one is complete."""

import contextlib
import pathlib
import shutil
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def folder_beside(path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a new folder on the same disk as a prepared set; it is removed in the end.

    Args:
      path: The folder of the set's version.
    """
    with tempfile.TemporaryDirectory(prefix=".new_", dir=path.parent) as folder:
        yield pathlib.Path(folder)


def replace(path: pathlib.Path, new: pathlib.Path) -> None:
    """Puts a new folder in the place of an old one.

    Args:
      path: The old folder. Should the computer stop in the middle, it is beside this place, with
        `.replaced` at the end of its name.
      new: The new one, on the same disk.
    """
    aside = path.with_name(f"{path.name}.replaced")
    if aside.exists():
        shutil.rmtree(aside)
    path.rename(aside)
    new.rename(path)
    shutil.rmtree(aside)
