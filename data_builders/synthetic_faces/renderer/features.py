"""Paints eyes, brows and mouth on the head's texture."""

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import Patch, ellipse
from data_builders.synthetic_faces.renderer.curves import smooth_curve
from data_builders.synthetic_faces.renderer.layout import Eye, lip_polygons
from data_builders.synthetic_faces.renderer.painter import Painter


def paint_eye(painter: Painter, eye: Eye) -> None:
    """One eye with its lids and lashes."""
    look = painter.face.appearance
    skin = np.array(look.skin)
    s = np.linspace(-1, 1, 17)
    upper, lower = eye.lid(s, upper=True), eye.lid(s, upper=False)
    shadow = look.makeup * np.array([110.0, 70.0, 80.0]) + (1 - look.makeup) * skin * 0.72
    lid = np.concatenate([upper, (upper - [0, 0.11])[::-1]])
    painter.fill(lid, shadow, 0.25 + 0.35 * look.makeup, 0.055)
    crease = upper - np.stack([np.zeros(17), 0.02 + 0.07 * (1 - s**2)], axis=1)
    painter.crease(crease[1:], 0.35, 0.02, 0.022)
    opening = painter.patch(eye.outline())
    if opening is not None:
        _paint_eyeball(painter, eye, opening)
    dark = 0.35 * np.array(look.brow) + 8
    lash = 0.05 if look.makeup > 0.35 or eye.openness < 0.5 else 0.036
    lines = [upper]
    if look.makeup > 0.35:
        lines.append(np.array([upper[-1], upper[-1] + [eye.side * 0.07, -0.04]]))
    painter.stroke(lines, dark, lash, 0.85, 0.011)
    painter.stroke(lower[2:], dark * 0.5 + skin * 0.35, 0.02, 0.6, 0.013)


def _paint_eyeball(painter: Painter, eye: Eye, opening: Patch) -> None:
    """White, iris, pupil and glint, all cut off by the lids' opening."""
    look, light = painter.face.appearance, painter.face.light.direction
    ball = painter.inset(opening, (226, 220, 214))
    corner = eye.lid(np.array([-0.97]), upper=True)[0]
    ball.fill(ellipse(corner, (0.05, 0.05)), (206, 140, 130), 0.9, 0.027)
    iris = np.array(look.iris)
    for share, color in ((1.0, iris * 0.55), (0.8, iris), (0.42, np.array([14, 12, 12]))):
        radius = share * eye.iris_radius
        ball.fill(ellipse(eye.iris, (radius, radius)), color, 1.0, 0.011)
    glint = (eye.iris[0] + 0.06 * light[0], eye.iris[1] - 0.05)
    ball.fill(ellipse(glint, (0.026, 0.026), 10), (250, 250, 250), 0.9)
    # The upper lid and its lashes throw a shadow on the ball.
    lid = eye.lid(np.linspace(-1, 1, 9), upper=True)
    ball.shade(np.concatenate([lid - [0, 0.05], (lid + [0, 0.035])[::-1]]), 0.5, 0.035)
    painter.canvas.blend(ball.canvas.pixels, *opening)


def paint_brow(painter: Painter, brow: np.ndarray) -> None:
    """A brow (9, 2), as in Layout."""
    rng, color = painter.rng, np.array(painter.face.appearance.brow)
    upper = smooth_curve(brow[:5])
    lower = smooth_curve(np.concatenate([brow[4:], brow[:1]]))[::-1]
    painter.fill(np.concatenate([upper, lower[::-1]]), color, 0.55, 0.03)
    # Hairs lean outward; those at the inner end stand upright.
    count = 50
    place = rng.uniform(0, len(upper) - 1.001, count)
    i = place.astype(int)
    root = lower[i] + rng.uniform(0, 0.7, (count, 1)) * (upper[i] - lower[i])
    outward = np.sign(upper[0, 0] - upper[-1, 0])
    lean = 0.11 * (1 - place / len(upper))
    tip = root + np.stack([outward * (0.02 + lean), -0.075 + 0.5 * lean], axis=1)
    painter.stroke(list(np.stack([root, tip], axis=1)), color * 0.8, 0.02, 0.5)


def paint_mouth(painter: Painter) -> None:
    """Lips, and what an open mouth shows."""
    layout, look = painter.surface.layout, painter.face.appearance
    upper, lower, opening = lip_polygons(layout)
    lips = np.array(look.lips)
    soft = 0.03 - 0.016 * look.makeup
    painter.fill(upper, lips * 0.86, 0.9, soft)
    painter.fill(lower, lips, 0.9, soft)
    shine = ellipse((0.0, lower[:, 1].mean() + 0.03), (0.18, 0.045))
    painter.fill(shine, lips * 1.25, 0.5, 0.07)
    height = float(layout.lips_inner[6, 1] - layout.lips_inner[2, 1])
    inside = painter.patch(opening, 0.009)
    if inside is not None and height > 0.05:
        _paint_mouth_inside(painter, height, inside)
        return
    ends = layout.lips_outer[[0, 6]]
    line = np.concatenate([ends[:1], smooth_curve(layout.lips_inner[:5]), ends[1:]])
    painter.stroke(line, lips * [0.35, 0.25, 0.25], 0.036, 0.85, 0.015)


def _paint_mouth_inside(painter: Painter, height: float, opening: Patch) -> None:
    inner = painter.surface.layout.lips_inner
    inside = painter.inset(opening, (58, 22, 22))
    top, bottom, middle = inner[2, 1], inner[6, 1], inner[2, 0]
    half, rise = (inner[4, 0] - inner[0, 0]) / 2, (inner[0, 1] + inner[4, 1]) / 2 - inner[2, 1]
    if height > 0.2:
        tongue = ellipse((middle, bottom - 0.02), (half * 0.62, 0.32 * height))
        inside.fill(tongue, (168, 84, 84), 0.9, 0.055)
    teeth = np.array([226.0, 218.0, 204.0]) - 30 * painter.face.identity.age
    drop = min(0.16, 0.75 * height)
    share = np.linspace(-1, 1, 13)
    x, curve = middle + 0.86 * half * share, (0.86 * share) ** 2
    gum = np.stack([x, top - 0.06 + 0.5 * rise * curve], axis=1)
    edge = np.stack([x, top + drop * (1 - 0.55 * curve) + 0.5 * rise * curve], axis=1)
    inside.fill(np.concatenate([gum, edge[::-1]]), teeth, 1.0, 0.015)
    gaps = middle + np.linspace(-0.6, 0.6, 9) * half
    inside.crease([np.array([[g, top], [g, top + drop]]) for g in gaps], 0.14, 0.02, 0.01)
    # Depth: the corners and the upper edge lie in the lips' shadow.
    inside.crease(np.stack([x, top + 0.02 + rise * curve], axis=1), 0.5, 0.055, 0.036)
    corners = [ellipse(corner, (0.14, 0.3)) for corner in inner[[0, 4]]]
    inside.shade(corners, 0.6, 0.07)
    painter.canvas.blend(inside.canvas.pixels, *opening)
