"""Paints beards and moustaches on the head's texture."""

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import noise, tint
from data_builders.synthetic_faces.renderer.curves import mirrored, smoothstep
from data_builders.synthetic_faces.renderer.layout import Layout
from data_builders.synthetic_faces.renderer.painter import Painter


def paint_beard(painter: Painter) -> None:
    """The beard; the mouth is painted afterwards and keeps its lips."""
    look, rng = painter.face.appearance, painter.rng
    if look.beard_style == "none":
        return
    patch = painter.patch(_regions(painter.surface.layout, look.beard_style), 0.065)
    if patch is None:
        return
    mask, origin = patch
    hair = np.array(look.hair, dtype=np.float32)
    if look.beard_style == "stubble":
        grain = 0.75 + 0.2 * rng.standard_normal(mask.shape, dtype=np.float32)
        painter.canvas.blend(hair * 0.6 + 15, mask * grain * 0.45 * look.beard_strength, origin)
        return
    height, width = mask.shape
    strands = noise(rng, height, width, (6, 1.5)) + noise(rng, height, width, (2, 1.5))
    alpha = smoothstep(mask + 0.12 * strands * (mask > 0.02), 0.25, 0.7)
    color = tint(1 + 0.16 * strands, 0.9 * hair)
    painter.canvas.blend(color, np.clip(alpha * look.beard_strength, 0, 1), origin)


def _regions(layout: Layout, style: str) -> list[np.ndarray]:
    """Polygons (M, 2) that a beard covers; they overlap, which their union does not show."""
    outer, base = layout.lips_outer, layout.nose_base_y
    chin = 2.75 + layout.jaw_drop
    x, y = (outer[6] - outer[0])[0] / 2, outer[[0, 6], 1].mean()
    moustache = [
        [0.0, base + 0.1],
        [0.3, base + 0.13],
        [x + 0.1, y - 0.03],
        [x + 0.12, y + 0.12],
        [0.4, outer[7, 1]],
        [0.0, outer[3, 1] + 0.02],
    ]
    goatee = [[0.0, outer[9, 1] - 0.02], [x, y], [x + 0.2, y], [0.62, chin], [0.0, chin]]
    whiskers = [
        [0.0, outer[9, 1]],
        [x, y],
        [0.8, y - 0.2],
        [1.2, 0.95],
        [1.48, 0.3],
        [1.9, 0.2],
        [1.9, chin],
        [0.0, chin],
    ]
    below = {"moustache": [], "goatee": [goatee], "full": [whiskers], "stubble": [whiskers]}
    return [_both_sides(np.array(half)) for half in [moustache, *below[style]]]


def _both_sides(half: np.ndarray) -> np.ndarray:
    """Completes a polygon's right half, which begins and ends in the middle."""
    return np.concatenate([half, mirrored(half)[::-1]])
