"""A folder of photos of faces without labels, for stage 1.

File names are only listed, never taken from a table, so a table cannot lead out of the folder. All
that can be wrong is looked for when the folder is opened, before anything is trained.
"""

import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
from absl import logging

from scaf_jax.data import box_sets, images, photo_boxes, photo_files, photo_scan, sources

OnError = Literal["stop", "skip"]
ON_ERROR: tuple[OnError, ...] = ("stop", "skip")
# Of a folder that says itself where its faces are.
TABLE = "boxes.csv"
_MOST_NAMED = 5


class FolderSource:
    """All faces of the photos of a folder and its sub-folders, by name; landmarks are empty.

    Attributes:
      photos: The path of each face's photo below the folder.
      skipped: (name, reason) of the faces that were left out.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        relative_box: Sequence[float] | None = None,
        boxes_csv: str | os.PathLike[str] | None = None,
        on_error: OnError = "stop",
        cache: pathlib.Path | None = None,
        whole_table: bool = True,
    ) -> None:
        """Lists the photos, looks at each of them once, and at the boxes of their faces.

        Args:
          folder: The folder.
          relative_box: x0, y0, x1, y1 of the face as fractions of a photo's width and height,
            for photos that `boxes_csv` does not list. Without both, the whole photo.
          boxes_csv: A table with the header name,x0,y0,x1,y1, by default `boxes.csv` in the
            folder, where there is one: a photo's path below `folder`, with `/` between folders,
            and a face's box in pixels; a photo with several rows shows several faces, one whose
            row has no box shows none and is left out.
          on_error: Whether a photo or box that cannot be used is an error, or is left out.
          cache: Where to keep what was seen of the photos; see `photo_scan`.
          whole_table: Whether the table is of this folder alone, so that it is an error if none of
            its names is that of a photo.

        Raises:
          FileNotFoundError: There is no such folder, or no photo in it.
          ImageError: A photo or a box of the table cannot be used; it is told how many there are.
          ValueError: A box is none, or the table is of other photos; the message names the line.
        """
        self._folder = pathlib.Path(folder).expanduser()
        names = _list_photos(self._folder)
        if boxes_csv is None and (self._folder / TABLE).is_file():
            boxes_csv = self._folder / TABLE
            logging.info("the boxes of the faces are those of %s", boxes_csv)
        if relative_box is None and boxes_csv is None:
            relative_box = photo_boxes.WHOLE_PHOTO
        if boxes_csv is None and tuple(relative_box or ()) == photo_boxes.WHOLE_PHOTO:
            logging.warning(
                "%s: each whole photo is taken for a face; where they show more than a face, "
                "`python -m scaf_jax.detect` finds the faces, and what it writes is taken",
                self._folder,
            )
        relative = None
        if relative_box is not None:
            relative = photo_boxes.checked_fractions(relative_box, "relative_box")
        table: dict[str, list[tuple[str, photo_boxes.Box]]] = {}
        if boxes_csv is not None:
            table = _table_of(
                pathlib.Path(boxes_csv).expanduser(), names, relative, self._folder, whole_table
            )
        sizes = photo_scan.scan(self._folder, names, cache)
        self.skipped: list[tuple[str, str]] = []
        found = list(self._faces(names, sizes, relative, table))
        if self.skipped:
            self._tell(on_error, len(names))
        listed = [(box, sizes[photo]) for photo, _, box in found if photo in table]
        for odd in box_sets.doubts(*zip(*listed, strict=True)) if listed else ():
            logging.warning("%s: %s; %s", boxes_csv, odd, box_sets.ADVICE)
        self.photos = [photo for photo, _, _ in found]
        self._keys = [key for _, key, _ in found]
        self._boxes = np.array([box for _, _, box in found], np.float32).reshape(-1, 4)

    def __len__(self) -> int:
        return len(self._keys)

    def __getitem__(self, index: int) -> sources.Record:
        box = self._boxes[index]
        return {
            "image": images.read_encoded(self._folder / self.photos[index]),
            **sources.no_labels(),
            "box_detector": box,
            "box_ground_truth": box,
            "key": self._keys[index],
            "subset": "",
            "index": index,
        }

    @property
    def keys(self) -> list[str]:
        """The photos' paths below the folder, in order; of several faces each has its number."""
        return list(self._keys)

    def _faces(
        self,
        names: Sequence[str],
        sizes: Mapping[str, photo_scan.Size | str],
        relative: photo_boxes.Box | None,
        table: Mapping[str, Sequence[tuple[str, photo_boxes.Box]]],
    ) -> Iterator[tuple[str, str, npt.NDArray[np.floating]]]:
        """Photo, key and box of each face that can be used."""
        for name in names:
            size, key = sizes[name], images.printable_name(name)
            if isinstance(size, str):
                self.skipped.append((key, size))
                continue
            entries = table.get(name, ())
            if name not in table and relative is not None:
                yield name, key, relative * np.array([*size, *size], np.float32)
            for number, (place, box) in enumerate(entries, 1):
                one = key if len(entries) == 1 else f"{key}#{number}"
                problem = photo_boxes.misfit(box, size, key)
                if problem:
                    shown = [round(float(value), 3) for value in box]
                    self.skipped.append((one, f"{place}: the box {shown} {problem}"))
                else:
                    yield name, one, box

    def _tell(self, on_error: OnError, number_of_photos: int) -> None:
        number, (_, reason) = len(self.skipped), self.skipped[0]
        where = f"{self._folder}: {number} photos or boxes cannot be used; the first: {reason}"
        where = where.rstrip("?.")
        if on_error == "stop":
            raise images.ImageError(f"{where}. Put them right, or leave them out (on_error=skip)")
        if len({name.partition("#")[0] for name, _ in self.skipped}) >= number_of_photos:
            raise images.ImageError(f"{where}. None of the {number_of_photos} photos is left")
        logging.warning("%s; left out", where)


def _list_photos(folder: pathlib.Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder")
    files = photo_files.look(folder)
    if not files.photos:
        raise FileNotFoundError(photo_files.none_in(folder, files))
    for problem in files.problems:
        logging.warning("%s: %s", folder, problem)
    return list(files.photos)


def _table_of(
    path: pathlib.Path,
    photos: Sequence[str],
    relative: photo_boxes.Box | None,
    folder: pathlib.Path,
    whole_table: bool,
) -> dict[str, list[tuple[str, photo_boxes.Box]]]:
    """The boxes of a table by photo, after comparing its names with the photos'."""
    table = photo_boxes.read_table(path)
    matched = photo_boxes.match(table, photos)
    if not matched.names and whole_table:
        raise ValueError(
            f"{path}: none of its names, such as {_some(matched.unknown[:1])}, is that of a photo; "
            f"names are paths below {folder}, such as {_some(photos[:1])}"
        )
    if matched.unknown and whole_table:
        logging.warning(
            "%s: %d names are no photos: %s", path, len(matched.unknown), _some(matched.unknown)
        )
    if matched.without:
        said = f"{len(matched.without)} photos have no box in {path}: {_some(matched.without)}"
        if relative is None:
            raise ValueError(f"{said}; add them, or give relative_box")
        logging.warning("%s; the box for all takes its place", said)
    entries = {
        photo: [entry for name in names for entry in table[name]]
        for photo, names in matched.names.items()
    }
    faceless = [photo for photo, boxes in entries.items() if not boxes]
    if faceless:
        number, of = len(faceless), len(photos)
        logging.info("%s: %d of %d photos show no face and are left out", path, number, of)
    return entries


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(images.printable_name(name) for name in names[:_MOST_NAMED])
    return shown + (", ..." if len(names) > _MOST_NAMED else "")
