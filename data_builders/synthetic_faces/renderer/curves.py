"""Smooth curves through a few control points, and falloffs: the arithmetic of the face's shape."""

import functools

import numpy as np

FloatArray = np.ndarray


@functools.cache
def spline_matrix(num_knots: int, samples_per_span: int, closed: bool = False) -> FloatArray:
    """Matrix that samples a Catmull-Rom spline through knots at equal parameter steps.

    Args:
      num_knots: Number of control points.
      samples_per_span: Samples between one control point and the next.
      closed: Whether the last control point joins the first.

    Returns:
      Matrix (M, num_knots); `matrix @ knots` are the samples. An open curve has
      M = (num_knots - 1) * samples_per_span + 1 and ends on its end points.
    """
    spans = num_knots if closed else num_knots - 1
    count = spans * samples_per_span + (0 if closed else 1)
    position = np.arange(count) / samples_per_span
    span = np.minimum(position.astype(int), spans - 1)
    f = position - span
    weights = np.stack(
        [
            -0.5 * f + f**2 - 0.5 * f**3,
            1 - 2.5 * f**2 + 1.5 * f**3,
            0.5 * f + 2 * f**2 - 1.5 * f**3,
            -0.5 * f**2 + 0.5 * f**3,
        ],
        axis=1,
    )
    matrix = np.zeros((count, num_knots))
    for offset in range(4):
        knot = span + offset - 1
        knot = knot % num_knots if closed else np.clip(knot, 0, num_knots - 1)
        np.add.at(matrix, (np.arange(count), knot), weights[:, offset])
    return matrix


def smooth_curve(points: FloatArray, samples_per_span: int = 4, closed: bool = False) -> FloatArray:
    """Points (K, D) to a smooth polyline (M, D) through them."""
    points = np.asarray(points, dtype=np.float64)
    return spline_matrix(len(points), samples_per_span, closed) @ points


def smoothstep(value: FloatArray, start: float, stop: float) -> FloatArray:
    """0 at `start` and before, 1 at `stop` and after, smooth between; start may exceed stop."""
    f = (value - start) * (1 / (stop - start))
    f = np.minimum(np.maximum(f, 0.0), 1.0)
    return f * f * (3 - 2 * f)


def bump(
    x: FloatArray, y: FloatArray, center: tuple[float, float], width: tuple[float, float]
) -> FloatArray:
    """Gaussian of peak 1 about `center` with standard deviations `width` along x and y."""
    return np.exp(-0.5 * (((x - center[0]) / width[0]) ** 2 + ((y - center[1]) / width[1]) ** 2))


def mirrored(points: FloatArray) -> FloatArray:
    """Points (..., 2 or 3) on the other side of the face's middle: x changes its sign."""
    return np.asarray(points) * np.array([-1.0, 1.0, 1.0][: np.shape(points)[-1]])
