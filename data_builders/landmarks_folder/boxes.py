"""Boxes of faces that have none and lack points: around the whole face as it is likely to be.

A box around the known points alone would be small where the mouth is missing and large where it is
not; crops would then differ for a reason that no photo shows. So the set's average face is moved,
turned and scaled onto the known points, and stands in for the others.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from data_builders import faces

# Enough for an average.
_MOST_FACES = 500
_ITERATIONS = 10
_SMALLEST_SPREAD = 0.05  # of the average face's size, for a fit that means something

Complex = npt.NDArray[np.complex128]
Bools = npt.NDArray[np.bool_]


@dataclasses.dataclass(frozen=True)
class AverageFace:
    """The mean shape of a data set: (L,) complex numbers x + iy, NaN where no face has a point."""

    shape: Complex

    def box(self, points: npt.NDArray[np.float32], mask: Bools) -> faces.Box | None:
        """Returns the box around a face of which some points are missing.

        Args:
          points: (L, 2) pixels.
          mask: (L,) bool, False where a point is not known.

        Returns:
          (4,) float32, pixel edges; None where the known points do not tell a face's size.
        """
        marked = np.where(mask, points @ np.array([1, 1j]), 0)
        usable = mask & np.isfinite(self.shape)
        reference = self.shape[usable]
        # Its size is 1. Two points that lie close together do not tell how large a face is.
        if len(reference) < 2 or np.abs(reference - reference[0]).max() < _SMALLEST_SPREAD:
            return None
        scale, shift = _fit(self.shape[None], marked[None], usable[None])
        placed = np.where(mask, marked, scale[0] * self.shape + shift[0])
        placed = placed[np.isfinite(placed)]
        corners = np.stack([np.real(placed), np.imag(placed)], axis=1).astype(np.float32)
        return faces.extent(corners) + np.float32(0.5)


def average_face(
    annotate: Sequence[Callable[[], faces.Annotation]], num_landmarks: int
) -> AverageFace:
    """Returns the average of a data set's first faces, whatever points they lack.

    Args:
      annotate: Gives what is known of each face.
      num_landmarks: Landmarks of a face, L.
    """
    marked, masks = [], []
    for read in annotate[:_MOST_FACES]:
        try:
            annotation = read()
        except faces.FACE_ERRORS:
            continue  # told when the face's turn comes
        points = np.asarray(annotation.landmarks, np.float64)
        mask = np.isfinite(points).all(axis=1)
        if annotation.mask is not None:
            mask &= annotation.mask
        if mask.sum() >= 2 and np.ptp(points[mask], axis=0).max() > 0:
            marked.append(np.where(mask, np.nan_to_num(points) @ np.array([1, 1j]), 0))
            masks.append(mask)
    if not marked:
        return AverageFace(np.full(num_landmarks, np.nan, np.complex128))
    return AverageFace(_average(np.stack(marked), np.stack(masks)))


def _average(marked: Complex, masks: Bools) -> Complex:
    """The mean of (N, L) shapes after each was laid over it; points that are missing are left out.

    Source: generalized Procrustes analysis.
    """
    counts = masks.sum(axis=1, keepdims=True)
    centered = np.where(masks, marked - marked.sum(axis=1, keepdims=True) / counts, 0)
    sizes = np.sqrt((np.abs(centered) ** 2).sum(axis=1, keepdims=True) / counts)
    laid = centered / sizes
    for _ in range(_ITERATIONS):
        scale, shift = _fit(np.broadcast_to(_mean(laid, masks), laid.shape), marked, masks)
        usable = np.abs(scale) > 0
        marked, masks = marked[usable], masks[usable]
        laid = (marked - shift[usable, None]) / scale[usable, None]
    return _mean(laid, masks)


def _mean(laid: Complex, masks: Bools) -> Complex:
    """The mean of (N, L) shapes, (L,), about 0 and of size 1; NaN where no face has a point."""
    with np.errstate(invalid="ignore"):
        shape = np.where(masks, laid, 0).sum(axis=0) / masks.sum(axis=0)
    return (shape - np.nanmean(shape)) / max(float(np.nanstd(shape)), 1e-9)


def _fit(shapes: Complex, marked: Complex, masks: Bools) -> tuple[Complex, Complex]:
    """Least squares: the (N,) factors and shifts that take (N, L) shapes to what is marked."""
    shapes = np.where(masks, shapes, 0)
    counts = masks.sum(axis=1, keepdims=True)
    center, target = (
        x.sum(axis=1, keepdims=True) / counts for x in (shapes, np.where(masks, marked, 0))
    )
    centered = np.where(masks, shapes - center, 0)
    scale = (centered.conj() * (marked - target)).sum(axis=1)
    scale = scale / np.maximum((np.abs(centered) ** 2).sum(axis=1), 1e-12)
    return scale, target[:, 0] - scale * center[:, 0]
