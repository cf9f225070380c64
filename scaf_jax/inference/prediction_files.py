"""Files of what was found in photos: a table, JSON, COCO, `.pts` files and pictures.

predictions.jsonl  a line a photo, written as photos are looked at; what stopped work goes on from
pts/               a file a face
pictures/          a JPEG a photo, with faces and landmarks drawn

and, once all photos were looked at,

landmarks.csv      a row a face, as the landmarks_folder builder reads it, with scheme.json
predictions.json   everything: sizes, boxes, scores, landmarks, and what could not be used
coco.json          the same as COCO keypoints
"""

import csv
import io
import json
import os
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from scaf_jax.data import images
from scaf_jax.files import atomic, json_lines
from scaf_jax.files.escaping import spreadsheet_text
from scaf_jax.formats import coco, pts
from scaf_jax.inference.found_faces import Faces, FileFaces
from scaf_jax.landmarks import scheme_files, schemes
from scaf_jax.reporting import photo_pictures

LINES, TABLE, JSON, SCHEME, COCO = (
    "predictions.jsonl",
    "landmarks.csv",
    "predictions.json",
    "scheme.json",
    "coco.json",
)
PTS, PICTURES = "pts", "pictures"
VERSION = 2

_JPEG_QUALITY = 90
_DECIMALS = 4
_COORDINATES = (
    "landmarks: pixels of the photo, upright as its EXIF orientation says, the center of the first "
    "is 0; box: x0, y0, x1, y1 in pixels, pixel i covers [i, i + 1)"
)
_CONFIDENCE = (
    "confidence: of each landmark, the share of such landmarks of held-out faces within {:g} per "
    "cent of the distance {}"
)
_NO_CONFIDENCE = "confidence: none, since this network was not calibrated on held-out faces"


class PredictionFiles:
    """A folder of results: photos are added one after the other; `close` writes what is of all.

    With `with` what was added stays without `close`, for the same work to go on with.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        scheme: schemes.LandmarkScheme,
        about: Mapping[str, Any],
        *,
        pictures: bool = True,
        overwrite: bool = False,
    ) -> None:
        """Makes the folder, or goes on with one of the same work.

        Args:
          folder: Where.
          scheme: What the landmarks mean.
          about: What the results depend on, such as the network; predictions.json says it.
          pictures: Whether to draw pictures.
          overwrite: Whether the folder may hold files of other work, which are replaced.

        Raises:
          ValueError: It holds files of other work, or is none.
        """
        self._scheme, self._about, self._pictures = scheme, about, pictures
        self._folder = folder
        work = {"version": VERSION, **about, "pictures": pictures, "scheme": scheme.name}
        self._lines = open_lines(folder, LINES, work, overwrite=overwrite)
        self._used: set[str] = set()
        self.done: dict[str, list[int]] = {}
        for line in self._lines.read():
            self._used.update(face["pts"].casefold() for face in line["faces"])
            self._used.add(str(line["picture"]).casefold())
            self.done[line["name"]] = line["file"]
        self.unusable: list[dict[str, str]] = []
        self.num_faces = 0

    def is_done(self, name: str, path: pathlib.Path) -> bool:
        """Whether a photo was looked at before, and has not changed since."""
        return name in self.done and self.done[name] == file_state(path)

    def add(self, name: str, found: FileFaces) -> None:
        """Writes the line, the `.pts` files and the picture of a photo.

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
        self._lines.append(photo | {"file": file_state(found.path)})
        self.num_faces += len(faces)

    def close(self) -> None:
        """Writes the table, the scheme, predictions.json and coco.json."""
        photos = sorted(self._photos(), key=lambda photo: photo["name"])
        self._lines.close()
        header = ["name", "x0", "y0", "x1", "y1"]
        header += [f"{name}_{axis}" for name in self._scheme.landmark_names for axis in "xy"]
        with_confidence = any("confidence" in f for photo in photos for f in photo["faces"])
        header += ["nnm", *(["confidence"] if with_confidence else [])]
        rows = [_row(photo["name"], face) for photo in photos for face in photo["faces"]]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([header, *rows])
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
        lines = ",\n".join(f"  {json.dumps(photo)}" for photo in photos)  # a line each
        atomic.write_text(self._folder / JSON, f'{start},\n "photos": [\n{lines}\n ]\n}}\n')
        document = coco.predictions(photos, self._scheme, str(self._about.get("model", "")))
        atomic.write_text(self._folder / COCO, json.dumps(document) + "\n")

    def __enter__(self) -> "PredictionFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()

    def _photos(self) -> Iterator[dict[str, Any]]:
        """Each photo as it was looked at last."""
        last = {line["name"]: line for line in self._lines.read()}
        for line in last.values():
            del line["file"]
            yield line

    def _face(self, name: str, faces: Faces, i: int) -> dict[str, Any]:
        end = ".pts" if len(faces) == 1 else f"_{i + 1}.pts"
        path = self._place(PTS, name, end)
        atomic.write_text(self._folder / path, pts.points_text(faces.landmarks[i]))
        return face_values(faces, i) | {"pts": path}

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


def open_lines(
    folder: pathlib.Path, name: str, work: Mapping[str, Any], *, overwrite: bool
) -> json_lines.JsonLines:
    """Opens the lines of a folder of results, made where it is not there.

    Args:
      folder: Where.
      name: The lines' file.
      work: What the results depend on.
      overwrite: Whether the folder may hold files of other work.

    Raises:
      ValueError: It holds files of other work, or is none.
    """
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--output: {folder} is a file; give a folder")
    path = folder / name
    if path.exists() and overwrite:
        path.unlink()
    elif not overwrite and folder.exists() and any(folder.iterdir()) and not path.exists():
        raise ValueError(f"--output: {folder} is not empty; empty it, or give --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        return json_lines.JsonLines(path, work)
    except json_lines.OtherWorkError as error:
        raise ValueError(f"--output: {error}; give another folder, or --overwrite") from error


def face_values(faces: Faces, i: int) -> dict[str, Any]:
    """Returns a face as JSON values."""
    values = {
        "box": faces.boxes[i].round(_DECIMALS).tolist(),
        "nnm": float(faces.nnm[i]),
        "landmarks": faces.landmarks[i].round(_DECIMALS).tolist(),
    }
    if faces.confidence is not None:
        values["confidence"] = [round(float(c), _DECIMALS) for c in faces.confidence[i]]
    return values


def about_confidence(normalizer: str | None, right_percent: float = 0.0) -> str:
    """Returns what a network's confidences mean, or that it has none."""
    return _CONFIDENCE.format(right_percent, normalizer) if normalizer else _NO_CONFIDENCE


def file_state(path: pathlib.Path) -> list[int]:
    """Returns what changes with a file: its size and when it was written; [] without one."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _row(name: str, face: Mapping[str, Any]) -> list[str]:
    points = np.array(face["landmarks"]).ravel()
    numbers = [*_texts(face["box"]), *_texts(points.tolist()), f"{face['nnm']:.6g}"]
    if "confidence" in face:
        numbers.append(f"{np.mean(face['confidence']):.{_DECIMALS}f}")
    # A spreadsheet must not run it; `./` leaves it the path that it is.
    harmless = name if spreadsheet_text(name) == name else f"./{name}"
    return [harmless, *numbers]


def _texts(values: Sequence[float]) -> list[str]:
    return [f"{value:.{_DECIMALS}f}" for value in values]
