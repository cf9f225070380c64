"""Things in front of a face: glasses and occluders. They are drawn on the finished picture."""

import numpy as np

from data_builders.synthetic_faces.renderer.camera import View
from data_builders.synthetic_faces.renderer.canvas import Canvas, ellipse, random_color
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.surface import HeadSurface


def draw_glasses(
    image: np.ndarray, depth: np.ndarray, surface: HeadSurface, view: View, face: FaceParameters
) -> np.ndarray:
    """Draws the face's glasses; parts behind the head (by its depth image) stay hidden."""
    style = face.appearance.glasses
    if style == "none":
        return image
    canvas = Canvas.over(image)
    eye_x = surface.layout.right_eye.center[0]
    plane = float(surface.frontal_positions(np.array([[0.0, -0.05]]))[0, 2]) + 0.12
    color = (28.0, 24.0, 24.0) if style != "round" else (110.0, 90.0, 60.0)
    thickness = max(1, round(image.shape[0] / (110 if style == "square" else 160)))
    for side in (-1, 1):
        rim = _rim(style, side, eye_x, plane)
        flat = view.project(rim)
        if style == "sun":
            canvas.fill(flat[:, :2], (22, 20, 20), 0.93, 0.4)
            glare = ellipse((side * eye_x - 0.15, -0.05), (0.1, 0.06))
            bright = view.project(np.column_stack([glare, np.full(len(glare), plane)]))
            canvas.fill(bright[:, :2], (120, 125, 130), 0.5, 1.5)
        else:
            canvas.fill(flat[:, :2], (225, 232, 240), 0.09, 0.4)
        closed = np.concatenate([flat, flat[:1]])
        _draw_visible(canvas, closed, depth, color, thickness)
        hinge = [side * (eye_x + 0.46), -0.1, plane - 0.12]
        temple = np.linspace(hinge, [side * 1.76, -0.05, -0.1], 24)
        _draw_visible(canvas, view.project(temple), depth, color, thickness)
    bridge = np.array(
        [[x, -0.08 - 0.2 * (0.04 - x * x), plane + 0.03] for x in np.linspace(-0.28, 0.28, 9)]
    )
    _draw_visible(canvas, view.project(bridge), depth, color, thickness)
    return canvas.pixels


def _rim(style: str, side: int, eye_x: float, plane: float) -> np.ndarray:
    """The rim (32, 3) of one lens: a rounder or squarer oval, bent back at the temple."""
    angle = np.linspace(0, 2 * np.pi, 32, endpoint=False)
    power = 1.0 if style == "round" else 0.62
    x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * 0.46
    y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * (0.4 if power == 1.0 else 0.32)
    z = plane - 0.12 * np.maximum(side * x / 0.46, 0.0)
    return np.stack([side * (eye_x + 0.02) + x, y + 0.06, z], axis=1)


def _draw_visible(
    canvas: Canvas,
    points: np.ndarray,
    depth: np.ndarray,
    color: tuple[float, float, float],
    thickness: int,
) -> None:
    """Draws the stretches of a projected polyline (M, 3) that are in front of the head."""
    limit = np.array(depth.shape)[::-1] - 1
    x, y = np.clip(np.round(points[:, :2]).astype(int), 0, limit).T
    shown = points[:, 2] > depth[y, x] - 0.06
    for start in range(len(points) - 1):
        if shown[start] and shown[start + 1]:
            canvas.stroke(points[start : start + 2, :2], color, thickness)


def draw_occluder(
    image: np.ndarray, landmarks: np.ndarray, face: FaceParameters, rng: np.random.Generator
) -> tuple[np.ndarray, bool]:
    """Draws the face's occluder over the picture; tells whether there is one.

    Args:
      image: (size, size, 3) float.
      landmarks: (68, 2) pixels.
    """
    kind = face.appearance.occluder
    if kind == "none":
        return image, False
    canvas = Canvas.over(image)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    unit = float((high - low).max())
    if kind == "hand":
        _hand(canvas, landmarks, unit, face, rng)
    elif kind == "microphone":
        _microphone(canvas, landmarks, unit, rng)
    elif kind == "board":
        _board(canvas, low, high, unit, rng)
    else:
        center = rng.uniform(low, high)
        shape = ellipse((center[0], center[1]), (0.18 * unit, 0.14 * unit), 12)
        shape += rng.normal(0, 0.03 * unit, shape.shape)
        canvas.fill(shape, random_color(rng, 20, 230, 0.6), 1.0, 0.8)
    return canvas.pixels, True


def _hand(
    canvas: Canvas,
    landmarks: np.ndarray,
    unit: float,
    face: FaceParameters,
    rng: np.random.Generator,
) -> None:
    """Four fingers and a palm that reach over the face from below or from a side."""
    side = rng.choice([-1.0, 1.0])
    goal = landmarks[rng.integers(48, 68)] if rng.random() < 0.5 else landmarks[rng.integers(2, 15)]
    direction = np.array([side * rng.uniform(0.2, 1.2), 1.0])
    direction /= np.linalg.norm(direction)
    across = np.array([direction[1], -direction[0]])
    skin = np.array(face.appearance.skin) * rng.uniform(0.75, 1.0)
    palm = goal + direction * 0.33 * unit
    wrist = palm + direction * 0.9 * unit
    thick = 0.085 * unit
    canvas.stroke(np.stack([palm, wrist]), skin * 0.9, max(1, int(0.27 * unit)), 1.0, 0.6)
    canvas.fill(ellipse((palm[0], palm[1]), (0.19 * unit, 0.19 * unit)), skin * 0.95, 1.0, 1.0)
    for finger, reach in enumerate((0.3, 0.38, 0.36, 0.27)):
        root = palm + across * (finger - 1.5) * 0.095 * unit
        tip = root - direction * reach * unit + rng.normal(0, 0.02 * unit, 2)
        line = np.stack([root, tip])
        canvas.stroke(line + across * 0.01 * unit, skin * 0.55, int(thick * 1.15) + 1, 0.9, 0.6)
        canvas.stroke(line, skin * (1 - 0.03 * finger), max(1, int(thick)), 1.0, 0.5)


def _microphone(
    canvas: Canvas, landmarks: np.ndarray, unit: float, rng: np.random.Generator
) -> None:
    head = landmarks[8] + rng.normal(0, 0.07, 2) * unit + [0.0, -0.08 * unit]
    foot = head + np.array([rng.uniform(-0.6, 0.6), 1.2]) * unit
    canvas.stroke(np.stack([head, foot]), (40, 40, 44), max(2, int(0.09 * unit)), 1.0, 0.5)
    radius = rng.uniform(0.08, 0.12) * unit
    canvas.fill(ellipse((head[0], head[1]), (radius, radius * 1.15)), (26, 26, 28), 1.0, 0.5)
    glint = ellipse((head[0] - radius / 3, head[1] - radius / 3), (radius / 3, radius / 3))
    canvas.fill(glint, (110, 110, 115), 0.6, 1.0)


def _board(
    canvas: Canvas, low: np.ndarray, high: np.ndarray, unit: float, rng: np.random.Generator
) -> None:
    """A flat card that hides one edge of the face."""
    corner = np.array([[-0.5, -0.4], [0.5, -0.4], [0.5, 0.4], [-0.5, 0.4]]) * unit
    angle = rng.normal(0, 0.3)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    side = rng.choice([-1.0, 1.0])
    middle = (low + high) / 2
    center = middle + np.array([side * rng.uniform(0.3, 0.7), rng.uniform(0.0, 0.7)]) * unit
    card = corner @ turn.T + center
    color = random_color(rng, 30, 230, 0.6)
    canvas.fill(card, color, 1.0, 0.4)
    for line in np.linspace(-0.3, 0.3, int(rng.integers(2, 7))):
        ends = np.array([[-0.4, line], [0.4, line]]) * unit @ turn.T + center
        canvas.stroke(ends, color * 0.6, max(1, int(0.02 * unit)), 0.8, 0.4)
