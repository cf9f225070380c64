"""Drawing on pixels: points on enlarged faces, heatmaps in color, cells put into a labeled grid.

Cells are placed pixel by pixel, so nothing that is drawn is resampled afterwards; matplotlib only
adds the texts (and is loaded when the first grid is made).
"""

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from scaf_jax.files.escaping import printable

Image = NDArray[np.uint8]
Array = NDArray[Any]
Color = tuple[int, int, int]

GREEN: Color = (0, 230, 70)  # true landmarks, as in the figures of the paper
BLUE: Color = (40, 90, 255)  # predicted landmarks
WHITE: Color = (255, 255, 255)
YELLOW: Color = (255, 210, 0)  # from a true landmark to the predicted one
CELL = 256

_SHIFT = 4  # OpenCV draws at fractions of 1 / 2**4 pixel
_GAP = 6
_MARGIN = 12
_DPI = 100
_TEXT, _TITLE = 14, 18  # heights of letters, pixels
_GLYPH = 0.6  # width of an average letter, in its height
_INK: Color = (30, 30, 30)


class _Label(NamedTuple):
    x: float
    y: float
    text: str
    size: int = _TEXT
    color: Color = _INK
    align: str = "center"
    vertical: bool = False
    bold: bool = False


def enlarge(image: Array, size: int = CELL) -> Image:
    """Resizes a square (S, S, 3) uint8 image to (size, size, 3), pixel edges on pixel edges."""
    # OpenCV aligns pixel edges, which is what `draw_points` assumes.
    method = cv2.INTER_CUBIC if size >= image.shape[0] else cv2.INTER_AREA
    contiguous = np.ascontiguousarray(image, np.uint8)
    return np.asarray(cv2.resize(contiguous, (size, size), interpolation=method), np.uint8)


def draw_points(
    cell: Image,
    points: Array,
    mask: Array | None,
    color: Color,
    *,
    source_size: int,
    radius: float,
) -> None:
    """Draws landmarks on an enlarged crop, in place and anti-aliased.

    Args:
      cell: (C, C, 3) uint8 RGB, contiguous.
      points: (L, 2) in pixels of the crop before it was enlarged; the center of the first is 0.
      mask: (L,) bool, False where there is nothing to draw, or None.
      color: RGB.
      source_size: Side of the crop before it was enlarged.
      radius: Of the dots, pixels of the cell.
    """
    for point in _in_cell(cell, points, mask, source_size):
        if point is not None:
            blend_disc(cell, point, radius, color)


def draw_offsets(
    cell: Image, start: Array, end: Array, mask: Array | None, color: Color, *, source_size: int
) -> None:
    """Draws a thin line from each start to its end point; arguments as for `draw_points`."""
    starts = _in_cell(cell, start, mask, source_size)
    ends = _in_cell(cell, end, mask, source_size)
    for first, last in zip(starts, ends, strict=True):
        if first is not None and last is not None:
            start_fixed, end_fixed = (
                [round(value * 2**_SHIFT) for value in point] for point in (first, last)
            )
            cv2.line(cell, start_fixed, end_fixed, color, 1, cv2.LINE_AA, _SHIFT)


def color_heatmap(heatmap: Array, size: int = CELL) -> Image:
    """Returns an (H, W) heatmap as a (size, size, 3) RGB picture, black at 0 to bright at 1."""
    levels = np.round(255 * np.clip(np.nan_to_num(heatmap), 0, 1)).astype(np.uint8)
    enlarged = cv2.resize(levels, (size, size), interpolation=cv2.INTER_LINEAR)
    colored = cv2.applyColorMap(enlarged, cv2.COLORMAP_INFERNO)
    return np.ascontiguousarray(colored[..., ::-1], np.uint8)  # OpenCV's colors are BGR


def compose(
    rows: Sequence[Sequence[Image]],
    *,
    title: str = "",
    legend: Sequence[tuple[str, Color]] = (),
    column_titles: Sequence[str] | None = None,
    row_labels: Sequence[str] | None = None,
    captions: Sequence[Sequence[str] | None] | None = None,
) -> Image:
    """Puts cells of one size into a grid with texts around them.

    Args:
      rows: Rows of (C, C, 3) uint8 RGB cells; a row may be shorter than the first.
      title: Above everything.
      legend: Names with their colors, on a line below the title.
      column_titles: Above each column.
      row_labels: Left of each row, written upwards.
      captions: For each row the texts below its cells (two lines fit), or None.

    Returns:
      (height, width, 3) uint8 RGB.

    Raises:
      ValueError: There is no cell.
    """
    if not rows or not rows[0]:
        raise ValueError("a grid of pictures needs at least one picture")
    cell = rows[0][0].shape[0]
    left = _MARGIN + (_TEXT + _MARGIN if row_labels else 0)
    inner = len(rows[0]) * (cell + _GAP) - _GAP
    width = max(left + inner + _MARGIN, 420)
    labels, top = _heading(title, legend, width)
    if column_titles:
        for column, text in enumerate(column_titles):
            x = left + column * (cell + _GAP) + cell / 2
            labels.append(_Label(x, top + _TEXT * 0.6, shorten(text, cell)))
        top += _TEXT + 8

    placed: list[tuple[int, int, Image]] = []
    for number, row in enumerate(rows):
        if row_labels:
            text = shorten(row_labels[number], cell)
            x = _MARGIN + _TEXT / 2
            labels.append(_Label(x, top + cell / 2, text, vertical=True))
        placed += [(top, left + i * (cell + _GAP), image) for i, image in enumerate(row)]
        top += cell + _GAP
        below = captions[number] if captions else None
        if below:
            labels += _captions(below, left, top, cell)
            top += max(len(text.split("\n")) for text in below) * (_TEXT + 5) + _MARGIN

    canvas = np.full((top - _GAP + _MARGIN, width, 3), 255, np.uint8)
    for y, x, image in placed:
        canvas[y : y + cell, x : x + cell] = image
    return _write(canvas, labels)


def shorten(text: str, width: float, size: int = _TEXT) -> str:
    """Returns the text with its middle left out where it is wider than `width` pixels."""
    room = max(int(width / (size * _GLYPH)), 4)
    if len(text) <= room:
        return text
    tail = room * 2 // 3  # file names differ at their ends
    return f"{text[: room - tail - 1]}\u2026{text[-tail:]}"


def blend_disc(cell: Image, center: tuple[float, float], radius: float, color: Color) -> None:
    """Draws a disc on an (H, W, 3) uint8 picture, in place and anti-aliased.

    Args:
      cell: The picture.
      center: x, y in its pixels; the center of the first is 0.
      radius: In its pixels.
      color: RGB.
    """
    # Not cv2.circle: it draws discs this small as diamonds.
    x, y = center
    reach = int(radius) + 2
    columns = np.arange(max(round(x) - reach, 0), min(round(x) + reach + 1, cell.shape[1]))
    rows = np.arange(max(round(y) - reach, 0), min(round(y) + reach + 1, cell.shape[0]))
    if not columns.size or not rows.size:
        return
    distance = np.hypot(columns[None, :] - x, rows[:, None] - y)
    cover = np.clip(radius + 0.5 - distance, 0, 1)[..., None]  # of each pixel by the disc
    place = np.ix_(rows, columns)
    cell[place] = np.round(cover * color + (1 - cover) * cell[place]).astype(np.uint8)


def _heading(
    title: str, legend: Sequence[tuple[str, Color]], width: int
) -> tuple[list[_Label], int]:
    """Returns the texts above the grid and where the grid starts."""
    labels, top = [], _MARGIN
    for line in textwrap.wrap(title, int((width - 2 * _MARGIN) / (_TITLE * _GLYPH))):
        labels.append(_Label(_MARGIN, top + _TITLE / 2, line, _TITLE, align="left", bold=True))
        top += _TITLE + 8
    x = float(_MARGIN)
    for name, color in legend:
        labels.append(_Label(x, top + _TEXT / 2, f"\u25cf {name}", color=color, align="left"))
        x += (len(name) + 4) * _TEXT * _GLYPH
    return labels, top + (_TEXT + 10 if legend else 0)


def _captions(texts: Sequence[str], left: int, top: int, cell: int) -> list[_Label]:
    labels = []
    for column, text in enumerate(texts):
        x = left + column * (cell + _GAP) + cell / 2
        for number, line in enumerate(text.split("\n")):
            y = top + _TEXT / 2 + number * (_TEXT + 5)
            labels.append(_Label(x, y, shorten(line, cell)))
    return labels


def _write(canvas: Image, labels: Sequence[_Label]) -> Image:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = canvas.shape[:2]
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    figure.figimage(canvas, resize=False)
    for label in labels:
        figure.text(
            label.x / width,
            1 - label.y / height,
            printable(label.text),
            fontsize=label.size * 72 / _DPI,
            color=tuple(level / 255 for level in label.color),
            horizontalalignment=label.align,
            verticalalignment="center",
            rotation=90 if label.vertical else 0,
            fontweight="bold" if label.bold else "normal",
            parse_math=False,  # a file name may hold dollar signs
        )
    return rendered(FigureCanvasAgg(figure))


def rendered(canvas: Any) -> Image:
    """Draws a matplotlib canvas of the Agg kind and returns it as (H, W, 3) uint8 RGB."""
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _in_cell(
    cell: Image, points: Array, mask: Array | None, source_size: int
) -> list[tuple[float, float] | None]:
    """Where points lie in a cell, in its pixels; None for what is not to be drawn."""
    size = cell.shape[0]
    scaled = (np.asarray(points, np.float64) + 0.5) * size / source_size - 0.5
    # Far outside, OpenCV's integers would overflow; nothing of such a point would be seen.
    drawn = (np.abs(np.nan_to_num(scaled, nan=np.inf)) < 4 * size).all(axis=-1)
    if mask is not None:
        drawn = drawn & np.asarray(mask, bool)
    return [
        (float(x), float(y)) if visible else None
        for (x, y), visible in zip(scaled, drawn, strict=True)
    ]
