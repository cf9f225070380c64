"""A folder of photos of faces without labels, for stage 1.

File names are only listed, never taken from a table, so a table cannot lead out of the folder.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.data import images, photo_files, sources
from scaf_jax.files import csv_tables

SIDES = ("x0", "y0", "x1", "y1")
_WHOLE_PHOTO = (0.0, 0.0, 1.0, 1.0)


class FolderSource:
    """All photos of a folder and its sub-folders, by name; landmarks are empty."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        relative_box: Sequence[float] | None = None,
        boxes_csv: str | os.PathLike[str] | None = None,
    ) -> None:
        """Lists the photos.

        Args:
          directory: The folder.
          relative_box: x0, y0, x1, y1 of the face as fractions of a photo's width and height,
            for photos that `boxes_csv` does not list. Without both, the whole photo.
          boxes_csv: A table with the header name,x0,y0,x1,y1: a photo's path below `directory`,
            with `/` between folders, and the face's box in pixels.

        Raises:
          FileNotFoundError: There is no such folder, or no photo in it.
          ValueError: A box is none; the message names the table's line.
        """
        self._directory = pathlib.Path(directory).expanduser()
        if not self._directory.is_dir():
            raise FileNotFoundError(f"{self._directory} is not a folder")
        files = photo_files.look(self._directory)
        if not files.photos:
            raise FileNotFoundError(photo_files.none_in(self._directory, files))
        for problem in files.problems:
            logging.warning("%s: %s", self._directory, problem)
        self._paths = list(files.photos)
        if relative_box is None and boxes_csv is None:
            relative_box = _WHOLE_PHOTO
        self._relative_box = None
        if relative_box is not None:
            self._relative_box = checked_box(relative_box, "relative_box")
        self._boxes = {} if boxes_csv is None else _read_boxes(pathlib.Path(boxes_csv))

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> sources.Record:
        path = self._paths[index]
        encoded = images.read_encoded(self._directory / path)
        box = self._boxes.get(path)
        if box is None:
            box = self._box_by_fraction(path, encoded)
        return {
            "image": encoded,
            **sources.no_labels(),
            "box_detector": box,
            "box_ground_truth": box,
            "key": images.printable_name(path),
            "subset": "",
            "index": index,
        }

    @property
    def keys(self) -> list[str]:
        """The photos' paths below the folder, in order."""
        return [images.printable_name(path) for path in self._paths]

    def _box_by_fraction(self, path: str, encoded: bytes) -> npt.NDArray[np.float32]:
        full_path = images.printable_name(str(self._directory / path))
        if self._relative_box is None:
            raise ValueError(
                f"{full_path} is not in the table of boxes; add it, or give relative_box"
            )
        width, height = images.image_size(encoded, full_path)
        return self._relative_box * np.array([width, height, width, height], np.float32)


def _read_boxes(path: pathlib.Path) -> dict[str, npt.NDArray[np.float32]]:
    return {
        row["name"]: checked_box([csv_tables.number(row, side, place) for side in SIDES], place)
        for place, row in csv_tables.read_table(path, ["name", *SIDES])
    }


def checked_box(values: Sequence[float], place: str) -> npt.NDArray[np.float32]:
    """Returns a (4,) float32 box x0, y0, x1, y1.

    Args:
      values: What should be one.
      place: Where it is, for messages.

    Raises:
      ValueError: It is none, or encloses nothing.
    """
    try:
        box = np.array([float(value) for value in values], np.float32)
    except ValueError as error:
        raise ValueError(f"{place}: a box is four numbers: {error}") from None
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[:2] < box[2:]).all():
        raise ValueError(f"{place}: a box is x0, y0, x1, y1 with x0 < x1 and y0 < y1")
    return box
