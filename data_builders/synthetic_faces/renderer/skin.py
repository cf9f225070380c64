"""Paints the skin on the head's texture: its color, its folds, and the nostrils."""

import cv2
import numpy as np

from data_builders.synthetic_faces.renderer.canvas import ellipse, noise, spread
from data_builders.synthetic_faces.renderer.curves import mirrored, smooth_curve
from data_builders.synthetic_faces.renderer.painter import Painter


def paint_skin(painter: Painter) -> None:
    """Skin with uneven color, redder at cheeks and nose."""
    canvas, rng, look = painter.canvas, painter.rng, painter.face.appearance
    height, width = canvas.shape
    mottle = 0.02 * noise(rng, height, width, (28, 28)) + 0.018 * noise(rng, height, width, (5, 5))
    mottle += 0.012 * noise(rng, height, width, (2, 2))
    canvas.pixels *= spread(1 + mottle)
    red = np.array(look.skin) * [1.03, 0.82, 0.8]
    cheek = ellipse((0.95, 0.75), (0.35, 0.25))
    tip = ellipse((0, painter.surface.layout.nose_tip_y), (0.2, 0.15))
    painter.fill([cheek, mirrored(cheek)], red, 0.25 + 0.3 * look.makeup, 0.25)
    painter.fill(tip, red, 0.3, 0.12)
    if look.freckles:
        spots = rng.normal([0, 0.55], [0.6, 0.3], (60, 2))
        dots = [ellipse(spot, (0.016, 0.016), 6) for spot in spots]
        painter.fill(dots, np.array(look.skin) * [0.75, 0.65, 0.55], look.freckles)


def paint_folds(painter: Painter) -> None:
    """Shadows that the smooth surface does not have: sockets, folds beside the nose, chin."""
    layout, identity = painter.surface.layout, painter.face.identity
    outer, base = layout.lips_outer, layout.nose_base_y
    depth = 0.08 + 0.14 * identity.age + 0.14 * max(layout.smile, 0.0)
    left_fold = _cheek_fold(mirrored(outer[0]), base, identity.nose_width)
    right_fold = _cheek_fold(outer[6], base, identity.nose_width)
    painter.crease([mirrored(left_fold), right_fold], depth, 0.07, 0.055)
    corners = [ellipse(corner + [0, 0.02], (0.08, 0.07)) for corner in outer[[0, 6]]]
    painter.shade(corners, 0.2, 0.07)
    inner_eye = ellipse((layout.right_eye.center[0] - 0.25, -0.1), (0.13, 0.13))
    painter.shade([inner_eye, mirrored(inner_eye)], 0.16, 0.11)
    bag = smooth_curve(np.array([[0.46, 0.17], [0.68, 0.25], [0.92, 0.2]]))
    painter.crease([bag, mirrored(bag)], 0.05 + 0.15 * identity.age, 0.055, 0.055)
    painter.shade(ellipse((0, outer[9, 1] + 0.1), (0.3, 0.06)), 0.22, 0.09)
    painter.shade(ellipse((0, base + 0.05), (0.28, 0.05)), 0.22, 0.07)
    painter.shade(ellipse((0, (base + outer[3, 1]) / 2), (0.04, 0.1)), 0.1, 0.055)
    _paint_wrinkles(painter)


def _cheek_fold(corner: np.ndarray, base: float, nose_width: float) -> np.ndarray:
    """The fold from beside the nose to beside the mouth, on the photo's right."""
    x, y = corner
    return smooth_curve(
        np.array(
            [
                [0.33 * nose_width, base - 0.16],
                [0.5, base + 0.1],
                [x + 0.13, y - 0.1],
                [x + 0.13, y + 0.14],
            ]
        )
    )


def _paint_wrinkles(painter: Painter) -> None:
    age, expression = painter.face.identity.age, painter.face.expression
    if age > 0.55:
        amount = max(0.25 * (age - 0.5) + 0.1 * expression.brow_raise, 0.02)
        lines = [
            smooth_curve(np.array([[-0.8, y + 0.05], [-0.3, y], [0.3, y], [0.8, y + 0.05]]))
            for y in (-0.85, -1.02, -1.2)
        ]
        painter.crease(lines, amount, 0.03, 0.03)
    if expression.frown > 0.5:
        line = np.array([[0.11, -0.45], [0.1, -0.22]])
        painter.crease([line, mirrored(line)], 0.2, 0.03, 0.03)


def paint_nostrils(painter: Painter) -> None:
    """Nostrils, the grooves around the wings of the nose, and their shadows."""
    base, width = painter.surface.layout.nose_base_y, painter.face.identity.nose_width
    dark = np.array(painter.face.appearance.skin) * [0.22, 0.15, 0.14]
    hole = ellipse((0.125 * width, base - 0.055), (0.062 * width, 0.03))
    hole[:, 1] += 0.25 * (hole[:, 0] - 0.125 * width)
    painter.fill([hole, mirrored(hole)], dark, 0.85, 0.02)
    wing = smooth_curve(
        np.array(
            [
                [0.24 * width, base - 0.27],
                [0.325 * width, base - 0.14],
                [0.27 * width, base - 0.02],
            ]
        )
    )
    painter.crease([wing, mirrored(wing)], 0.3, 0.035, 0.027)
    under = ellipse((0.22 * width, base), (0.07, 0.025))
    painter.shade([under, mirrored(under)], 0.3, 0.035)


def cast_nose_shadow(painter: Painter, light: np.ndarray) -> None:
    """Darkens where the nose keeps off the light.

    Args:
      light: (3,) direction to the light in the head's own coordinates.
    """
    layout, identity = painter.surface.layout, painter.face.identity
    width, base = 0.25 * identity.nose_width, layout.nose_base_y
    nose = np.array([[0.0, 0.2], [width, base - 0.1], [0.0, base - 0.02], [-width, base - 0.1]])
    towards = -light[:2] / max(float(light[2]), 0.4) * 0.4 * identity.nose_height
    nose[1:] += np.clip(towards, -0.45, 0.45)
    amount = 0.4 * painter.face.light.key * min(1.0, float(np.linalg.norm(towards)) / 0.2)
    painter.shade(cv2.convexHull(nose.astype(np.float32))[:, 0].astype(np.float64), amount, 0.06)
