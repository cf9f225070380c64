"""A picture of sample faces: numbered points, both boxes, and the square that is cut out."""

import random
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from data_builders import faces
from data_builders.doctor.examination import Observation
from scaf_jax.data import geometry, images, warping
from scaf_jax.reporting import drawing

NUM_USUAL, NUM_ODD = 6, 3
CELL = 640
_COLUMNS = 3
_CROP: drawing.Color = (255, 60, 220)
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)
_MARGIN = 0.06  # around everything that is drawn, of its size
_SHIFT = 4  # OpenCV draws at fractions of 1 / 2**4 pixel
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.4
_NUMBER_DISTANCE = 11  # from a point to the middle of its number


def choose(observations: Sequence[Observation], seed: int = 0) -> list[Observation]:
    """Returns some usable faces without problems, then some with.

    Args:
      observations: The faces.
      seed: Of the choice.
    """
    usable = [seen for seen in observations if seen.usable]
    chosen = []
    for odd, number in ((False, NUM_USUAL), (True, NUM_ODD)):
        group = [seen for seen in usable if bool(seen.problems) == odd]
        chosen += random.Random(seed).sample(group, min(number, len(group)))
    return chosen


def draw_faces(
    chosen: Sequence[Observation], crop: geometry.CropSettings, title: str
) -> drawing.Image:
    """Returns the picture of some faces.

    Args:
      chosen: At least one usable face.
      crop: How faces of the set are cut out.
      title: Above the picture.

    Raises:
      ImageError: A photo cannot be read any more.
    """
    cells = [_draw_face(seen, crop) for seen in chosen]
    captions = [_caption(seen) for seen in chosen]
    rows = [cells[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)]
    legend = [
        ("points, from 0", drawing.GREEN),
        ("box", drawing.YELLOW),
        ("detector box", drawing.BLUE),
        ("crop", _CROP),
    ]
    return drawing.compose(
        rows,
        title=title,
        legend=legend,
        captions=[captions[i : i + _COLUMNS] for i in range(0, len(cells), _COLUMNS)],
    )


def _caption(seen: Observation) -> str:
    kinds = ", ".join(problem.kind for problem in seen.problems)
    return f"{seen.listed.splits[0]}: {seen.listed.face.key}\n{kinds}"


def _draw_face(seen: Observation, crop: geometry.CropSettings) -> drawing.Image:
    image = seen.listed.face.image
    pixels, _ = images.decode_image(images.read_encoded(image), str(image))
    truth, detector = seen.values["box_ground_truth"], seen.values["box_detector"]
    square = geometry.face_square(truth, crop)
    mask = seen.values["landmark_mask"]
    points = seen.values["landmarks"][mask]
    shown = [truth, detector, square.astype(np.float32)]
    matrix = _matrix(shown + ([faces.extent(points) + np.float32(0.5)] if len(points) else []))
    cell = np.ascontiguousarray(warping.warp(pixels, matrix, CELL))
    for box, color in ((square, _CROP), (detector, drawing.BLUE), (truth, drawing.YELLOW)):
        _draw_box(cell, box, matrix, color)
    if len(points):
        places = geometry.to_crop(points, matrix)
        drawing.draw_points(cell, places, None, drawing.GREEN, source_size=CELL, radius=2.2)
        _draw_numbers(cell, places, np.flatnonzero(mask))
    return cell


def _matrix(boxes: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """Brings the square around boxes, and a margin, into a cell; center coordinates both sides."""
    together = np.stack(boxes).astype(np.float64)
    start, stop = together[:, :2].min(axis=0), together[:, 2:].max(axis=0)
    side = (stop - start).max() * (1 + 2 * _MARGIN)
    corner = (start + stop - side) / 2
    scale = CELL / side
    offset = scale * (0.5 - corner) - 0.5
    return np.array([[scale, 0, offset[0]], [0, scale, offset[1]]])


def _draw_box(
    cell: drawing.Image,
    box: npt.NDArray[Any],
    matrix: npt.NDArray[np.float64],
    color: drawing.Color,
) -> None:
    # A box counts from pixels' edges, half a pixel before their centers.
    corners = geometry.to_crop(np.reshape(box, (2, 2)).astype(np.float64) - 0.5, matrix)
    first, last = (np.round(np.clip(c, -CELL, 2 * CELL) * 2**_SHIFT).astype(int) for c in corners)
    cv2.rectangle(cell, first.tolist(), last.tolist(), color, 2, cv2.LINE_AA, _SHIFT)


def _draw_numbers(
    cell: drawing.Image, places: npt.NDArray[np.float64], numbers: npt.NDArray[np.integer]
) -> None:
    for place, direction, number in zip(places, _away(places), numbers, strict=True):
        text = str(number)
        (width, height), _ = cv2.getTextSize(text, _FONT, _FONT_SCALE, 1)
        middle = place + _NUMBER_DISTANCE * direction
        if not (np.abs(middle) < 2 * CELL).all():
            continue
        corner = np.round(middle + (-width / 2, height / 2)).astype(int).tolist()
        # Twice: a dark rim keeps the digits legible on bright skin.
        cv2.putText(cell, text, corner, _FONT, _FONT_SCALE, _BLACK, 3, cv2.LINE_AA)
        cv2.putText(cell, text, corner, _FONT, _FONT_SCALE, _WHITE, 1, cv2.LINE_AA)


def _away(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """(L, 2) directions from each point away from its neighbors, the nearest counting most."""
    between = places[:, None] - places[None]
    distance = np.maximum(np.linalg.norm(between, axis=-1, keepdims=True), 1)
    push = (between / distance**3).sum(axis=1)
    length = np.linalg.norm(push, axis=-1, keepdims=True)
    return np.where(length > 1e-9, push / np.maximum(length, 1e-9), (0.0, -1.0))
