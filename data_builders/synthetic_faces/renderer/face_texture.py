"""Paints the whole head's texture, layer by layer."""

import numpy as np

from data_builders.synthetic_faces.renderer.beard import paint_beard
from data_builders.synthetic_faces.renderer.canvas import Canvas
from data_builders.synthetic_faces.renderer.features import paint_brow, paint_eye, paint_mouth
from data_builders.synthetic_faces.renderer.hair import Hair, paint_hair
from data_builders.synthetic_faces.renderer.painter import HEIGHT, WIDTH, Painter
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.skin import (
    cast_nose_shadow,
    paint_folds,
    paint_nostrils,
    paint_skin,
)
from data_builders.synthetic_faces.renderer.surface import HeadSurface


def paint_head(
    surface: HeadSurface,
    hair: Hair | None,
    face: FaceParameters,
    light: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns the texture (HEIGHT, WIDTH, 3) float32 of face and hair, unlit.

    Args:
      light: (3,) direction to the light in the head's own coordinates.
    """
    layout = surface.layout
    painter = Painter(Canvas(HEIGHT, WIDTH, face.appearance.skin), surface, face, rng)
    paint_skin(painter)
    paint_folds(painter)
    cast_nose_shadow(painter, light)
    paint_eye(painter, layout.left_eye)
    paint_eye(painter, layout.right_eye)
    paint_nostrils(painter)
    paint_beard(painter)
    paint_mouth(painter)
    paint_brow(painter, layout.left_brow)
    paint_brow(painter, layout.right_brow)
    if hair is not None:
        paint_hair(painter.canvas, surface, hair, face, rng)
    return painter.canvas.pixels
