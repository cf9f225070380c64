"""Draws triangle meshes: which triangle is seen at each pixel, and what it carries there."""

import numpy as np

# Triangles are tested in groups of similar extent, each inside a square window of pixels.
_WINDOWS = (3, 5, 7, 10, 14, 20, 32, 64)


def rasterize(
    vertices: np.ndarray, attributes: np.ndarray, triangles: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws triangles; at each pixel the nearest is seen.

    Args:
      vertices: (V, 3) float, pixel centers x, y and the depth z (larger is nearer).
      attributes: (V, A) float, interpolated linearly inside each triangle.
      triangles: (T, 3) int, corners.
      size: Side of the square image in pixels.

    Returns:
      attributes (size, size, A) float32, 0 where nothing is drawn; depth (size, size) float32;
      and the boolean mask (size, size) of what is drawn.
    """
    vertices = vertices.astype(np.float32)
    pixel, owner, beta, gamma = _covered(np.take(vertices[:, :2], triangles, axis=0), size)
    affine = _differences(vertices[:, 2:], triangles)
    depth = _interpolate(affine, owner, beta, gamma)[:, 0]
    # Depth in 16 bits is fine enough, and integers of 16 bits are sorted in linear time.
    low, high = vertices[:, 2].min(), vertices[:, 2].max()
    level = ((depth - low) * (65000 / max(high - low, 1e-6))).clip(0, 65000).astype(np.uint16)
    order = np.argsort(level, kind="stable")
    # Of several assignments to one pixel the last one holds: the nearest triangle's.
    winner = np.full(size * size, -1, dtype=np.int32)
    winner[pixel[order]] = order
    seen = np.flatnonzero(winner >= 0)
    chosen = winner[seen]
    affine = _differences(attributes.astype(np.float32), triangles)
    values = np.zeros((size * size, attributes.shape[1]), dtype=np.float32)
    values[seen] = _interpolate(affine, owner[chosen], beta[chosen], gamma[chosen])
    depths = np.zeros(size * size, dtype=np.float32)
    depths[seen] = depth[chosen]
    drawn = winner >= 0
    return values.reshape(size, size, -1), depths.reshape(size, size), drawn.reshape(size, size)


def _differences(values: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Values (V, A) as (T, 3, A): at the first corner, and how they change to the other two."""
    corners = np.take(values, triangles, axis=0)
    corners[:, 1:] -= corners[:, :1]
    return corners


def _interpolate(
    affine: np.ndarray, owner: np.ndarray, beta: np.ndarray, gamma: np.ndarray
) -> np.ndarray:
    """Values (N, A) inside triangles `owner` with weights beta and gamma, from _differences."""
    parts = np.take(affine, owner, axis=0)
    return parts[:, 0] + beta[:, None] * parts[:, 1] + gamma[:, None] * parts[:, 2]


def _covered(
    corners: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every pixel center inside a triangle, of corners (T, 3, 2).

    Returns:
      Four lists of one length: pixel (y * size + x), triangle, and the weights of the triangle's
      second and third corner there.
    """
    a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c)), 0)
    extent = np.minimum(np.floor(np.maximum(np.maximum(a, b), c)), size - 1) - low + 1
    span = np.where((extent > 0).all(axis=1), extent.max(axis=1), 0)
    b, c = b - a, c - a
    area = b[:, 0] * c[:, 1] - c[:, 0] * b[:, 1]
    area = np.where(np.abs(area) < 1e-6, np.float32(1e-6), area)
    # A corner's weight is an affine function of the pixel: its value at `low` and two slopes.
    slopes = np.stack([c[:, 1], -c[:, 0], -b[:, 1], b[:, 0]], axis=1) / area[:, None]
    start = low - a
    at_low = np.stack(
        [
            slopes[:, 0] * start[:, 0] + slopes[:, 1] * start[:, 1],
            slopes[:, 2] * start[:, 0] + slopes[:, 3] * start[:, 1],
        ],
        axis=1,
    )
    found = []
    smaller = 0
    for window in (*_WINDOWS, size):
        group = np.flatnonzero((span > smaller) & (span <= window))
        smaller = max(smaller, window)
        if len(group):
            found.append(_test_group(group, slopes[group], at_low[group], low[group], window, size))
    if not found:
        index, weight = np.zeros(0, np.int64), np.zeros(0, np.float32)
        return index, index, weight, weight
    pixel, owner, beta, gamma = (np.concatenate([part[k] for part in found]) for k in range(4))
    return pixel, owner, beta, gamma


def _test_group(
    group: np.ndarray,
    slopes: np.ndarray,
    at_low: np.ndarray,
    low: np.ndarray,
    window: int,
    size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Tests all pixels of window x window from each triangle's lowest pixel on."""
    step = np.arange(window, dtype=np.float32)
    slopes, at_low = slopes[:, :, None], at_low[:, :, None, None]
    beta = at_low[:, 0] + slopes[:, 1, :, None] * step[:, None] + slopes[:, 0, :, None] * step
    gamma = at_low[:, 1] + slopes[:, 3, :, None] * step[:, None] + slopes[:, 2, :, None] * step
    # A little slack closes the seams between neighbors.
    slack = np.float32(1e-4)
    inside = (beta >= -slack) & (gamma >= -slack) & (beta + gamma <= 1 + slack)
    index = np.flatnonzero(inside)
    member, place = np.divmod(index, window * window)
    origin = low[member].astype(np.int32)
    x, y = origin[:, 0] + place % window, origin[:, 1] + place // window
    keep = (x < size) & (y < size)
    index = index[keep]
    pixel, owner = (y * size + x)[keep], group[member[keep]]
    return pixel, owner, beta.reshape(-1)[index], gamma.reshape(-1)[index]


def grid_triangles(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Triangles (T, 3) of a grid of vertices; `closed` joins its last column to the first."""
    index = np.arange(rows * columns).reshape(rows, columns)
    if closed:
        index = np.concatenate([index, index[:, :1]], axis=1)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, :-1], index[1:, 1:]
    return np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).reshape(-1, 3)


def facing(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """The triangles that turn their front (clockwise in the image, y down) to the camera."""
    flat = vertices[:, :2]
    a, b, c = flat[triangles[:, 0]], flat[triangles[:, 1]], flat[triangles[:, 2]]
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    return triangles[area > 0]
