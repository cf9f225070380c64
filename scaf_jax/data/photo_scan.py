"""Looks at every photo of a folder once, so that a damaged one shows before a training and not in
the middle of it.

What was seen is kept by each file's size and time, so that only new and changed photos are decoded
again; photos that could not be used are always looked at again.
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
from collections.abc import Iterator, Sequence

import tqdm
from absl import logging

from scaf_jax.data import images
from scaf_jax.files import atomic, strict_json

CACHE_FOLDER = ".photo_scans"
_DEFAULT_DATA_DIR = "~/tensorflow_datasets"
_CHUNK = 1000  # so that a long list is not queued whole

Size = tuple[int, int]


def scan(
    folder: pathlib.Path, names: Sequence[str], cache: pathlib.Path | None = None
) -> dict[str, Size | str]:
    """Decodes photos, as small as their kind allows; with a progress bar on terminals.

    Args:
      folder: The folder.
      names: The photos' paths below it.
      cache: A folder in which to keep what was seen; None keeps nothing.

    Returns:
      By name, the (width, height) of the photo, or why it cannot be used.
    """
    known = {} if cache is None else _read(_cache_file(cache, folder))
    marks = {name: _mark(folder / name) for name in names}
    seen: dict[str, Size | str] = {}
    for name in names:
        entry = known.get(name)
        if entry is not None and marks[name] is not None and entry[:2] == marks[name]:
            seen[name] = (entry[2], entry[3])
    new = [name for name in names if name not in seen]
    if new:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for name, result in zip(new, _look_at_all(pool, folder, new), strict=True):
                seen[name] = result
        if cache is not None:
            _write(_cache_file(cache, folder), marks, seen)
    return {name: seen[name] for name in names}


def cache_below(data_dir: str) -> pathlib.Path:
    """Returns where scans are kept beside prepared data sets."""
    return below(data_dir, CACHE_FOLDER)


def below(data_dir: str, name: str) -> pathlib.Path:
    """Returns a folder beside prepared data sets; where those are in a bucket, in the home."""
    root = _DEFAULT_DATA_DIR if "://" in data_dir else data_dir
    return pathlib.Path(root).expanduser() / name


def _look_at_all(
    pool: concurrent.futures.Executor, folder: pathlib.Path, names: Sequence[str]
) -> Iterator[Size | str]:
    with tqdm.tqdm(total=len(names), desc="looking at photos", disable=None) as bar:
        for start in range(0, len(names), _CHUNK):
            paths = [folder / name for name in names[start : start + _CHUNK]]
            for result in pool.map(look_at, paths):
                bar.update()
                yield result


def look_at(path: pathlib.Path) -> Size | str:
    """Returns a photo's (width, height), or why it cannot be used."""
    name = images.printable_name(str(path))
    try:
        encoded = images.read_encoded(path)
        size = images.image_size(encoded, name)
        images.decode_image(encoded, name, shrink=8)
    except images.ImageError as error:
        return str(error)
    if min(size) < images.MIN_SIDE:
        return f"{name}: {size[0]} x {size[1]} pixels show no face; remove it"
    return size


def _mark(path: pathlib.Path) -> list[int] | None:
    """What changes when a file does; None for one that cannot be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns]


def _cache_file(cache: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    place = os.fsencode(folder.absolute())
    return cache / f"{hashlib.sha256(place).hexdigest()[:24]}.json"


def _read(path: pathlib.Path) -> dict[str, list[int]]:
    """What was kept: size and time of the file, width and height of the photo."""
    try:
        kept = strict_json.read_json(path)["photos"]
        return {
            str(name): values
            for name, values in kept.items()
            if len(values) == 4 and all(type(value) is int for value in values)
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}  # not there, or not usable: looked at anew


def _write(
    path: pathlib.Path, marks: dict[str, list[int] | None], seen: dict[str, Size | str]
) -> None:
    photos = {
        name: [*mark, *size]
        for name, size in seen.items()
        if not isinstance(size, str) and (mark := marks[name]) is not None
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, json.dumps({"photos": photos}))
    except OSError as error:
        logging.warning("%s: cannot be written (%s): the next run looks again", path, error)
