"""The work of `scaf_jax.detect`: photos in, a table of their faces' boxes out."""

import csv
import dataclasses
import io
import os
import pathlib
from collections.abc import Sequence

import cv2
import numpy as np
from absl import logging

from scaf_jax.commands import launch
from scaf_jax.data import folder_source, images
from scaf_jax.detection import detectors, search
from scaf_jax.files import atomic, json_lines
from scaf_jax.files.escaping import printable
from scaf_jax.inference import photo_inputs
from scaf_jax.reporting import drawing, photo_pictures
from scaf_jax.training import progress

_HEADER = ("name", "x0", "y0", "x1", "y1")
_COLUMNS, _SHOWN, _CELL = 4, 12, 300
# To start a process takes as long as to look at so many photos.
_WORTH_A_PROCESS = 100
_MOST_NAMED = 3


@dataclasses.dataclass(frozen=True)
class Settings:
    """Where to look, and what for.

    Attributes:
      folder: The folder of photos.
      output: The table to write; None: `boxes.csv` in the folder, where everything that takes
        a folder of photos looks for it.
      detector: One of `detectors.NAMES`.
      most_faces: How many faces of a photo, the largest ones; 0 for all.
      smallest: Faces whose box has a shorter side, in pixels, are left out.
      workers: How many processes look, at most.
      overwrite: Whether a table that is there is replaced.
    """

    folder: pathlib.Path
    output: pathlib.Path | None = None
    detector: str = detectors.DEFAULT
    most_faces: int = 0
    smallest: float = 32
    workers: int = os.cpu_count() or 1
    overwrite: bool = False


def run(settings: Settings) -> launch.Outcome:
    """Looks at every photo of the folder and writes the table and a picture of some faces.

    Stopped, the same settings go on with the photos that were not looked at yet.

    Raises:
      FileNotFoundError: There is no such folder, or no photo in it.
      ValueError: A setting cannot be used, the detector is not installed, or the table is there.
    """
    output = settings.output or settings.folder / folder_source.TABLE
    _check(settings, output)
    photos = photo_inputs.find([str(settings.folder)])
    found = _search(settings, output, photos)
    by_name = {one.name: _wanted(one, settings) for one in found}
    if not any(by_name.values()):
        raise ValueError(
            f"{settings.folder}: {settings.detector} found no face of {settings.smallest:g} pixels "
            f"in {len(found)} photos; --smallest takes smaller ones"
        )
    problems = [one for one in found if one.problem]
    for one in problems:
        logging.error("%s", printable(one.problem))
    usable = [one.name for one in found if not one.problem]
    picture = pathlib.Path(f"detected_{settings.folder.resolve().name}.png")
    atomic.write_png(picture, _picture(photos.root, by_name))
    # The last, so that the same command goes on where anything before it fails.
    atomic.write_text(output, _table({name: by_name[name] for name in usable}))
    _part(output).unlink()
    return launch.Outcome(_told(settings, by_name, problems, output, picture), len(problems))


def _check(settings: Settings, output: pathlib.Path) -> None:
    if not settings.folder.is_dir():
        raise FileNotFoundError(f"{settings.folder} is not a folder")
    if settings.workers < 1 or settings.most_faces < 0 or settings.smallest < 0:
        raise ValueError("--workers is 1 or more, --most_faces and --smallest 0 or more")
    if output.exists() and not settings.overwrite:
        raise ValueError(f"{output} is there already; --overwrite replaces it")


def _search(
    settings: Settings, output: pathlib.Path, photos: photo_inputs.Photos
) -> list[search.PhotoFaces]:
    """What is in every photo, looked for now or when the same work was stopped."""
    work = {"folder": str(photos.root), "detector": settings.detector}
    with json_lines.JsonLines(_part(output), work) as lines:
        # Photos that could not be used are looked at again: they may have been put right.
        known = {
            str(line["name"]): _from_line(line) for line in lines.read() if not line["problem"]
        }
        left = [name for name in photos.names if name not in known]
        if known:
            logging.info("%d photos were looked at before", len(photos.names) - len(left))
        workers = min(settings.workers, 1 + len(left) // _WORTH_A_PROCESS)
        looking = search.search(photos.root, left, settings.detector, workers=workers)
        for found in progress.track(looking, "detect", len(left)):
            lines.append(dataclasses.asdict(found))
            known[found.name] = found
    return [known[name] for name in photos.names]


def _part(output: pathlib.Path) -> pathlib.Path:
    return output.with_name(f".{output.name}.part")


def _from_line(line: dict[str, object]) -> search.PhotoFaces:
    boxes = line["boxes"]
    assert isinstance(boxes, list)
    return search.PhotoFaces(str(line["name"]), tuple(map(tuple, boxes)), str(line["problem"]))


def _wanted(found: search.PhotoFaces, settings: Settings) -> list[search.Box]:
    large = [b for b in found.boxes if min(b[2] - b[0], b[3] - b[1]) >= settings.smallest]
    return large[: settings.most_faces or None]


def _table(by_name: dict[str, list[search.Box]]) -> str:
    """A row a face; photos without one have a row without a box."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for name, boxes in by_name.items():
        writer.writerows([name, *(f"{side:.1f}" for side in box)] for box in boxes)
        if not boxes:
            writer.writerow([name, "", "", "", ""])
    return text.getvalue()


def _picture(root: pathlib.Path, by_name: dict[str, list[search.Box]]) -> drawing.Image:
    """Photos from all over the folder, with the boxes of their faces."""
    names = [name for name, boxes in by_name.items() if boxes]
    places = np.unique(np.linspace(0, len(names) - 1, _SHOWN).round().astype(int))
    chosen = [names[place] for place in places]
    cells = [_cell(root / name, by_name[name]) for name in chosen]
    starts = range(0, len(cells), _COLUMNS)
    return drawing.compose(
        [cells[start : start + _COLUMNS] for start in starts],
        title=f"Faces found in {len(names)} photos",
        captions=[
            [images.printable_name(name) for name in chosen[start : start + _COLUMNS]]
            for start in starts
        ],
    )


def _cell(path: pathlib.Path, boxes: Sequence[search.Box]) -> drawing.Image:
    pixels, _ = images.decode_image(images.read_encoded(path), path.name)
    height, width = pixels.shape[:2]
    scale = _CELL / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    places = np.array(boxes, np.float64) * scale
    drawn = photo_pictures.with_faces(resized, np.zeros((len(places), 0, 2)), places, _CELL)
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    top, left = ((_CELL - side) // 2 for side in drawn.shape[:2])
    cell[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
    return cell


def _told(
    settings: Settings,
    by_name: dict[str, list[search.Box]],
    problems: Sequence[search.PhotoFaces],
    output: pathlib.Path,
    picture: pathlib.Path,
) -> str:
    unusable = {one.name for one in problems}
    faceless = [name for name, boxes in by_name.items() if not boxes and name not in unusable]
    count = sum(map(len, by_name.values()))
    lines = [f"{count} faces in {len(by_name) - len(unusable)} photos"]
    if faceless:
        shown = ", ".join(images.printable_name(name) for name in faceless[:_MOST_NAMED])
        lines.append(
            f"{len(faceless)} photos show none of {settings.smallest:g} pixels and have a row "
            f"without a box, which leaves them out: {shown}"
            + (", ..." if len(faceless) > _MOST_NAMED else "")
        )
    if problems:
        lines.append(f"{len(problems)} photos could not be used; see the messages above")
    lines.append(f"boxes: {printable(str(output))}; look at {printable(str(picture))}")
    return "\n".join(lines)
