"""Files of what was found in photos: a table, JSON, `.pts` files and pictures.

landmarks.csv     a row a face, as the landmarks_folder builder reads it, with scheme.json
predictions.json  everything: sizes, boxes, scores, landmarks, and what could not be used
pts/              a file a face
pictures/         a JPEG a photo, with faces and landmarks drawn
"""

import csv
import io
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from scaf_jax.data import images
from scaf_jax.files import atomic
from scaf_jax.formats import pts
from scaf_jax.inference.found_faces import Faces, FileFaces
from scaf_jax.landmarks import scheme_files, schemes
from scaf_jax.reporting import photo_pictures

TABLE, JSON, SCHEME = "landmarks.csv", "predictions.json", "scheme.json"
PTS, PICTURES = "pts", "pictures"
VERSION = 1

_JPEG_QUALITY = 90
_DECIMALS = 4
_COORDINATES = (
    "landmarks: pixels of the photo, upright as its EXIF orientation says, the centre of the first "
    "is 0; box: x0, y0, x1, y1 in pixels, pixel i covers [i, i + 1)"
)


class PredictionFiles:
    """A folder of results: photos are added one after the other; `close` writes what is of all."""

    def __init__(
        self,
        folder: pathlib.Path,
        scheme: schemes.LandmarkScheme,
        about: Mapping[str, Any],
        *,
        pictures: bool = True,
        overwrite: bool = False,
    ) -> None:
        """Makes the folder.

        Args:
          folder: Where.
          scheme: What the landmarks mean.
          about: What predictions.json says of the network, plain values.
          pictures: Whether to draw pictures.
          overwrite: Whether the folder may hold files, which are replaced.

        Raises:
          ValueError: It holds files, or is none.
        """
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"--output: {folder} is a file; give a folder")
        if folder.exists() and not overwrite and any(folder.iterdir()):
            raise ValueError(f"--output: {folder} is not empty; empty it, or give --overwrite")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._scheme, self._about = folder, scheme, about
        self._pictures = pictures
        self._used: set[str] = set()
        self._photos: list[str] = []
        self._rows: list[list[str]] = []
        self.unusable: list[dict[str, str]] = []
        self.num_faces = 0

    def add(self, name: str, found: FileFaces) -> None:
        """Writes the `.pts` files and the picture of a photo.

        Args:
          name: What the photo is called, a path without `..` that is not absolute.
          found: What was found in it; a photo that cannot be used is noted in `unusable`.
        """
        if found.faces is None or found.size is None:
            self.unusable.append({"name": name, "error": found.error})
            return
        try:
            picture = self._picture(name, found.path, found.faces) if self._pictures else None
        except images.ImageError as error:  # changed since it was looked at
            self.unusable.append({"name": name, "error": str(error)})
            return
        faces = [self._face(name, found.faces, i) for i in range(len(found.faces))]
        size = {"width": found.size[0], "height": found.size[1]}
        photo = {"name": name, **size, "picture": picture, "faces": faces}
        self._photos.append(json.dumps(atomic.plain(photo), allow_nan=False))
        self.num_faces += len(faces)

    def close(self) -> None:
        """Writes the table, the scheme and predictions.json."""
        header = ["name", "x0", "y0", "x1", "y1"]
        header += [f"{name}_{axis}" for name in self._scheme.landmark_names for axis in "xy"]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([[*header, "nnm"], *self._rows])
        atomic.write_text(self._folder / TABLE, text.getvalue())
        scheme = scheme_files.scheme_to_dict(self._scheme)
        atomic.write_json(self._folder / SCHEME, scheme)
        content = {
            "version": VERSION,
            **self._about,
            "scheme": scheme,
            "coordinates": _COORDINATES,
            "unusable": self.unusable,
        }
        start = json.dumps(atomic.plain(content), indent=1, allow_nan=False).removesuffix("\n}")
        photos = ",\n".join(f"  {photo}" for photo in self._photos)  # a line each
        atomic.write_text(self._folder / JSON, f'{start},\n "photos": [\n{photos}\n ]\n}}\n')

    def _face(self, name: str, faces: Faces, i: int) -> dict[str, Any]:
        box, points = faces.boxes[i].round(_DECIMALS), faces.landmarks[i].round(_DECIMALS)
        numbers = [*_texts(box), *_texts(points.ravel()), f"{faces.nnm[i]:.6g}"]
        self._rows.append([name, *numbers])
        end = ".pts" if len(faces) == 1 else f"_{i + 1}.pts"
        path = self._place(PTS, name, end)
        atomic.write_text(self._folder / path, pts.points_text(faces.landmarks[i]))
        nnm = float(faces.nnm[i])
        return {"box": box.tolist(), "nnm": nnm, "landmarks": points.tolist(), "pts": path}

    def _picture(self, name: str, path: pathlib.Path, faces: Faces) -> str:
        pixels, _ = images.decode_image(images.read_encoded(path), name)
        picture = photo_pictures.with_faces(pixels, faces.landmarks, faces.boxes)
        quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
        _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), quality)
        place = self._place(PICTURES, name, ".jpg")
        atomic.write_bytes(self._folder / place, encoded.tobytes())
        return place

    def _place(self, kind: str, name: str, end: str) -> str:
        """A path below the folder that no other file has, like the photo's; makes its folder."""
        stem = pathlib.PurePosixPath(kind, name).with_suffix("").as_posix()
        place, number = f"{stem}{end}", 1
        while place.casefold() in self._used:
            number += 1
            place = f"{stem}-{number}{end}"
        self._used.add(place.casefold())
        (self._folder / place).parent.mkdir(parents=True, exist_ok=True)
        return place


def _texts(values: Sequence[float] | np.ndarray) -> list[str]:
    return [f"{value:.{_DECIMALS}f}" for value in values]
