"""Results of a pass on disk, in chunks: an interrupted pass over faces continues from them.

A folder holds `header.json`, which tells what the results belong to, and `faces_START_STOP.npz` for
consecutive faces. Every file is written whole or not at all; arrays are read without pickle.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.files import atomic, places, strict_json
from scaf_jax.files.places import Place

Rows = dict[str, npt.NDArray[Any]]

_HEADER = "header.json"
_NAME = re.compile(r"faces_(\d{8,})_(\d{8,})\.npz")


class ChunkFiles:
    """The chunks of one pass."""

    def __init__(self, folder: Place, header: Mapping[str, str]) -> None:
        """Opens a folder, making it if there is none; what belongs to something else is deleted.

        Args:
          folder: Where.
          header: What the results depend on, as hashes and names.
        """
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        saved = _read_header(folder / _HEADER)
        if saved == dict(header):
            return
        if saved is not None:
            changed = sorted(k for k in {*saved, *header} if saved.get(k) != header.get(k))
            logging.info("%s: scores of other %s; scoring anew", folder, ", ".join(changed))
        for path, _, _ in self._chunks():
            path.unlink()
        atomic.write_json(folder / _HEADER, header)

    def read(self) -> list[Rows]:
        """Returns the chunks that follow each other without a gap from the first face on.

        A chunk that cannot be read, and all after it, are deleted: they are computed again.
        """
        chunks, expected = [], 0
        for path, start, stop in self._chunks():
            rows = _read_chunk(path, stop - start) if start == expected else None
            if rows is None:
                logging.warning("%s: damaged or out of place; its faces are scored again", path)
                path.unlink()
                continue
            chunks.append(rows)
            expected = stop
        return chunks

    def append(self, start: int, rows: Rows) -> None:
        """Writes the rows of the faces from `start` on."""
        count = len(next(iter(rows.values())))
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, **rows)
        name = f"faces_{start:08d}_{start + count:08d}.npz"
        atomic.write_bytes(self._folder / name, content.getvalue())

    def _chunks(self) -> list[tuple[Place, int, int]]:
        found = []
        for path in places.children(self._folder):
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((path, int(match[1]), int(match[2])))
        return sorted(found, key=lambda chunk: chunk[1:])


def _read_header(path: Place) -> dict[str, str] | None:
    """The header; None if there is none, and an empty one if it is not readable."""
    if not path.exists():
        return None
    try:
        header = strict_json.read_json(path)
    except ValueError:
        return {}
    return header if isinstance(header, dict) else {}


def _read_chunk(path: Place, count: int) -> Rows | None:
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as content:
            rows = {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    return rows if rows and all(len(value) == count for value in rows.values()) else None
