"""Paints on the head's texture with shapes that are given on the frontal face."""

import dataclasses

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import Canvas, Color, Patch, Shapes
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.surface import HeadSurface

HEIGHT, WIDTH = 272, 288
MAX_ANGLE = np.radians(125.0)  # what lies further back always has hair, or is never seen
UNIT = 40.0  # texture pixels in one unit of length, roughly, at the front of the face


def texture_coordinates(angle: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Angle (radians) and row of the surface to pixel coordinates of the texture."""
    u = (np.clip(angle / MAX_ANGLE, -1, 1) * 0.5 + 0.5) * (WIDTH - 1)
    return u, np.asarray(row) * (HEIGHT - 1)


@dataclasses.dataclass(frozen=True)
class Painter:
    """A canvas, and the head that it wraps or a part of it.

    Shapes are frontal points (M, 2); thickness and softness of edges are in face units too.

    Attributes:
      origin: Where the canvas begins on the head's texture, in pixels.
    """

    canvas: Canvas
    surface: HeadSurface
    face: FaceParameters
    rng: np.random.Generator
    origin: tuple[int, int] = (0, 0)

    def inset(self, patch: Patch, color: Color) -> "Painter":
        """A painter of a patch of the texture, on a canvas of its own."""
        mask, (x, y) = patch
        canvas = Canvas(mask.shape[0], mask.shape[1], color)
        origin = (self.origin[0] + x, self.origin[1] + y)
        return dataclasses.replace(self, canvas=canvas, origin=origin)

    def at(self, points: np.ndarray) -> np.ndarray:
        """Frontal points (M, 2) to pixels (M, 2) of the canvas."""
        angle, row = self.surface.coordinates(points).T
        return np.stack(texture_coordinates(angle, row), axis=1) - self.origin

    def fill(self, shapes: Shapes, color: Color, opacity: float = 1.0, soft: float = 0.0) -> None:
        """See Canvas.fill."""
        self.canvas.fill(self._all_at(shapes), color, opacity, soft * UNIT)

    def shade(self, shapes: Shapes, amount: float, soft: float) -> None:
        """See Canvas.shade."""
        self.canvas.shade(self._all_at(shapes), amount, soft * UNIT)

    def stroke(
        self,
        shapes: Shapes,
        color: Color,
        thickness: float,
        opacity: float = 1.0,
        soft: float = 0.0,
    ) -> None:
        """See Canvas.stroke."""
        at = self._all_at(shapes)
        self.canvas.stroke(at, color, thickness * UNIT, opacity, soft * UNIT)

    def crease(self, shapes: Shapes, amount: float, thickness: float, soft: float) -> None:
        """See Canvas.crease."""
        self.canvas.crease(self._all_at(shapes), amount, thickness * UNIT, soft * UNIT)

    def patch(self, shapes: Shapes, soft: float = 0.0) -> Patch | None:
        """See Canvas.patch."""
        return self.canvas.patch(self._all_at(shapes), soft=soft * UNIT)

    def _all_at(self, shapes: Shapes) -> list[np.ndarray]:
        if isinstance(shapes, np.ndarray):
            return [self.at(shapes)]
        ends = np.cumsum([len(shape) for shape in shapes])[:-1]
        return np.split(self.at(np.concatenate(shapes)), ends)
