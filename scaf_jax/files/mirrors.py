"""Files that grow: on a disk they are written where they belong, for a bucket here and copied."""

import pathlib
import tempfile
import time
from typing import Any

from absl import logging

from scaf_jax.files.places import Place


class Mirror:
    """A folder of this machine whose files appear in a place; close it, or use it with `with`.

    For a place on a disk it is that folder itself.

    Example:
      with Mirror(places.at("gs://bucket/runs/a")) as mirror:
        mirror.fetch("metrics.jsonl")  # what an earlier part of the run left
        with (mirror.folder / "metrics.jsonl").open("a") as file:
          ...
        mirror.push()
    """

    def __init__(self, place: Place) -> None:
        """Makes the folder; nothing is copied yet.

        Args:
          place: Where its files belong.
        """
        self._place = place
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if isinstance(place, pathlib.Path):
            self.folder = place
            place.mkdir(parents=True, exist_ok=True)
            return
        self._temporary = tempfile.TemporaryDirectory(prefix="scaf_jax_")
        self.folder = pathlib.Path(self._temporary.name)
        self._pushed: dict[pathlib.Path, tuple[int, int]] = {}
        self._last = time.monotonic()

    def fetch(self, name: str) -> None:
        """Copies a file of the place into the folder, if it is there."""
        if self._temporary is None:
            return
        place = self._place / name
        if place.exists():
            path = self.folder / name
            path.write_bytes(place.read_bytes())
            self._pushed[path] = _state(path)

    def push(self, *, after: float = 0.0) -> None:
        """Copies what is new to the place. What cannot be copied is told, and tried again later.

        Args:
          after: Seconds that must have passed since the last time; else nothing is done.
        """
        if self._temporary is None or time.monotonic() - self._last < after:
            return
        self._last = time.monotonic()
        for path in sorted(self.folder.rglob("*")):
            if not path.is_file():
                continue
            state = _state(path)
            if self._pushed.get(path) == state:
                continue
            try:
                self._write(path)
            except Exception as error:  # of many kinds; a training does not end for its numbers
                logging.warning("%s: %s cannot be written yet (%s)", self._place, path.name, error)
                continue
            self._pushed[path] = state

    def _write(self, path: pathlib.Path) -> None:
        target = self._place / path.relative_to(self.folder).as_posix()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())

    def close(self) -> None:
        """Copies what is new, and removes the copies here."""
        self.push()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def __enter__(self) -> "Mirror":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def _state(path: pathlib.Path) -> tuple[int, int]:
    """What changes when a file is written to."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns
