"""Opens the sets of a mixture and hashes their faces, once for each set.

The hashes are kept in `.digests` beside the prepared data sets; hashing reads every photo.
"""

import hashlib
import json
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np
from absl import logging

from scaf_jax.data import folder_source, mixtures, photo_scan, prepared_sources, sources
from scaf_jax.files import atomic, strict_json

CACHE_FOLDER = ".digests"


def open_mixture(
    entries: str | Sequence[str],
    *,
    data_dir: str,
    exclude: str | Sequence[str] = (),
    exclude_file: str = "",
    relative_box: Sequence[float] | None = None,
    boxes_csv: str | None = None,
    on_error: folder_source.OnError = "stop",
) -> mixtures.MixedSource:
    """Opens a mixture; see `mixtures` for how it is written.

    Args:
      entries: The sets and their weights.
      data_dir: Where data sets were prepared.
      exclude: Sets, written alike, none of whose photos may be used, such as test sets.
      exclude_file: A text file of starts of keys that may not be used, one a line.
      relative_box: For folders; see `FolderSource`.
      boxes_csv: Likewise; one table for all folders.
      on_error: Likewise.

    Raises:
      ValueError: An entry is none, or a set has no faces left.
      FileNotFoundError: A set is not prepared, or a folder not there.
    """
    parts, forbidden = (
        [
            _open(entry, data_dir, relative_box, boxes_csv, on_error)
            for entry in mixtures.parse(chosen)
        ]
        for chosen in (entries, exclude)
    )
    names = read_exclusions(pathlib.Path(exclude_file).expanduser()) if exclude_file else []
    return mixtures.MixedSource(
        parts,
        excluded_photos={mixtures.photo_of(d) for part in forbidden for d in part.digests},
        excluded_keys=names,
    )


def _open(
    entry: mixtures.Entry,
    data_dir: str,
    relative_box: Sequence[float] | None,
    boxes_csv: str | None,
    on_error: folder_source.OnError,
) -> mixtures.Part:
    if entry.name == mixtures.FOLDER:
        source = folder_source.FolderSource(
            entry.place,
            relative_box=relative_box,
            boxes_csv=boxes_csv,
            on_error=on_error,
            cache=photo_scan.cache_below(data_dir),
            whole_table=False,
        )
        boxes = repr(relative_box)
        if boxes_csv:
            boxes += hashlib.sha256(pathlib.Path(boxes_csv).read_bytes()).hexdigest()
        folder = pathlib.Path(entry.place).expanduser()
        identity = folder_identity(folder, source.photos, boxes)
    else:
        source = prepared_sources.open_source(entry.name, data_dir=data_dir, split=entry.place)
        identity = source.identity
    cache = photo_scan.below(data_dir, CACHE_FOLDER)
    return mixtures.Part(entry, source, cached_digests(cache, identity, source))


def face_digests(source: sources.Source) -> list[str]:
    """Returns a hash of each face's photo bytes and ground-truth box; reads the whole source."""
    return [_digest(source[i]) for i in range(len(source))]


def _digest(record: sources.Record) -> str:
    photo = hashlib.sha256(record["image"]).hexdigest()
    box = np.asarray(record["box_ground_truth"], np.float32)
    return photo[: mixtures.PHOTO_DIGITS] + hashlib.sha256(box.tobytes()).hexdigest()[:16]


def cached_digests(cache: pathlib.Path, identity: str, source: sources.Source) -> list[str]:
    """Returns `face_digests`, from a file where they were computed before.

    Args:
      cache: The folder of such files.
      identity: Changes whenever the source's faces do.
      source: The faces.
    """
    path = cache / f"{hashlib.sha256(identity.encode()).hexdigest()[:24]}.json"
    try:
        saved = strict_json.read_json(path)
        if saved["identity"] == identity and len(saved["digests"]) == len(source):
            return [str(digest) for digest in saved["digests"]]
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not usable: computed anew
    digests = face_digests(source)
    try:
        _write(path, {"identity": identity, "digests": digests})
    except OSError as error:
        logging.warning("%s: cannot be written (%s): the next run will hash again", path, error)
    return digests


def _write(path: pathlib.Path, content: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic.write_text(path, json.dumps(content))  # several processes may write it at once


def folder_identity(folder: pathlib.Path, keys: Iterable[str], more: str = "") -> str:
    """Returns what changes when a folder's photos do: their names, sizes and times.

    Args:
      folder: The folder.
      keys: Names of the photos below it.
      more: What else the faces depend on, such as their boxes.
    """
    state = hashlib.sha256(more.encode())
    for key in keys:
        try:
            status = (folder / key).stat()
            state.update(f"{key}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
        except OSError:
            state.update(f"{key}\n".encode())
    return f"{folder.absolute()}:{state.hexdigest()}"


def read_exclusions(path: pathlib.Path) -> list[str]:
    """Reads the starts of keys to leave out, one a line; blank lines and # comments are skipped.

    Raises:
      ValueError: The file cannot be read, or names nothing.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read as UTF-8 text: {error}") from error
    names = [line.strip() for line in text.splitlines()]
    names = [name for name in names if name and not name.startswith("#")]
    if not names:
        raise ValueError(f"{path}: names nothing to exclude")
    return names
