"""The work of `scaf_jax.predict`: photos in, files of landmarks out."""

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import numpy as np
from absl import logging

from scaf_jax.files.escaping import printable
from scaf_jax.inference import face_aligner, photo_inputs, prediction_files
from scaf_jax.training import progress


@dataclasses.dataclass(frozen=True)
class Settings:
    """What to look at, and how.

    Attributes:
      model: The folder of a run, or a weights file.
      inputs: Photos, folders and patterns.
      output: The folder of the results.
      boxes: A table of boxes, in pixels; None for none.
      box: The box of photos that it does not list, such as
        `(0.2, 0.2, 0.8, 0.8)`, fractions of width and height; None for none.
      batch_size: Faces that the network looks at together.
      flip: Whether heatmaps are averaged with those of mirrored faces; None as in the evaluation.
      decoder: How places are read from heatmaps; None as the network's own.
      pictures: Whether to draw pictures.
      overwrite: Whether files in the folder are replaced.
    """

    model: str
    inputs: Sequence[str]
    output: pathlib.Path
    boxes: pathlib.Path | None = None
    box: str | None = None
    batch_size: int = face_aligner.BATCH_SIZE
    flip: bool | None = None
    decoder: str | None = None
    pictures: bool = True
    overwrite: bool = False


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of it: a text for people, and how many photos could not be used."""

    text: str
    num_unusable: int


def run(settings: Settings) -> Outcome:
    """Looks at the photos and writes the files; each photo that cannot be used is logged.

    Raises:
      FileNotFoundError: There is no network or no photo.
      ValueError: The network, a setting or the table of boxes cannot be used.
    """
    photos = photo_inputs.find(settings.inputs, leave_out=settings.output)
    box = None if settings.box is None else photo_inputs.parse_box(settings.box)
    boxes = photo_inputs.FaceBoxes(photos, relative_box=box, boxes_csv=settings.boxes)
    aligner = face_aligner.load(settings.model, flip=settings.flip, decoder=settings.decoder)
    stream = aligner.predict_files(photos.paths, boxes, batch_size=settings.batch_size)
    about = {
        "model": settings.model,
        "provenance": aligner.network.provenance,
        "decoder": aligner.network.decoder,
        "flip": aligner.flip,
        "root": str(photos.root),
    }
    files = prediction_files.PredictionFiles(
        settings.output,
        aligner.scheme,
        about,
        pictures=settings.pictures,
        overwrite=settings.overwrite,
    )
    # Compiled beforehand, so that the rate is that of any number of photos.
    aligner.predict(np.zeros((1, 1, 3), np.uint8), batch_size=settings.batch_size)
    start, total = time.perf_counter(), len(photos.names)
    tracked = progress.track(stream, "predict", total)
    for name, found in zip(photos.names, tracked, strict=True):
        before = len(files.unusable)
        files.add(name, found)
        for problem in files.unusable[before:]:
            logging.error("%s", printable(problem["error"]))
    files.close()
    return _outcome(files, total, time.perf_counter() - start, settings.output, photos.root)


def _outcome(
    files: prediction_files.PredictionFiles,
    total: int,
    seconds: float,
    output: pathlib.Path,
    root: pathlib.Path,
) -> Outcome:
    bad = len(files.unusable)
    lines = [
        f"{files.num_faces} faces in {total - bad} photos, {seconds:.1f} s, "
        f"{files.num_faces / seconds:.1f} faces/s",
        f"landmarks.csv, predictions.json and more are in {printable(str(output))}",
        f"names are paths below {printable(str(root))}",
    ]
    if bad:
        lines.append(f"{bad} of {total} photos could not be used; see the messages above")
    return Outcome("\n".join(lines), bad)
