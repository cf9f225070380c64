"""The pictures of a report, each an RGB array: faces with landmarks, heatmaps, reconstructions.

Images are uint8 RGB crops, (N, S, S, 3), of any S; landmarks are in pixels of the crop, where the
center of the first pixel is 0. True landmarks are green, predicted ones blue.
"""

from collections.abc import Sequence

import numpy as np

from scaf_jax.reporting.drawing import (
    BLUE,
    CELL,
    GREEN,
    YELLOW,
    Array,
    Image,
    color_heatmap,
    compose,
    draw_offsets,
    draw_points,
    enlarge,
)

_LEGEND = (("true", GREEN), ("predicted", BLUE))


def face_grid(
    images: Array,
    reconstructions: Array | None,
    predicted: Array,
    truth: Array,
    *,
    mask: Array | None = None,
    captions: Sequence[str] | None = None,
    columns: int = 5,
    title: str = "",
) -> Image:
    """Shows faces above their reconstructions, if any, with true and predicted landmarks.

    Source: SCAF, fig. 3.

    Args:
      images: (N, S, S, 3) uint8 RGB crops.
      reconstructions: (N, R, R, 3) uint8 RGB; R may differ from S. None shows the faces alone.
      predicted: (N, L, 2) predicted landmarks, pixels of `images`.
      truth: (N, L, 2) true ones.
      mask: (N, L) bool, False where a true landmark is missing.
      captions: N texts, such as the NME; two lines fit.
      columns: Faces side by side.
      title: Above the picture; by default what is in it.

    Returns:
      (height, width, 3) uint8 RGB.
    """
    what = "Faces, their reconstructions and landmarks"
    if reconstructions is None:
        what = "Faces and landmarks"
    rows: list[list[Image]] = []
    labels: list[str] = []
    below: list[list[str] | None] = []
    for start in range(0, len(images), columns):
        faces = range(start, min(start + columns, len(images)))
        points = [(predicted[i], truth[i], _row(mask, i), images.shape[1]) for i in faces]
        rows.append([_with_points(images[i], *p) for i, p in zip(faces, points, strict=True)])
        labels.append("input")
        if reconstructions is not None:
            rows.append([enlarge(reconstructions[i]) for i in faces])
            rows.append(
                [_with_points(reconstructions[i], *p) for i, p in zip(faces, points, strict=True)]
            )
            labels += ["reconstruction", "reconstruction"]
            below += [None, None]
        below.append([captions[i] for i in faces] if captions else None)
    return compose(rows, title=title or what, legend=_LEGEND, row_labels=labels, captions=below)


def heatmap_row(
    images: Array,
    predicted: Array,
    truth: Array,
    predicted_heatmaps: Array,
    true_heatmaps: Array,
    *,
    mask: Array | None = None,
    captions: Sequence[str] | None = None,
    title: str = "Heatmaps (largest over the landmarks; black is 0, brightest is 1)",
) -> Image:
    """Shows each face with its landmarks, its true heatmaps and the predicted ones.

    The colors stand for the same values everywhere, so that an uncertain prediction looks dim.

    Source: SCAF, fig. 2.

    Args:
      images: (N, S, S, 3) uint8 RGB crops; one row of the picture each.
      predicted: (N, L, 2) predicted landmarks, pixels of `images`.
      truth: (N, L, 2) true ones.
      predicted_heatmaps: (N, H, W, L).
      true_heatmaps: (N, H, W, L).
      mask: (N, L) bool, False where a true landmark is missing.
      captions: N texts, left of the rows.
      title: Above the picture.

    Returns:
      (height, width, 3) uint8 RGB.
    """
    rows = [
        [
            _with_points(images[i], predicted[i], truth[i], _row(mask, i), images.shape[1]),
            color_heatmap(np.max(true_heatmaps[i], axis=-1)),
            color_heatmap(np.max(predicted_heatmaps[i], axis=-1)),
        ]
        for i in range(len(images))
    ]
    return compose(
        rows,
        title=title,
        legend=_LEGEND,
        column_titles=("input", "true heatmaps", "predicted heatmaps"),
        row_labels=captions,
    )


def worst_indices(nme: Array, count: int) -> Array:
    """Returns the places of the largest `count` of the (N,) errors, worst first, without NaN."""
    counting = np.flatnonzero(~np.isnan(nme))
    return counting[np.argsort(-np.asarray(nme)[counting], kind="stable")][:count]


def worst_faces(
    images: Array,
    predicted: Array,
    truth: Array,
    *,
    nme: Array,
    keys: Sequence[str],
    mask: Array | None = None,
    columns: int = 5,
    title: str = "Faces with the largest errors",
) -> Image:
    """Shows faces in the order given, each true landmark joined to the predicted one.

    Args:
      images: (N, S, S, 3) uint8 RGB crops.
      predicted: (N, L, 2) predicted landmarks, pixels of `images`.
      truth: (N, L, 2) true ones.
      nme: (N,) percent.
      keys: N names of faces.
      mask: (N, L) bool, False where a true landmark is missing.
      columns: Faces side by side.
      title: Above the picture.

    Returns:
      (height, width, 3) uint8 RGB.
    """
    cells = []
    for i, image in enumerate(images):
        cell, size, present = enlarge(image), images.shape[1], _row(mask, i)
        draw_offsets(cell, truth[i], predicted[i], present, YELLOW, source_size=size)
        _draw_landmarks(cell, predicted[i], truth[i], present, size)
        cells.append(cell)
    captions = [f"NME {error:.2f} %\n{key}" for error, key in zip(nme, keys, strict=True)]
    starts = range(0, len(cells), columns)
    return compose(
        [cells[start : start + columns] for start in starts],
        title=title,
        legend=(*_LEGEND, ("error", YELLOW)),
        captions=[captions[start : start + columns] for start in starts],
    )


def reconstruction_grid(
    images: Array,
    reconstructions: Array,
    *,
    captions: Sequence[str] | None = None,
    columns: int = 8,
    title: str = "Inputs and their reconstructions",
) -> Image:
    """Shows inputs above their reconstructions.

    Args:
      images: (N, S, S, 3) uint8 RGB.
      reconstructions: (N, R, R, 3) uint8 RGB.
      captions: N texts, such as L1 and SSIM; two lines fit.
      columns: Faces side by side.
      title: Above the picture.

    Returns:
      (height, width, 3) uint8 RGB.
    """
    rows: list[list[Image]] = []
    below: list[Sequence[str] | None] = []
    for start in range(0, len(images), columns):
        part = slice(start, start + columns)
        rows.append([enlarge(image, _SMALL) for image in images[part]])
        rows.append([enlarge(image, _SMALL) for image in reconstructions[part]])
        below += [None, captions[part] if captions else None]
    labels = ["input", "reconstruction"] * (len(rows) // 2)
    return compose(rows, title=title, row_labels=labels, captions=below)


def sample_grid(
    samples: Array, *, columns: int = 8, title: str = "Faces from random embeddings"
) -> Image:
    """Shows generated images, (N, S, S, 3) uint8 RGB."""
    cells = [enlarge(image, _SMALL) for image in samples]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return compose(rows, title=title)


def interpolation_grid(
    frames: Array,
    *,
    ends: Array | None = None,
    title: str = "From one face's embedding to another's",
) -> Image:
    """Shows images generated on the way from one embedding to another, a pair of faces a row.

    Args:
      frames: (N, T, S, S, 3) uint8 RGB, generated at equal steps from the first to the last.
      ends: (N, 2, S, S, 3) uint8 RGB, the two faces themselves, shown at the ends of the row.
      title: Above the picture.

    Returns:
      (height, width, 3) uint8 RGB.
    """
    steps = np.linspace(0, 1, frames.shape[1])
    titles = [f"{step:.2f}" for step in steps]
    rows = [[enlarge(image, _SMALL) for image in row] for row in frames]
    if ends is not None:
        titles = ["first face", *titles, "second face"]
        rows = [
            [enlarge(first, _SMALL), *row, enlarge(last, _SMALL)]
            for row, (first, last) in zip(rows, ends, strict=True)
        ]
    return compose(rows, title=title, column_titles=titles)


_SMALL = CELL * 5 // 8


def _with_points(
    image: Array, predicted: Array, truth: Array, mask: Array | None, source_size: int
) -> Image:
    cell = enlarge(image)
    _draw_landmarks(cell, predicted, truth, mask, source_size)
    return cell


def _draw_landmarks(
    cell: Image, predicted: Array, truth: Array, mask: Array | None, source_size: int
) -> None:
    # The predicted dot is smaller and on top: where both agree a green ring is left to see.
    draw_points(cell, truth, mask, GREEN, source_size=source_size, radius=3.0)
    draw_points(cell, predicted, mask, BLUE, source_size=source_size, radius=2.2)


def _row(mask: Array | None, index: int) -> Array | None:
    return None if mask is None else mask[index]
