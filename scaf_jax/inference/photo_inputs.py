"""Which photos a command was given, what they are called, and where their faces are."""

import ast
import dataclasses
import glob
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.data import box_sets, images, photo_boxes, photo_files
from scaf_jax.files import folder_files, spellings

Boxes = npt.NDArray[np.float32]

_GLOB_MARKS = "*?["
_MOST_NAMED = 3
_MOST_LOOKED_AT = 100  # photos, before the others


@dataclasses.dataclass(frozen=True)
class Photos:
    """Photos, sorted by name and each there once.

    Attributes:
      root: The folder that all are in.
      names: Their paths below it, with `/` between folders.
    """

    root: pathlib.Path
    names: tuple[str, ...]

    @property
    def paths(self) -> list[pathlib.Path]:
        """Their files."""
        return [self.root / name for name in self.names]


def find(inputs: Sequence[str], leave_out: pathlib.Path | None = None) -> Photos:
    """Finds the photos that are meant.

    Args:
      inputs: Files, which are taken whatever they are called; folders, searched to the bottom;
        and patterns such as `photos/*.jpg` or `photos/**/*.png`.
      leave_out: A folder whose files do not count, such as that of the results.

    Raises:
      FileNotFoundError: An input names no photo.
    """
    found: set[str] = set()
    for text in inputs:
        paths = meant = _meant(text)
        if leave_out is not None:
            inside = os.path.abspath(leave_out) + os.sep
            paths = [path for path in paths if not path.startswith(inside)]
        if meant and not paths:
            raise FileNotFoundError(
                f"{images.printable_name(text)}: all of its photos are in the folder of the "
                "results, whose files do not count; give another --output"
            )
        if not paths:
            raise FileNotFoundError(
                f"{images.printable_name(text)}: there is no such photo, folder with photos "
                f"({', '.join(images.EXTENSIONS)}) or pattern that fits any"
            )
        found.update(paths)
    folders = {os.path.dirname(path) for path in found}
    if len(inputs) == 1 and os.path.isdir(inputs[0]):
        folders = {os.path.abspath(inputs[0])}
    root = os.path.commonpath(folders)
    names = sorted(pathlib.PurePath(os.path.relpath(path, root)).as_posix() for path in found)
    return Photos(pathlib.Path(root), tuple(names))


def _meant(text: str) -> list[str]:
    """The absolute paths that an input stands for; links are not resolved."""
    path = os.path.abspath(os.path.expanduser(text))
    if not text.isascii():  # accents may be spelled otherwise on the disk
        path = os.fspath(spellings.find(pathlib.Path(os.sep), path.split(os.sep)[1:]))
    if os.path.isdir(path):
        files = photo_files.look(path)
        for problem in files.problems:
            logging.warning("%s: %s", images.printable_name(text), problem)
        return [os.path.join(path, name) for name in files.photos]
    if os.path.exists(path):
        return [path]
    if not any(mark in text for mark in _GLOB_MARKS):
        return []
    # What people wrote out is meant; of what a pattern fits, only what every folder would give.
    start = len(os.path.dirname(re.split(rf"[{re.escape(_GLOB_MARKS)}]", path)[0])) + 1
    found = {}
    for fitting in sorted(glob.glob(path, recursive=True)):
        rest = fitting[start:].replace(os.sep, "/")
        if folder_files.is_looked_at(rest) and os.path.isfile(fitting):
            if photo_files.is_photo(fitting):
                # Links to folders may lead to one photo in many ways.
                found.setdefault(_place(fitting), fitting)
    return list(found.values())


def _place(path: str) -> str:
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def parse_box(text: str) -> tuple[float, ...]:
    """Returns the box that a text such as `(0.2, 0.2, 0.8, 0.8)` stands for.

    Raises:
      ValueError: It stands for none.

    Example:
      >>> parse_box("(0.2, 0.2, 0.8, 0.8)")
      (0.2, 0.2, 0.8, 0.8)
    """
    try:
        values = tuple(float(value) for value in ast.literal_eval(text.strip()))
    except (SyntaxError, TypeError, ValueError):
        raise ValueError(
            f"--box: {images.printable_name(text)[:60]} is no box; write four fractions of width "
            "and height, such as '(0.2, 0.2, 0.8, 0.8)'"
        ) from None
    photo_boxes.checked_fractions(values, "--box")
    return values


class FaceBoxes:
    """Where the faces of photos are: what `FaceAligner.predict_files` asks for boxes."""

    def __init__(
        self,
        photos: Photos,
        *,
        relative_box: Sequence[float] | None = None,
        searched: bool = False,
        boxes_csv: pathlib.Path | None = None,
    ) -> None:
        """Reads the table, and warns of what does not fit.

        Args:
          photos: The photos.
          relative_box: x0, y0, x1, y1 of the face as fractions of a photo's width and height, for
            photos that the table does not list.
          searched: Whether a detector looks at those instead.
          boxes_csv: See `photo_boxes.read_table`; names are those of `photos`. Without both,
            whole photos.

        Raises:
          ValueError: The table or the box is none, no name of the table is that of a photo, or
            both a box and a detector are to serve the rest.
        """
        if searched and relative_box is not None:
            raise ValueError("--box and --detector: give one of them")
        self._searched = searched
        if relative_box is None and boxes_csv is None and not searched:
            logging.warning(
                "each whole photo is taken for a face; where they show more than one face, give "
                "--detector, --boxes or --box: a network expects boxes like those of its training"
            )
            relative_box = (0, 0, 1, 1)
        self._relative: Boxes | None = None
        if relative_box is not None:
            self._relative = photo_boxes.checked_fractions(relative_box, "box")
        self._table: dict[str, list[tuple[str, photo_boxes.Box]]] = {}
        self._names = dict(zip(photos.paths, photos.names, strict=True))
        if boxes_csv is not None:
            self._table = self._read(photos, boxes_csv)

    def __call__(self, path: pathlib.Path, size: tuple[int, int]) -> Any:
        """Returns the boxes of a photo of that (width, height), (4,) or (N, 4), or None to seek.

        Raises:
          ValueError: A box of the table is not of this photo; the message names the line.
        """
        entries = self._table.get(self._names[path])
        if entries is not None:
            for place, box in entries:
                problem = photo_boxes.misfit(box, size, images.printable_name(path.name))
                if problem:
                    shown = [round(float(side), 3) for side in box]
                    raise ValueError(f"{place}: the box {shown} {problem}")
            return _stacked(entries)
        if self._relative is None:
            return None if self._searched else np.zeros((0, 4), np.float32)
        return self._relative * np.tile(np.array(size, np.float32), 2)

    def _read(
        self, photos: Photos, table: pathlib.Path
    ) -> dict[str, list[tuple[str, photo_boxes.Box]]]:
        found = photo_boxes.read_table(table)
        matched = photo_boxes.match(found, photos.names)
        if not matched.names:
            raise ValueError(
                f"{table}: no name in it is that of a photo; names are paths below {photos.root}, "
                f"such as {images.printable_name(photos.names[0])}"
            )
        if matched.unknown:
            logging.warning("%s: %s of the table: no such photo", table, _some(matched.unknown))
        missing = matched.without
        if missing and self._relative is None and not self._searched:
            logging.warning("%s: no face is looked for in %s, without a row", table, _some(missing))
        entries = {
            photo: [entry for name in names for entry in found[name]]
            for photo, names in matched.names.items()
        }
        for odd in _doubts(photos.root, entries):
            logging.warning("%s: %s; %s", table, odd, box_sets.ADVICE)
        return entries


def _doubts(
    root: pathlib.Path, table: Mapping[str, Sequence[tuple[str, photo_boxes.Box]]]
) -> list[str]:
    """What is odd about a table's boxes, seen from some of its photos."""
    boxes, sizes = [], []
    for name in list(table)[:: 1 + len(table) // _MOST_LOOKED_AT]:
        try:
            size = images.image_size(images.read_encoded(root / name), name)
        except images.ImageError:
            continue  # told when its turn comes
        boxes += [box for _, box in table[name]]
        sizes += [size] * len(table[name])
    return box_sets.doubts(boxes, sizes)


def _stacked(entries: Sequence[tuple[str, photo_boxes.Box]]) -> Boxes:
    return np.array([box for _, box in entries], np.float32).reshape(-1, 4)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(images.printable_name(name) for name in names[:_MOST_NAMED])
    more = len(names) - _MOST_NAMED
    return shown + (f" and {more} more" if more > 0 else "")
