"""Paints neck and clothes on the body's texture."""

import numpy as np

from data_builders.synthetic_faces.renderer.canvas import noise, random_color, spread, tint
from data_builders.synthetic_faces.renderer.curves import smoothstep
from data_builders.synthetic_faces.renderer.parameters import FaceParameters


def paint_body(
    heights: np.ndarray, face: FaceParameters, rng: np.random.Generator, rows: int, columns: int
) -> np.ndarray:
    """Texture (rows, columns, 3) float32 of the body; columns go once around it, from the back.

    Args:
      heights: (R,) heights y of the body's rings, from the first row to the last.
    """
    look = face.appearance
    y = np.interp(np.linspace(0, 1, rows), np.linspace(0, 1, len(heights)), heights)[:, None]
    y = y.astype(np.float32)
    angle = np.linspace(-180, 180, columns, endpoint=False, dtype=np.float32)[None]
    side = np.abs(angle)
    texture = np.empty((rows, columns, 3), dtype=np.float32)
    texture[:] = look.skin
    weave = 1 + 0.06 * noise(rng, rows, columns, (8, 8))
    if rng.random() < 0.25:
        weave *= 1 + 0.12 * np.sign(np.sin(angle * np.float32(rng.uniform(0.4, 1.2))))
    cloth = tint(weave, look.clothes)
    kind = rng.choice(["crew", "neckline", "collar", "suit"])
    if kind == "crew":
        _lay(texture, cloth, y - (3.15 - 0.15 * smoothstep(side, 0, 90)))
    elif kind == "neckline":
        depth = float(rng.uniform(0.3, 1.3))
        _lay(texture, cloth, y - (3.2 + depth * smoothstep(side, 50, 0)))
    else:
        shirt = np.array(look.shirt, dtype=np.float32)
        _lay(texture, shirt, y - (2.95 + 0.45 * smoothstep(side, 25, 0)))
        if kind == "suit":
            if rng.random() < 0.7:
                tie = random_color(rng, 15, 200, 0.8).astype(np.float32)
                _lay(texture, tie, np.minimum(y - 3.35, (7.0 - side) * 0.05))
            _lay(texture, cloth, y - (3.3 + 1.9 * smoothstep(side, 42, 0)))
        else:
            _lay(texture, shirt * 0.75, np.minimum(y - 3.3, (2.0 - side) * 0.05))
    return texture


def _lay(texture: np.ndarray, color: np.ndarray, inside: np.ndarray) -> None:
    """Blends a color where `inside` (face units) is positive, with a dark seam at its edge."""
    texture += spread(smoothstep(inside, -0.03, 0.03)) * (color - texture)
    texture *= spread(1 - 0.3 * np.exp(-((inside / 0.06) ** 2)))
