"""One process at a time works in a folder: two would write over each other's checkpoints."""

import contextlib
import pathlib
from collections.abc import Iterator

import filelock
import jax
from absl import logging

_FILE = ".lock"


class WorkdirBusyError(RuntimeError):
    """Another process works in the folder."""


@contextlib.contextmanager
def only_one(workdir: str) -> Iterator[None]:
    """Keeps other processes out of a working folder; the system ends this with the process.

    Of the processes of one run, the first stands for all. File systems without locks are left
    unguarded, with a warning.

    Args:
      workdir: The folder; made if missing.

    Raises:
      ValueError: It is a bucket's address.
      WorkdirBusyError: Another process is in it.
    """
    if "://" in workdir:
        raise ValueError(
            f"--workdir={workdir}: metrics and reports are written as files, so the folder must be "
            "on a disk or in a bucket that is mounted (gcsfuse); see docs/pods.md"
        )
    if jax.process_index() != 0:
        yield
        return
    folder = pathlib.Path(workdir)
    folder.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / _FILE, timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise WorkdirBusyError(
            f"another process works in {workdir}: wait for it, or give another --workdir"
        ) from error
    except NotImplementedError:  # filelock's answer to file systems without flock
        logging.warning("%s cannot be locked: start only one process in it", workdir)
    try:
        yield
    finally:
        lock.release()
