"""Measures a landmark network from JPEG files to landmarks, with given boxes.

    python -m scaf_jax.benchmark predict MODEL [--data the300w --data_dir DIR] [--output FILE.json]

All contestants take the same faces and run by turns in one process; the wall clock counts.
"""

import argparse
import dataclasses
import os
import pathlib
import sys
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.benchmark import dlib_predictor, machine, options, photos, timing
from scaf_jax.data import face_view, images, prepared_sources, sources
from scaf_jax.files import atomic
from scaf_jax.inference import bundle, face_aligner, locator, photo_faces, run_folder
from scaf_jax.reporting import tables
from scaf_jax.weights import header

# The names in the JSON file, with the rows' titles.
DECODE, NETWORK, FILES, NETWORK_ONE, FILES_ONE = (
    "decode",
    "network",
    "files",
    "network_one",
    "files_one",
)
DLIB = "dlib"
_TITLES = {
    DECODE: "decoding alone, one thread",
    NETWORK: "network alone, batches of {batch}",
    FILES: "files to landmarks, batches of {batch}",
    NETWORK_ONE: "network alone, one face at a time",
    FILES_ONE: "files to landmarks, one face at a time",
    DLIB: "files to landmarks, dlib's predictor",
}
_NOTES = """\
Medians of {rounds} rounds of {faces} faces on the wall clock; crops of {size} pixels, heatmaps
{flip}averaged with those of the mirrored face. Load of the machine before and after: {load}.
- decoding alone: JPEG files to RGB pixels at 1/2, 1/4 or 1/8 where the crop needs no more.
- network alone: crops to landmarks in the photo; whatever reads files cannot be faster.
- files to landmarks: `FaceAligner.predict_files`, two threads that decode beside the network for
  batches, none for one face at a time.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add, positive = parser.add_argument, options.positive
    add("model", help="the folder of a run, or a weights file")
    add("--data", help="a prepared data set, whose faces are taken; by default faces are drawn")
    add("--data_dir", default="~/tensorflow_datasets", help="where data sets are prepared")
    add("--split", default="test", help="of the data set (default: test)")
    add("--width", type=positive, default=500, help="of drawn photos, pixels (default: 500)")
    add("--faces", type=positive, default=64, help="how many faces (default: 64)")
    add("--batch", type=positive, default=face_aligner.BATCH_SIZE, help="faces at a time")
    flip = "average with mirrored faces; by default as the network's evaluation"
    add("--flip", action=argparse.BooleanOptionalAction, help=flip)
    add("--dlib", metavar="FILE", help="dlib's file of a predictor, to be timed beside the network")
    add("--rounds", type=positive, default=5, help="timed rounds (default: 5)")
    options.add_output(parser, "benchmark_predict.json", "; the table goes beside it as .md")


def main(arguments: argparse.Namespace) -> int:
    """Measures, prints the table, writes JSON and Markdown; returns 0, or 2 for bad arguments."""
    output = arguments.output
    try:
        network = bundle.Bundle.load(arguments.model)
        records = _records(arguments)
    except (OSError, ValueError, header.WeightsError) as error:
        print(error, file=sys.stderr)
        return 2
    flip = arguments.flip
    flip = bool(network.provenance.get(run_folder.FLIP, True)) if flip is None else flip
    load = [os.getloadavg()[0]]
    with tempfile.TemporaryDirectory() as folder:
        faces = _Faces.of(records, network, pathlib.Path(folder))
        functions = contestants(network, faces, arguments.batch, flip=flip)
        if arguments.dlib:
            try:
                functions[DLIB] = dlib_predictor.contestant(
                    arguments.dlib, faces.paths, faces.boxes
                )
            except ValueError as error:
                print(error, file=sys.stderr)
                return 2
        times = timing.alternate(functions, rounds=arguments.rounds)
    load.append(os.getloadavg()[0])
    seconds = {name: value / len(records) for name, value in timing.medians(times).items()}
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "arguments": vars(arguments) | {"output": str(arguments.output)},
        "flip": flip,
        "faces": len(records),
        "load": load,
        "seconds": times,
        "faces_per_second": {name: 1 / value for name, value in seconds.items()},
        "milliseconds_per_face": {name: 1e3 * value for name, value in seconds.items()},
    }
    atomic.write_json(output, result)
    table = table_of(result, arguments.batch)
    notes = _NOTES.format(
        rounds=arguments.rounds,
        faces=len(records),
        size=network.crop.input_size,
        flip="" if flip else "not ",
        load=" and ".join(f"{value:.1f}" for value in load),
    )
    atomic.write_text(output.with_suffix(".md"), f"{table.markdown()}\n{notes}")
    print(f"{table.text()}\n{notes}")
    return 0


def _records(arguments: argparse.Namespace) -> list[sources.Record]:
    if not arguments.data:
        return photos.make(arguments.width, arguments.faces)
    source = prepared_sources.open_source(
        arguments.data, data_dir=arguments.data_dir, split=arguments.split
    )
    return [source[i] for i in range(min(arguments.faces, len(source)))]


@dataclasses.dataclass(frozen=True)
class _Faces:
    """Faces in files of their own.

    Attributes:
      paths: The photos.
      boxes: (N, 4) their boxes.
      shrinks: How many times smaller each is decoded.
      jobs: Their crops.
    """

    paths: Sequence[pathlib.Path]
    boxes: npt.NDArray[np.float32]
    shrinks: Sequence[int]
    jobs: Sequence[locator.Job]

    @classmethod
    def of(
        cls, records: Sequence[sources.Record], network: bundle.Bundle, folder: pathlib.Path
    ) -> "_Faces":
        crop = network.crop
        boxes = np.stack([record[f"box_{crop.box}"] for record in records])
        paths, jobs = [], []
        for number, (record, box) in enumerate(zip(records, boxes, strict=True)):
            path = folder / f"{number}.jpg"
            path.write_bytes(record["image"])
            paths.append(path)
            jobs.append(locator.Job(number, photo_faces.of_file(path, box, crop)))
        shrinks = [face_view.face_view(record, crop).jpeg_shrink for record in records]
        return cls(paths, boxes, shrinks, jobs)


def contestants(
    network: bundle.Bundle, faces: _Faces, batch: int, *, flip: bool
) -> dict[str, Callable[[], Any]]:
    """Returns what is timed, by name; each looks at all faces and returns what it found.

    Args:
      network: The network.
      faces: The faces.
      batch: How many it looks at together.
      flip: Whether heatmaps are averaged with those of the mirrored face.
    """
    aligner = face_aligner.FaceAligner(network, flip=flip)
    alone = locator.Locator(network, flip=flip)

    def decode() -> list[Any]:
        names = zip(faces.paths, faces.shrinks, strict=True)
        return [
            images.decode_image(images.read_encoded(path), path.name, shrink=shrink)[0]
            for path, shrink in names
        ]

    def look(size: int) -> list[Any]:
        wanted = locator.Wanted(size)
        return [found.landmarks for _, found in alone.look(faces.jobs, wanted)]

    def files() -> list[Any]:
        stream = aligner.predict_files(
            faces.paths, list(faces.boxes), batch_size=batch, on_error="raise"
        )
        return [file.faces.landmarks for file in stream if file.faces is not None]

    def one_by_one() -> list[Any]:
        found = []
        for path, box in zip(faces.paths, faces.boxes, strict=True):
            stream = aligner.predict_files(
                [path], [box], batch_size=1, num_threads=0, on_error="raise"
            )
            found += [file.faces.landmarks for file in stream if file.faces is not None]
        return found

    return {
        DECODE: decode,
        NETWORK: lambda: look(batch),
        FILES: files,
        NETWORK_ONE: lambda: look(1),
        FILES_ONE: one_by_one,
    }


def table_of(result: dict[str, Any], batch: int) -> tables.Table:
    """Returns the table of a JSON file's numbers."""
    rows = tuple(
        (
            title.format(batch=batch),
            f"{result['faces_per_second'][name]:.1f}",
            f"{result['milliseconds_per_face'][name]:.1f}",
        )
        for name, title in _TITLES.items()
        if name in result["faces_per_second"]
    )
    return tables.Table(("", "faces/s", "ms a face"), rows)
