"""The picture around and after the face: background, then blur, noise and exposure."""

import cv2
import numpy as np

from data_builders.synthetic_faces.renderer.canvas import Canvas, ellipse, noise, random_color
from data_builders.synthetic_faces.renderer.parameters import Camera


def paint_background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A background (size, size, 3) float32: a gradient, out-of-focus lights, or a room."""
    saturation = float(rng.uniform(0.1, 0.6))
    first, second = (random_color(rng, 15, 240, saturation) for _ in range(2))
    second = 0.5 * first + 0.5 * second
    right, down = rng.normal(0, 1, 2).tolist()
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
    ramp = np.clip(0.5 + right * x + down * y, 0, 1)
    canvas = Canvas(size, size, first)
    canvas.blend(second, ramp)
    kind = rng.choice(["plain", "clouds", "lights", "room", "clutter"])
    if kind == "clouds":
        for cell, amount in ((size / 3, 28), (size / 9, 14), (size / 30, 8)):
            field = np.stack([noise(rng, size, size, (cell, cell)) for _ in range(3)], axis=-1)
            canvas.pixels += amount * (0.4 * field + 0.6 * field[..., :1])
    elif kind == "lights":
        for _ in range(int(rng.integers(6, 22))):
            center, radius = rng.uniform(0, size, 2), size * rng.uniform(0.02, 0.1)
            spot = ellipse((center[0], center[1]), (radius, radius))
            color, opacity = random_color(rng, 90, 255, 0.6), float(rng.uniform(0.2, 0.7))
            canvas.fill(spot, color, opacity, 0.01 * size)
    elif kind in ("room", "clutter"):
        _paint_things(canvas, rng, saturation, upright=kind == "room")
    return np.clip(canvas.pixels, 0, 255)


def _paint_things(
    canvas: Canvas, rng: np.random.Generator, saturation: float, *, upright: bool
) -> None:
    """Boxes (upright: like shelves and door frames) and lines, all out of focus together."""
    size = canvas.shape[0]
    for _ in range(int(rng.integers(4, 13))):
        half = size * rng.uniform(0.04, 0.35, 2)
        angle = 0.0 if upright else float(rng.uniform(0, np.pi))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half @ turn.T
        color = random_color(rng, 5, 245, saturation)
        canvas.fill(box + rng.uniform(0, size, 2), color, 0.85)
    soft = size * float(rng.uniform(0.002, 0.025))
    canvas.pixels[:] = cv2.GaussianBlur(canvas.pixels, (0, 0), soft)


def expose(image: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Takes the picture: (size, size, 3) float of any range to uint8."""
    size = image.shape[0]
    image = np.clip(image, 0, 255).astype(np.float32)
    if camera.resolution < 1:
        small = max(16, round(size * camera.resolution))
        image = cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA)
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_LINEAR)
    if camera.blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), camera.blur * size / 160)
    image = 255 * cv2.pow(image * np.float32(1 / 255), camera.gamma)
    if camera.gray:
        image = np.repeat(image.mean(axis=-1, keepdims=True), 3, axis=-1)
    image = image + camera.noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
