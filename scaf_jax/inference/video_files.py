"""Files of what was found in a video.

frames.jsonl   a line a frame, written as frames are looked at; what stopped work goes on from
video.mp4      the video with faces and landmarks drawn

and at the end

landmarks.csv  a row for each face of each frame, with scheme.json
coco.json      the same as COCO keypoints, an image a frame
"""

import csv
import dataclasses
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from scaf_jax.files import atomic, json_lines
from scaf_jax.formats import coco
from scaf_jax.inference import prediction_files
from scaf_jax.inference.smoothing import OneEuro
from scaf_jax.inference.tracking import TrackedFace
from scaf_jax.inference.videos import Frame
from scaf_jax.landmarks import scheme_files, schemes

LINES, VIDEO = "frames.jsonl", "video.mp4"
_DECIMALS = 4


@dataclasses.dataclass(frozen=True)
class FrameFaces:
    """What was found in a frame.

    Attributes:
      number: Which frame.
      time: Of it, seconds.
      size: (width, height), pixels.
      faces: Its faces, as the network gave them.
    """

    number: int
    time: float
    size: tuple[int, int]
    faces: list[TrackedFace]


class Smoother:
    """Smooths the faces of a video, each for itself."""

    def __init__(self) -> None:
        self._filters: dict[int, OneEuro] = {}

    def __call__(self, found: FrameFaces) -> FrameFaces:
        """Returns the frame with smoothed landmarks; frames must come in order."""
        known, self._filters = self._filters, {}
        faces = []
        for face in found.faces:
            smooth = self._filters[face.track] = known.get(face.track) or OneEuro()
            size = float((face.box[2:] - face.box[:2]).max())
            points = smooth(face.landmarks, found.time, size)
            faces.append(dataclasses.replace(face, landmarks=points))
        return dataclasses.replace(found, faces=faces)


class VideoFiles:
    """A folder of results; frames are added in order, `close` writes what is of all."""

    def __init__(
        self,
        folder: pathlib.Path,
        scheme: schemes.LandmarkScheme,
        about: Mapping[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        """Makes the folder, or goes on with one of the same work; raises as `open_lines`.

        Args:
          folder: Where.
          scheme: What the landmarks mean.
          about: What the results depend on.
          overwrite: Whether the folder may hold files of other work, which are replaced.
        """
        work = {"version": prediction_files.VERSION, **about, "scheme": scheme.name}
        self._folder, self._scheme, self._about = folder, scheme, about
        self._lines: json_lines.JsonLines = prediction_files.open_lines(
            folder, LINES, work, overwrite=overwrite
        )

    def done(self) -> Iterator[FrameFaces]:
        """Yields the frames that were looked at before."""
        for line in self._lines.read():
            yield _frame_of(line)

    def add(self, frame: Frame, faces: list[TrackedFace]) -> FrameFaces:
        """Writes a frame's line; returns what it says."""
        size = (frame.pixels.shape[1], frame.pixels.shape[0])
        line = {
            "frame": frame.number,
            "time": round(frame.time, 6),
            "width": size[0],
            "height": size[1],
            "faces": [_values(face) for face in faces],
        }
        self._lines.append(line)
        return _frame_of(line)

    def close(self, smooth: bool) -> None:
        """Writes the table, the scheme and coco.json.

        Args:
          smooth: Whether their landmarks are smoothed; those of the lines never are.
        """
        smoother = Smoother() if smooth else None
        header = ["frame", "time", "track", "x0", "y0", "x1", "y1"]
        header += [f"{name}_{axis}" for name in self._scheme.landmark_names for axis in "xy"]
        photos = []
        table = self._folder / prediction_files.TABLE
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*header, "nnm", "confidence"])
            for found in self.done():
                shown = found if smoother is None else smoother(found)
                writer.writerows(_row(shown, face) for face in shown.faces)
                photos.append(_photo(shown))
        scheme = scheme_files.scheme_to_dict(self._scheme)
        atomic.write_json(self._folder / prediction_files.SCHEME, scheme)
        document = coco.predictions(photos, self._scheme, str(self._about.get("model", "")))
        text = json.dumps(atomic.plain(document), allow_nan=False)
        atomic.write_text(self._folder / prediction_files.COCO, text + "\n")

    def __enter__(self) -> "VideoFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()


def _values(face: TrackedFace) -> dict[str, Any]:
    values = {
        "track": face.track,
        "box": np.round(face.box, _DECIMALS).tolist(),
        "nnm": float(face.nnm),
        "landmarks": np.round(face.landmarks, _DECIMALS).tolist(),
    }
    if face.confidence is not None:
        values["confidence"] = np.round(face.confidence.astype(float), _DECIMALS).tolist()
    return values


def _frame_of(line: Mapping[str, Any]) -> FrameFaces:
    faces = [
        TrackedFace(
            face["track"],
            np.array(face["box"], np.float64),
            np.array(face["landmarks"], np.float64),
            face["nnm"],
            np.array(face["confidence"]) if "confidence" in face else None,
        )
        for face in line["faces"]
    ]
    return FrameFaces(line["frame"], line["time"], (line["width"], line["height"]), faces)


def _photo(found: FrameFaces) -> dict[str, Any]:
    name = f"frame_{found.number:06d}"
    size = {"width": found.size[0], "height": found.size[1]}
    return {"name": name, **size, "faces": [_values(face) for face in found.faces]}


def _row(found: FrameFaces, face: TrackedFace) -> list[str]:
    numbers = [*face.box, *face.landmarks.ravel()]
    texts = [f"{value:.{_DECIMALS}f}" for value in numbers]
    sure = "" if face.confidence is None else f"{face.confidence.mean():.{_DECIMALS}f}"
    return [
        str(found.number),
        f"{found.time:.6f}",
        str(face.track),
        *texts,
        f"{face.nnm:.6g}",
        sure,
    ]
