"""One process at a time works in a folder: two would write over each other's checkpoints."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock
import jax
from absl import logging

from scaf_jax.files import places

_FILE = ".lock"
_UNGUARDED = "%s cannot be locked: start only one run in it"


class WorkdirBusyError(RuntimeError):
    """Another process works in the folder."""


@contextlib.contextmanager
def only_one(workdir: str) -> Iterator[None]:
    """Keeps other processes out of a working folder; the system ends this with the process.

    Of the processes of one run, the first stands for all. Buckets and file systems without locks
    are left unguarded, with a warning.

    Args:
      workdir: The folder, or its place in a bucket; made if missing.

    Raises:
      ValueError: It is an address that cannot be opened.
      WorkdirBusyError: Another process is in it.
    """
    folder = places.at(workdir)
    if jax.process_index() != 0:
        yield
        return
    if not isinstance(folder, pathlib.Path):
        logging.warning(_UNGUARDED, workdir)
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _FILE, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise WorkdirBusyError(
            f"another process works in {workdir}: wait for it, or give another --workdir"
        ) from error
    except NotImplementedError:  # filelock's answer to file systems without flock
        logging.warning(_UNGUARDED, workdir)
    try:
        yield
    finally:
        lock.release()
