"""Measures the data pipeline of stage 2 on one core, beside decoding alone.

    python -m scaf_jax.benchmark pipeline [--photos 500 1000 2000] [--output FILE.json]
    python -m scaf_jax.benchmark pipeline --data_name the300w --data_dir DIR

Photos and their pre-cropped regions are read from memory, and all contestants run by turns.
"""

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import cv2

from scaf_jax.benchmark import machine, options, photos, timing
from scaf_jax.data import (
    augmentations,
    face_view,
    geometry,
    images,
    pipelines,
    precropping,
    prepared_sources,
    sources,
    warping,
)
from scaf_jax.files import atomic
from scaf_jax.landmarks import schemes
from scaf_jax.reporting import tables

ORIGINAL, CROPPED = "original", "cropped"
DECODE, PIPELINE, BILINEAR = "decode", "pipeline", "bilinear"
_MARGINS = "300w"
_BATCH = 8
_NOTES = """\
Faces a second of processor time on one core, medians of {rounds} rounds; crops of {size} pixels.
- decode: JPEG to RGB pixels as the pipeline decodes them (at 1/2, 1/4 or 1/8 where the crop needs
  no more), and nothing else: nothing that reads the same files can be faster.
- pipeline: shuffled, decoded, cropped, augmented as in stage 2 and batched, in one thread.
- bilinear: the same with `augmentation.interpolation=bilinear` in place of the published bicubic.
- cropped_{size}: the same faces pre-cropped, as `data_builders.prepare --builder_config` stores
  them; "x original" divides its pipeline's rate by that of the original photos, bicubic both.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--photos",
        type=options.positive,
        nargs="+",
        default=[500, 1000, 2000],
        help="widths of the photos that are made to measure with (default: 500 1000 2000)",
    )
    parser.add_argument("--data_name", help="measure the photos of this prepared data set instead")
    parser.add_argument("--data_dir", default="~/tensorflow_datasets", help="where it is")
    parser.add_argument("--split", default="train", help="its split (default: train)")
    parser.add_argument(
        "--faces", type=options.positive, default=16, help="faces to measure with (default: 16)"
    )
    parser.add_argument(
        "--size", type=options.positive, default=256, help="side of the crops (default: 256)"
    )
    parser.add_argument(
        "--rounds", type=options.positive, default=9, help="timed rounds (default: 9)"
    )
    options.add_output(parser, "benchmark_pipeline.json", "; the table goes beside it as .md")


def main(arguments: argparse.Namespace) -> int:
    """Measures, prints the table, writes JSON and Markdown; returns 0, or 2 for bad arguments."""
    output = arguments.output
    try:
        kinds = _records(arguments)
    except (ValueError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 2
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rows = [
            measure(name, records, size=arguments.size, rounds=arguments.rounds)
            for name, records in kinds.items()
        ]
    finally:
        cv2.setNumThreads(threads)
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "arguments": vars(arguments) | {"output": str(arguments.output)},
        "rows": rows,
    }
    atomic.write_json(output, result)
    table = table_of(rows)
    notes = _NOTES.format(size=arguments.size, rounds=arguments.rounds)
    atomic.write_text(output.with_suffix(".md"), f"{table.markdown()}\n{notes}")
    print(f"{table.text()}\n{notes}")
    return 0


def measure(
    name: str, records: Sequence[sources.Record], *, size: int, rounds: int
) -> dict[str, Any]:
    """Times decoding and the pipeline on one kind of photos, whole and pre-cropped.

    Args:
      name: What the photos are called.
      records: The faces, of whole photos.
      size: Side of the crops, S.
      rounds: Timed rounds.

    Returns:
      One row of the JSON file: `faces_per_second` (medians), `seconds` (all times), both by form
      and contestant, and `ratios`.
    """
    cropping = precropping.Cropping(size, (_MARGINS,))
    forms = {
        ORIGINAL: list(records),
        CROPPED: [precropping.precrop(record, cropping) for record in records],
    }
    functions = {
        f"{form}_{contestant}": function
        for form, members in forms.items()
        for contestant, function in contestants(members, size).items()
    }
    times = timing.alternate(functions, rounds=rounds, clock=time.process_time)
    rates = {key: len(records) / seconds for key, seconds in timing.medians(times).items()}
    return {
        "photos": name,
        "faces": len(records),
        "size": size,
        "bytes_per_face": {
            form: sum(len(r["image"]) for r in members) / len(members)
            for form, members in forms.items()
        },
        "faces_per_second": rates,
        "ratios": {
            f"{form}_{contestant}_to_decode": rates[f"{form}_{contestant}"]
            / rates[f"{form}_{DECODE}"]
            for form in forms
            for contestant in (PIPELINE, BILINEAR)
        }
        | {"cropped_to_original": rates[f"{CROPPED}_{PIPELINE}"] / rates[f"{ORIGINAL}_{PIPELINE}"]},
        "seconds": times,
    }


def contestants(records: list[sources.Record], size: int) -> dict[str, Callable[[], None]]:
    """Returns the functions to time; each handles as many faces as there are, in this thread."""
    crop = geometry.crop_settings(_MARGINS, input_size=size)
    count = len(records)

    def pipeline(interpolation: str) -> Callable[[], None]:
        batches = pipelines.train_batches(
            photos.RepeatedSource(records),
            crop=crop,
            augmentation=dataclasses.replace(augmentations.STAGE2, interpolation=interpolation),
            scheme=schemes.IBUG68 if len(records[0]["landmarks"]) == 68 else None,
            batch_size=min(_BATCH, count),
            seed=0,
            num_threads=0,
        )
        return functools.partial(_draw, batches, count // min(_BATCH, count))

    shrinks = [face_view.face_view(record, crop).jpeg_shrink for record in records]
    return {
        DECODE: functools.partial(_decode, records, shrinks),
        PIPELINE: pipeline(warping.BICUBIC),
        BILINEAR: pipeline(warping.BILINEAR),
    }


def _decode(records: list[sources.Record], shrinks: list[int]) -> None:
    for record, shrink in zip(records, shrinks, strict=True):
        images.decode_image(record["image"], record["key"], shrink=shrink)


def _draw(batches: pipelines.TrainBatches, count: int) -> None:
    for _ in range(count):
        next(batches)


def _records(arguments: argparse.Namespace) -> dict[str, list[sources.Record]]:
    # Whole batches only, so that a run is exactly all faces.
    count = -(-arguments.faces // _BATCH) * _BATCH
    if not arguments.data_name:
        return {f"{width} px": photos.make(width, count) for width in arguments.photos}
    source = prepared_sources.open_source(
        arguments.data_name, data_dir=arguments.data_dir, split=arguments.split
    )
    if len(source) < count:
        raise ValueError(f"{arguments.data_name} has only {len(source)} faces; lower --faces")
    return {arguments.data_name: [source[i] for i in range(count)]}


def table_of(rows: list[dict[str, Any]]) -> tables.Table:
    """Returns the table of measured rows; see `measure`."""
    lines = []
    for row in rows:
        rates, ratios = row["faces_per_second"], row["ratios"]
        for form, label in ((ORIGINAL, "whole"), (CROPPED, f"cropped_{row['size']}")):
            faster = ratios["cropped_to_original"] if form == CROPPED else 1.0
            lines.append(
                (
                    row["photos"],
                    label,
                    f"{row['bytes_per_face'][form] / 1000:.0f}",
                    f"{rates[f'{form}_{DECODE}']:.0f}",
                    f"{rates[f'{form}_{PIPELINE}']:.0f}",
                    f"{ratios[f'{form}_{PIPELINE}_to_decode']:.2f}",
                    f"{rates[f'{form}_{BILINEAR}']:.0f}",
                    f"{ratios[f'{form}_{BILINEAR}_to_decode']:.2f}",
                    f"{faster:.1f}",
                )
            )
    rates = ("decode", "pipeline", "pipeline / decode", "bilinear", "bilinear / decode")
    header = ("photos", "form", "kB", *rates, "x original")
    return tables.Table(header, tuple(lines), num_names=2)
