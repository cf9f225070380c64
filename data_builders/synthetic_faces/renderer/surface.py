"""The head as a surface in 3-D: rings from crown to chin, with a relief of nose, lips and brows.

A point of the surface has an angle about the vertical axis (0 faces the camera, positive towards
the photo's right) and a row (0 at the crown, 1 at the chin). The same two numbers are texture
coordinates, so that whatever is painted at a frontal point stays on its landmark in any pose.
"""

import dataclasses

import numpy as np

from data_builders.synthetic_faces.renderer.curves import bump, smooth_curve, smoothstep
from data_builders.synthetic_faces.renderer.layout import Layout
from data_builders.synthetic_faces.renderer.parameters import Identity

# Rings of the average head: height y, half width, depth z at the sides (ear, jaw line), at the
# front without nose and lips, and at the back.
_RINGS = np.array(
    [
        [-2.66, 0.00, -0.20, -0.20, -0.20],
        [-2.58, 0.62, -0.20, 0.50, -0.95],
        [-2.36, 1.08, -0.20, 1.10, -1.50],
        [-2.00, 1.40, -0.20, 1.52, -1.90],
        [-1.52, 1.60, -0.20, 1.84, -2.12],
        [-1.02, 1.67, -0.16, 1.98, -2.20],
        [-0.52, 1.69, -0.12, 2.02, -2.18],
        [-0.02, 1.67, -0.08, 1.92, -2.06],
        [0.44, 1.64, -0.04, 1.93, -1.88],
        [0.88, 1.58, 0.00, 1.98, -1.60],
        [1.28, 1.49, 0.06, 2.03, -1.30],
        [1.68, 1.34, 0.24, 2.06, -1.00],
        [2.04, 1.11, 0.58, 2.04, -0.60],
        [2.28, 0.87, 0.95, 2.02, -0.20],
        [2.48, 0.56, 1.35, 1.95, 0.40],
        [2.58, 0.27, 1.58, 1.84, 1.10],
        [2.61, 0.00, 1.70, 1.70, 1.70],
    ]
)
_SAMPLES = 12  # samples of the profile between two rings


@dataclasses.dataclass(frozen=True)
class HeadSurface:
    """A head's profile and the layout whose relief it carries.

    Attributes:
      profile: (M, 5) dense rings with the columns of _RINGS, rows at equal steps in 0..1.
    """

    identity: Identity
    layout: Layout
    profile: np.ndarray

    def rings(self, row: np.ndarray) -> np.ndarray:
        """Profile values (..., 5) at rows 0..1."""
        grid = np.linspace(0.0, 1.0, len(self.profile))
        return np.stack([np.interp(row, grid, column) for column in self.profile.T], axis=-1)

    def coordinates(self, points: np.ndarray) -> np.ndarray:
        """Frontal points (N, 2) to (angle, row) (N, 2); beyond the outline: clamped to it."""
        heights, widths = self.profile[:, 0], self.profile[:, 1]
        row = np.interp(points[:, 1], heights, np.linspace(0.0, 1.0, len(heights)))
        width = np.interp(points[:, 1], heights, widths)
        angle = np.arcsin(np.clip(points[:, 0] / np.maximum(width, 1e-6), -1.0, 1.0))
        return np.stack([angle, row], axis=1)

    def positions(self, angle: np.ndarray, row: np.ndarray) -> np.ndarray:
        """3-D points (..., 3) at angles (radians) and rows, which broadcast together."""
        y, width, side, front, back = np.moveaxis(self.rings(row), -1, 0)
        sine, cosine = np.sin(angle), np.cos(angle)
        x = width * sine
        depth = np.where(cosine > 0, front - side, side - back)
        z = side + depth * cosine
        y = np.broadcast_to(y, x.shape)
        z = z + self.relief(x, y) * smoothstep(cosine, 0.02, 0.35)
        return np.stack([x, y, z], axis=-1)

    def frontal_positions(self, points: np.ndarray) -> np.ndarray:
        """Frontal points (N, 2) to points (N, 3) of the surface."""
        angle, row = self.coordinates(points).T
        return self.positions(angle, row)

    def outline(self, count: int) -> np.ndarray:
        """Jaw line (count, 3) from ear to ear through the chin, at equal steps of arc length.

        These points lie on the head, where the jaw's edge is. At large yaw the far ones are
        hidden by the face, as in a 3-D annotation; they do not slide to the visible silhouette.
        """
        rows = np.linspace(self.coordinates(np.array([[0.0, 0.03]]))[0, 1], 1.0, 160)
        rings = self.rings(rows)
        half = rings[:, [1, 0, 2]]
        curve = np.concatenate([half * [-1, 1, 1], half[-2::-1]])
        length = np.concatenate(
            [[0.0], np.cumsum(np.linalg.norm(np.diff(curve[:, :2], axis=0), axis=1))]
        )
        at = np.linspace(0.0, length[-1], count)
        return np.stack([np.interp(at, length, column) for column in curve.T], axis=1)

    def relief(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """How far the surface stands out of the plain rings towards +z."""
        identity, layout = self.identity, self.layout
        x = np.abs(x)
        eye_x = layout.right_eye.center[0]
        height = 0.11 * identity.brow_ridge * bump(x, y, (0.62, -0.42), (0.42, 0.13))
        height -= 0.26 * identity.eye_depth * bump(x, y, (eye_x - 0.04, 0.0), (0.34, 0.2))
        height += 0.15 * bump(x, y, (eye_x, 0.01), (0.2, 0.11))
        height += 0.09 * identity.cheeks * bump(x, y, (0.95, 0.62), (0.3, 0.28))
        height -= 0.05 * bump(x, y, (1.05, 1.35), (0.28, 0.35))
        height += self._mouth_relief(x, y)
        return height + self._nose_relief(x, y)

    def _mouth_relief(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        layout = self.layout
        half = layout.lips_outer[6, 0] - layout.lips_outer[0, 0]
        upper_y = layout.lips_outer[3, 1] * 0.6 + layout.lips_inner[2, 1] * 0.4
        lower_y = layout.lips_outer[9, 1] * 0.6 + layout.lips_inner[6, 1] * 0.4
        opening = layout.lips_inner[6, 1] - layout.lips_inner[2, 1]
        height = 0.12 * bump(x, y, (0.0, layout.mouth_y), (0.42, 0.34))
        height += 0.08 * bump(x, y, (0.0, upper_y), (0.3 * half, 0.09))
        height += 0.09 * bump(x, y, (0.0, lower_y), (0.28 * half, 0.09))
        hollow = bump(x, y, (0.0, layout.mouth_y), (0.3 * half, 0.4 * opening + 0.05))
        height -= 0.3 * min(opening, 0.5) * hollow
        below = layout.lips_outer[9, 1] + 0.16
        height -= 0.07 * bump(x, y, (0.0, below), (0.35, 0.09))
        height += 0.1 * bump(x, y, (0.0, 2.28 + layout.jaw_drop), (0.3, 0.18))
        # Raised corners push the cheeks out beside the nose.
        cheek = 0.1 * max(layout.smile, 0.0)
        return height + cheek * bump(x, y, (0.78, 0.85), (0.22, 0.2))

    def _nose_relief(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        identity, layout = self.identity, self.layout
        tip, base = layout.nose_tip_y, layout.nose_base_y
        full = 0.62 * identity.nose_height
        along = np.clip(y / tip, 0.0, 1.0)
        root = 0.2 * identity.nose_bridge
        ridge = root + (1 - root) * along**1.25
        ridge = np.where(y < 0, root * np.exp(-0.5 * (y / 0.22) ** 2), ridge)
        under = smoothstep(y, tip + 0.02, base + 0.03)
        fade = np.exp(-0.5 * (np.maximum(y - base, 0.0) / 0.12) ** 2)
        ridge = np.where(y > tip, (1 - 0.84 * under) * fade, ridge)
        width = np.interp(y, [-0.3, 0.0, 0.45 * tip, tip, base], [0.2, 0.13, 0.16, 0.19, 0.2])
        width = width * identity.nose_width
        body = full * ridge * np.exp(-0.5 * (x / width) ** 2)
        wing = 0.24 * bump(x, y, (0.24 * identity.nose_width, base - 0.12), (0.08, 0.09))
        return body + wing


def head_surface(identity: Identity, layout: Layout) -> HeadSurface:
    """Builds the head around a layout: proportions first, then the opening of the jaw."""
    rings = _RINGS.copy()
    lower = smoothstep(rings[:, 0], 0.6, 2.2)
    rings[:, 0] += (identity.forehead - 1) * np.minimum(rings[:, 0] + 0.5, 0.0)
    rings[:, 0] += 2.61 * (identity.chin_length - 1) * lower
    rings[:, 1] *= identity.face_width * (1 + (identity.jaw_width - 1) * lower)
    chin = bump(np.zeros(len(rings)), _RINGS[:, 0], (0.0, 2.3), (1.0, 0.3))
    rings[:, 1] *= 1 - 0.14 * identity.chin_point * chin
    rings[:, 2:] *= identity.head_depth
    rings[:, 0] += layout.jaw_drop * smoothstep(_RINGS[:, 0], 0.9, 2.2)
    # An opening jaw turns about the ears: the chin also moves back.
    rings[:, 2:] -= 0.35 * layout.jaw_drop * lower[:, None]
    profile = smooth_curve(rings, _SAMPLES)
    profile[:, 0] = np.maximum.accumulate(profile[:, 0])
    profile[:, 1] = np.maximum(profile[:, 1], 0.0)
    return HeadSurface(identity, layout, profile)


def vertex_normals(grid: np.ndarray) -> np.ndarray:
    """Outward unit normals (R, C, 3) of a grid of points whose columns turn from left to right."""
    normals = np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / np.maximum(length, 1e-9)
