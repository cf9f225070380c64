"""A picture to paint on: soft-edged shapes, strokes and noise in floating-point color."""

import functools
from collections.abc import Sequence

import cv2
import numpy as np

Color = np.ndarray | Sequence[float]
Shapes = np.ndarray | Sequence[np.ndarray]  # one polygon or line (M, 2), or several
Patch = tuple[np.ndarray, tuple[int, int]]  # a mask (h, w) and its place (x, y)

_SHIFT = 4  # fractional bits of the coordinates that cv2 draws with


class Canvas:
    """Color image (height, width, 3) float32, 0..255, painted shape by shape, in pixels."""

    def __init__(self, height: int, width: int, color: Color) -> None:
        self.pixels = np.empty((height, width, 3), dtype=np.float32)
        self.pixels[:] = color

    @classmethod
    def over(cls, image: np.ndarray) -> "Canvas":
        """A canvas that paints on a copy of an image (height, width, 3)."""
        canvas = cls(image.shape[0], image.shape[1], (0, 0, 0))
        canvas.pixels[:] = image
        return canvas

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def blend(self, color: Color, alpha: np.ndarray, origin: tuple[int, int] = (0, 0)) -> None:
        """Lays a color (3,) or (h, w, 3) over the part at `origin` (x, y); alpha (h, w) 0..1."""
        x, y = origin
        part = self.pixels[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        color = np.asarray(color, dtype=np.float32)
        if color.ndim == 3:
            part[:] = cv2.blendLinear(color, part, alpha, 1 - alpha)
        else:
            part *= spread(1 - alpha)
            part += tint(alpha, color)

    def darken(self, alpha: np.ndarray, amount: float, origin: tuple[int, int] = (0, 0)) -> None:
        """Multiplies by 1 - amount * alpha; a negative amount lightens."""
        x, y = origin
        part = self.pixels[y : y + alpha.shape[0], x : x + alpha.shape[1]]
        part *= spread(1 - np.float32(amount) * alpha)

    def fill(self, shapes: Shapes, color: Color, opacity: float = 1.0, soft: float = 0.0) -> None:
        """Fills polygons; `soft` is the standard deviation of the edges' blur."""
        patch = self.patch(shapes, soft=soft)
        if patch is not None:
            self.blend(color, patch[0] * np.float32(opacity), patch[1])

    def shade(self, shapes: Shapes, amount: float, soft: float) -> None:
        """Darkens polygons by a share of their brightness."""
        patch = self.patch(shapes, soft=soft)
        if patch is not None:
            self.darken(patch[0], amount, patch[1])

    def stroke(
        self,
        shapes: Shapes,
        color: Color,
        thickness: float = 1.0,
        opacity: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """Draws polylines."""
        patch = self.patch(shapes, thickness=thickness, soft=soft)
        if patch is not None:
            self.blend(color, patch[0] * np.float32(opacity), patch[1])

    def crease(self, shapes: Shapes, amount: float, thickness: float, soft: float) -> None:
        """Darkens along polylines, softly: a fold of the skin."""
        patch = self.patch(shapes, thickness=thickness, soft=soft)
        if patch is not None:
            self.darken(patch[0], amount, patch[1])

    def patch(self, shapes: Shapes, *, thickness: float = 0.0, soft: float = 0.0) -> Patch | None:
        """Mask (h, w) float32 0..1 of polygons, or of polylines if they have a thickness.

        The mask is just large enough; None if nothing of it lies on the canvas. Lines are at
        least a pixel thick.
        """
        several = [shapes] if isinstance(shapes, np.ndarray) else shapes
        points = several[0] if len(several) == 1 else np.concatenate(several)
        room = int(3 * soft + thickness) + 2
        height, width = self.shape
        left, top = points.min(axis=0).tolist()
        right, bottom = points.max(axis=0).tolist()
        x, y = max(int(left) - room, 0), max(int(top) - room, 0)
        columns, rows = min(int(right) + room, width) - x, min(int(bottom) + room, height) - y
        if columns <= 0 or rows <= 0:
            return None
        mask = np.zeros((rows, columns), dtype=np.uint8)
        scale = 1 << _SHIFT
        offset = np.array([x, y])
        fixed = [np.round((s - offset) * scale).astype(np.int32) for s in several]
        if thickness > 0:
            width_drawn = max(1, round(thickness))
            cv2.polylines(mask, fixed, False, 255, width_drawn, cv2.LINE_AA, _SHIFT)
        else:
            for polygon in fixed:  # one by one: together, their overlaps would be holes
                cv2.fillPoly(mask, [polygon], 255, cv2.LINE_AA, _SHIFT)
        values = mask * np.float32(1 / 255)
        if soft > 0.3:
            values = cv2.GaussianBlur(values, (0, 0), soft)
        return values, (x, y)


def spread(values: np.ndarray) -> np.ndarray:
    """Values (h, w) repeated for three channels (h, w, 3); faster than NumPy's broadcasting."""
    return cv2.merge((values, values, values))


def tint(values: np.ndarray, color: Color) -> np.ndarray:
    """Values (h, w) times a color (3,): (h, w, 3) float32, also faster."""
    return cv2.merge([values * np.float32(share) for share in color])


def noise(
    rng: np.random.Generator, height: int, width: int, cell: tuple[float, float]
) -> np.ndarray:
    """Smooth random field (height, width) float32 about 0; `cell` is its grain (y, x) in pixels."""
    rows = max(2, int(np.ceil(height / cell[0])))
    columns = max(2, int(np.ceil(width / cell[1])))
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    if (rows, columns) == (height, width):
        return coarse
    # Fine grain looks the same either way, and linear is faster.
    method = cv2.INTER_LINEAR if min(cell) < 3 else cv2.INTER_CUBIC
    return cv2.resize(coarse, (width, height), interpolation=method)


def ellipse(
    center: Sequence[float] | np.ndarray, radii: Sequence[float], count: int = 20
) -> np.ndarray:
    """Points (count, 2) around an ellipse."""
    return _circle(count) * radii + center


@functools.cache
def _circle(count: int) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


def random_color(
    rng: np.random.Generator, low: float, high: float, saturation: float
) -> np.ndarray:
    """A color (3,) between low and high; a saturation of 0 is gray, 1 anything."""
    color = rng.uniform(low, high, 3)
    return color.mean() + saturation * (color - color.mean())
