"""Hair: where it grows on the head, how thick it stands, and how it is painted."""

import dataclasses

import cv2
import numpy as np

from data_builders.synthetic_faces.renderer.canvas import Canvas, noise, tint
from data_builders.synthetic_faces.renderer.curves import smoothstep
from data_builders.synthetic_faces.renderer.painter import MAX_ANGLE
from data_builders.synthetic_faces.renderer.parameters import FaceParameters
from data_builders.synthetic_faces.renderer.surface import HeadSurface


@dataclasses.dataclass(frozen=True)
class HairStyle:
    """One style. Lengths in face units.

    Attributes:
      front: Height y of the hairline above the middle of the forehead.
      temple: Its height above the temples.
      thickness: How far the hair stands off the skull.
      length: Height y down to which loose hair hangs; None for none.
      curl: 0 for straight strands, 1 for curls.
      ragged: How uneven the hairline is.
    """

    front: float
    temple: float
    thickness: float
    length: float | None = None
    curl: float = 0.0
    ragged: float = 0.03


STYLES = {
    "bald": None,
    "receding": HairStyle(-2.25, -2.0, 0.08),
    "buzz": HairStyle(-1.6, -1.4, 0.04, ragged=0.015),
    "short": HairStyle(-1.6, -1.4, 0.16),
    "fringe": HairStyle(-0.95, -1.0, 0.22, ragged=0.07),
    "full": HairStyle(-1.5, -1.3, 0.34),
    "curly": HairStyle(-1.5, -1.25, 0.55, curl=1.0, ragged=0.05),
    "long": HairStyle(-1.55, -1.3, 0.24, length=4.2),
    "bob": HairStyle(-1.05, -1.1, 0.3, length=2.5, ragged=0.06),
}
_LINE_DEGREES = np.radians([0.0, 38.0, 62.0, 76.0, 86.0, 93.0, 101.0, 112.0, 125.0, 180.0])


@dataclasses.dataclass(frozen=True)
class Hair:
    """The hair of one face: style, hairline by angle, and lumps of its surface."""

    style: HairStyle
    line: np.ndarray
    volume: float
    parting: float

    def cover(self, angle: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Signed distance (y units) above the hairline: positive where hair grows."""
        line = np.interp(np.abs(angle), _LINE_DEGREES, self.line)
        # A side parting sweeps the hairline up on one side of the forehead.
        line = line + 0.35 * self.parting * np.sin(angle) * np.cos(angle)
        return line.astype(np.float32) - y

    def thickness(self, angle: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far the hair stands out of the skull at a point of it."""
        rise = smoothstep(self.cover(angle, y), 0.0, 0.85)
        crown = 0.55 + 0.45 * smoothstep(y, -0.6, -1.7)
        lump = 1 + 0.12 * np.sin(5 * angle + 3 * y) * (1 - self.style.curl)
        if self.style.curl:
            lump = lump + 0.1 * np.sin(9 * angle) * np.sin(7 * y)
        return self.volume * self.style.thickness * rise * crown * lump


def make_hair(face: FaceParameters, rng: np.random.Generator) -> Hair | None:
    """The hair of a face; None if it is bald."""
    style = STYLES[face.appearance.hair_style]
    if style is None:
        return None
    forehead = face.identity.forehead
    line = np.array(
        [style.front, style.temple, -1.0, -0.7, -0.2, 0.3, -0.15, 0.35, 1.2, 1.5], dtype=float
    )
    line[:2] = -0.5 + (line[:2] + 0.5) * forehead
    line[:7] += rng.normal(0, [0.08, 0.12, 0.12, 0.1, 0.08, 0.2, 0.05])
    volume = float(np.clip(face.appearance.hair_volume, 0.5, 1.7))
    return Hair(style, line, volume, face.appearance.hair_parting)


def strands(
    rng: np.random.Generator, height: int, width: int, curl: float, lean: float = 0.0
) -> np.ndarray:
    """Brightness pattern (height, width) of hair about 1; strands run down the rows.

    Args:
      lean: How far strands lean to the right, in columns a row.
    """
    if curl:
        pattern = noise(rng, height, width, (5, 5)) + 0.5 * noise(rng, height, width, (2, 2))
        return 1 + 0.22 * pattern
    pattern = 0.13 * noise(rng, height, width, (45, 1.2)) + 0.12 * noise(
        rng, height, width, (65, 6)
    )
    if lean:
        shear = np.array([[1.0, lean, -lean * height / 3], [0.0, 1.0, 0.0]])
        border = cv2.BORDER_REFLECT
        pattern = cv2.warpAffine(pattern, shear, (width, height), borderMode=border)
    return 1 + pattern


def paint_hair(
    canvas: Canvas, surface: HeadSurface, hair: Hair, face: FaceParameters, rng: np.random.Generator
) -> None:
    """Paints the hair that grows on the head onto its texture."""
    height, width = canvas.shape
    angle = np.linspace(-MAX_ANGLE, MAX_ANGLE, width, dtype=np.float32)[None]
    y = surface.rings(np.linspace(0, 1, height))[:, :1].astype(np.float32)
    ragged = noise(rng, height, width, (20, 2)) + 0.7 * noise(rng, height, width, (4, 1.5))
    above = hair.cover(angle, y) + hair.style.ragged * ragged
    alpha = smoothstep(above, -0.1, 0.14)
    if face.appearance.hair_style in ("buzz", "receding"):
        alpha *= np.float32(0.88)
    pattern = strands(rng, height, width, hair.style.curl, hair.parting)
    # Roots at the hairline lie in shadow, the crown catches the light.
    pattern *= 0.72 + 0.28 * smoothstep(above, 0.0, 0.5)
    canvas.darken(smoothstep(above, -0.25, 0.0) * (1 - alpha), 0.25)
    canvas.blend(tint(pattern, face.appearance.hair), alpha)
