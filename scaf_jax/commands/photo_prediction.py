"""The work of `scaf_jax.predict` on photos: photos in, files of landmarks out."""

import dataclasses
import hashlib
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import logging

from scaf_jax.commands import launch
from scaf_jax.data import folder_source
from scaf_jax.files.escaping import printable
from scaf_jax.inference import face_aligner, locator, photo_inputs, prediction_files
from scaf_jax.training import progress


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to look at, and how.

    Attributes:
      model: The folder of a run, or a weights file.
      inputs: Photos, folders and patterns; or videos, or the number of a camera.
      output: The folder of the results.
      boxes: A table of boxes, in pixels; None: `boxes.csv` in the folder, where there is one and
        neither `box` nor `detector` is given.
      box: The box of photos that it does not list, such as
        `(0.2, 0.2, 0.8, 0.8)`, fractions of width and height; None for none.
      detector: What finds the faces of photos that it does not list; None for nothing.
      most_faces: How many faces it finds in a photo, the largest ones; 0 for all.
      looks: How often a face that it finds is looked at, 1 or 2.
      batch_size: Faces that the network looks at together.
      flip: Whether heatmaps are averaged with those of mirrored faces; None as in the evaluation.
      decoder: How places are read from heatmaps; None as the network's own.
      pictures: Whether to draw pictures.
      overwrite: Whether files of other work in the folder are replaced.
      smooth: Of videos, whether landmarks are smoothed over time.
      detect_every: Of videos, after how many frames new faces are looked for.
      most_frames: Of videos, how many frames are looked at; 0 for all.
    """

    model: str
    inputs: Sequence[str]
    output: pathlib.Path
    boxes: pathlib.Path | None = None
    box: str | None = None
    detector: str | None = None
    most_faces: int = 0
    looks: int = 1
    batch_size: int = face_aligner.BATCH_SIZE
    flip: bool | None = None
    decoder: str | None = None
    pictures: bool = True
    overwrite: bool = False
    smooth: bool = False
    detect_every: int = 15
    most_frames: int = 0


def run(settings: Settings) -> launch.Outcome:
    """Looks at the photos and writes the files; each photo that cannot be used is logged.

    Stopped, the same settings go on with the photos that were not looked at yet.

    Raises:
      FileNotFoundError: There is no network or no photo.
      ValueError: The network, the detector, a setting or the table of boxes cannot be used.
    """
    photos = photo_inputs.find(settings.inputs, leave_out=settings.output)
    settings = _with_own_boxes(settings, photos.root)
    boxes = photo_inputs.FaceBoxes(
        photos,
        relative_box=None if settings.box is None else photo_inputs.parse_box(settings.box),
        searched=settings.detector is not None,
        boxes_csv=settings.boxes,
    )
    aligner = load(settings)
    locator.Wanted(settings.batch_size)  # a wrong one is told before anything is written
    with prediction_files.PredictionFiles(
        settings.output,
        aligner.scheme,
        about(settings, aligner) | {"root": str(photos.root)},
        pictures=settings.pictures,
        overwrite=settings.overwrite,
    ) as files:
        left = [name for name in photos.names if not files.is_done(name, photos.root / name)]
        if len(left) < len(photos.names):
            done = len(photos.names) - len(left)
            logging.info("%s: %d photos were looked at before", settings.output, done)
        stream = aligner.predict_files(
            [photos.root / name for name in left], boxes, batch_size=settings.batch_size
        )
        start = warmed_up(aligner, settings.batch_size)
        for name, found in zip(left, progress.track(stream, "predict", len(left)), strict=True):
            before = len(files.unusable)
            files.add(name, found)
            for problem in files.unusable[before:]:
                logging.error("%s", printable(problem["error"]))
        seconds = time.perf_counter() - start
        files.close()
    before = len(photos.names) - len(left)
    return _outcome(files, len(left), before, seconds, settings.output, photos.root)


def _with_own_boxes(settings: Settings, folder: pathlib.Path) -> Settings:
    """Settings that take the table of a folder that says itself where its faces are."""
    table = folder / folder_source.TABLE
    asked = settings.boxes or settings.box or settings.detector
    if asked or not table.is_file():
        return settings
    logging.info("the boxes of the faces are those of %s", table)
    return dataclasses.replace(settings, boxes=table)


def load(settings: Settings) -> face_aligner.FaceAligner:
    """Returns the network that settings name; raises as `face_aligner.load`."""
    return face_aligner.load(
        settings.model,
        flip=settings.flip,
        decoder=settings.decoder,
        detector=settings.detector,
        most_faces=settings.most_faces,
        looks=settings.looks,
    )


def about(settings: Settings, aligner: face_aligner.FaceAligner) -> dict[str, Any]:
    """Returns what results depend on, plain values."""
    calibration = aligner.network.fitted.confidence
    found: dict[str, Any] = {
        "model": settings.model,
        "provenance": aligner.network.provenance,
        "fitted": aligner.network.fitted.to_dict(),
        "decoder": aligner.network.decoder,
        "flip": aligner.flip,
        "detector": settings.detector,
        "most_faces": settings.most_faces,
        "looks": aligner.looks,
        "box": settings.box,
        "boxes": None,
        "confidence": prediction_files.about_confidence(None)
        if calibration is None
        else prediction_files.about_confidence(calibration.normalizer, calibration.right_percent),
    }
    if settings.boxes is not None:
        found["boxes"] = hashlib.sha256(settings.boxes.read_bytes()).hexdigest()
    return found


def warmed_up(aligner: face_aligner.FaceAligner, batch_size: int) -> float:
    """Compiles beforehand, so that rates are those of any number of photos; returns the time."""
    pixels = np.zeros((1, 1, 3), np.uint8)
    aligner.predict(pixels, (0, 0, 1, 1), batch_size=batch_size)
    return time.perf_counter()


def _outcome(
    files: prediction_files.PredictionFiles,
    total: int,
    before: int,
    seconds: float,
    output: pathlib.Path,
    root: pathlib.Path,
) -> launch.Outcome:
    bad = len(files.unusable)
    lines = [
        f"{files.num_faces} faces in {total - bad} photos, {seconds:.1f} s, "
        f"{files.num_faces / seconds:.1f} faces/s",
        f"landmarks.csv, predictions.json and more are in {printable(str(output))}",
        f"names are paths below {printable(str(root))}",
    ]
    if before:
        lines.append(f"{before} further photos were looked at before; their results are kept")
    if bad:
        lines.append(f"{bad} of {total} photos could not be used; see the messages above")
    return launch.Outcome("\n".join(lines), bad)
