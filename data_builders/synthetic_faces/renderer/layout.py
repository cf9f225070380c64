"""The face seen from the front: curves of eyes, brows, nose and mouth, before any rotation.

Landmarks and painted shapes are samples of the same curves, so that landmarks are exact. Points
are (x, y), in the units of parameters.py, with the eyes' middle at the origin.
"""

import dataclasses

import numpy as np

from data_builders.synthetic_faces.renderer.curves import mirrored, smooth_curve
from data_builders.synthetic_faces.renderer.parameters import Expression, Identity

# Parameter along a lid: -1 is the inner corner, 1 the outer one.
_LIDS_68 = np.array([1 / 3, -1 / 3])
_LIDS_98 = np.array([0.5, 0.0, -0.5])
JAW_DROP = 0.55


@dataclasses.dataclass(frozen=True)
class Eye:
    """An eye on the photo's right before mirroring (`side` 1) or on its left (`side` -1)."""

    side: int
    center: tuple[float, float]
    half_width: float
    rise: float
    upper_height: float
    lower_height: float
    openness: float
    iris: tuple[float, float]
    iris_radius: float

    def lid(self, s: np.ndarray, *, upper: bool) -> np.ndarray:
        """Points (N, 2) of a lid's edge; s in -1 (inner corner) .. 1 (outer corner)."""
        arch = np.maximum(1 - s**2, 0.0)
        closed = 0.05 * arch
        if upper:
            # The highest point of an upper lid lies a little towards the nose.
            opened = -self.upper_height * arch**0.85 * (1 - 0.12 * s)
        else:
            opened = self.lower_height * arch * (1 + 0.1 * s)
        amount = self.openness
        y = self.center[1] - self.rise * s + (1 - amount) * closed + amount * opened
        return np.stack([self.side * (self.center[0] + self.half_width * s), y], axis=1)

    def outline(self) -> np.ndarray:
        """The opening between the lids as a closed polygon (M, 2)."""
        s = np.linspace(1, -1, 17)
        return np.concatenate([self.lid(s, upper=True), self.lid(-s[1:-1], upper=False)])

    def contour(self, s: np.ndarray) -> np.ndarray:
        """Outer corner, upper lid at s, inner corner, lower lid at -s: a landmark ring."""
        ends = self.lid(np.array([1.0, -1.0]), upper=True)
        ring = [ends[:1], self.lid(s, upper=True), ends[1:], self.lid(-s, upper=False)]
        return np.concatenate(ring)


@dataclasses.dataclass(frozen=True)
class Layout:
    """Frontal curves of one face; fields ending in _x or _y are single coordinates.

    Attributes:
      left_eye, right_eye: The eyes on the photo's left and right.
      left_brow, right_brow: (9, 2): upper edge from the outer end to the inner end, then the
        lower edge back.
      nose_bridge: (4, 2) from between the eyes to the tip.
      nose_base: (5, 2) along the lower edge of the nose, photo's left to right.
      lips_outer: (12, 2), lips_inner: (8, 2): from the corner on the photo's left over the upper
        lip, back along the lower lip.
      jaw_drop: How far the chin has moved down.
    """

    left_eye: Eye
    right_eye: Eye
    left_brow: np.ndarray
    right_brow: np.ndarray
    nose_bridge: np.ndarray
    nose_base: np.ndarray
    lips_outer: np.ndarray
    lips_inner: np.ndarray
    jaw_drop: float
    smile: float

    @property
    def nose_tip_y(self) -> float:
        return float(self.nose_bridge[3, 1])

    @property
    def nose_base_y(self) -> float:
        return float(self.nose_base[2, 1])

    @property
    def mouth_y(self) -> float:
        return float(self.lips_inner[[2, 6], 1].mean())


def frontal_layout(identity: Identity, expression: Expression) -> Layout:
    """Places every curve of a face seen from the front."""
    nose_bridge, nose_base = _nose(identity, expression)
    outer, inner = _mouth(identity, expression, float(nose_base[2, 1]))
    right_brow = _brow(identity, expression)
    return Layout(
        left_eye=_eye(identity, expression, -1),
        right_eye=_eye(identity, expression, 1),
        left_brow=mirrored(right_brow),
        right_brow=right_brow,
        nose_bridge=nose_bridge,
        nose_base=nose_base,
        lips_outer=outer,
        lips_inner=inner,
        jaw_drop=JAW_DROP * expression.mouth_open,
        smile=expression.smile,
    )


def _eye(identity: Identity, expression: Expression, side: int) -> Eye:
    openness = expression.left_eye_open if side < 0 else expression.right_eye_open
    half_width = 0.28 * identity.eye_width
    center = (0.72 + identity.eye_spacing, 0.0)
    # The iris moves with the gaze, which is the same direction in the photo for both eyes.
    iris = (side * center[0] + 0.08 * expression.gaze_x, 0.01 + 0.05 * expression.gaze_y)
    return Eye(
        side=side,
        center=center,
        half_width=half_width,
        rise=identity.eye_tilt,
        upper_height=0.105 * identity.eye_height,
        lower_height=0.075 * identity.eye_height,
        openness=openness,
        iris=iris,
        iris_radius=0.122,
    )


def _brow(identity: Identity, expression: Expression) -> np.ndarray:
    upper = np.array([[1.32, -0.30], [1.13, -0.46], [0.9, -0.53], [0.66, -0.52], [0.4, -0.46]])
    thickness = np.array([0.03, 0.08, 0.105, 0.12, 0.12]) * identity.brow_thickness
    towards_nose = np.array([0.0, 0.1, 0.35, 0.75, 1.0])
    upper[:, 0] += identity.eye_spacing
    upper[:, 1] -= identity.brow_height + 0.14 * expression.brow_raise
    upper[:, 1] -= (identity.brow_arch + 0.05 * expression.brow_raise) * np.array(
        [-0.6, 0.5, 1.0, 0.4, -0.5]
    )
    upper[:, 1] += 0.11 * expression.frown * towards_nose
    upper[:, 0] -= 0.05 * expression.frown * towards_nose
    lower = upper[:0:-1] + np.stack([np.zeros(4), thickness[:0:-1]], axis=1)
    return np.concatenate([upper, lower])


def _nose(identity: Identity, expression: Expression) -> tuple[np.ndarray, np.ndarray]:
    tip = 0.82 * identity.nose_length - 0.03 * expression.smile
    base = 1.06 * identity.nose_length - 0.02 * expression.smile
    bridge = np.stack([np.zeros(4), np.linspace(0.02, tip, 4)], axis=1)
    width = identity.nose_width * (1 + 0.1 * max(expression.smile, 0.0))
    x = np.array([-0.29, -0.15, 0.0, 0.15, 0.29]) * width
    y = base - np.array([0.07, 0.02, 0.0, 0.02, 0.07])
    return bridge, np.stack([x, y], axis=1)


def _mouth(
    identity: Identity, expression: Expression, nose_base: float
) -> tuple[np.ndarray, np.ndarray]:
    opening = expression.mouth_open
    smile, pucker = expression.smile, expression.pucker
    half = 0.55 * identity.mouth_width * (1 - 0.25 * pucker - 0.12 * opening) + 0.1 * smile
    line = nose_base + 0.46 + identity.mouth_height
    upper = 0.145 * identity.upper_lip * (1 - 0.2 * smile + 0.25 * pucker)
    lower = 0.21 * identity.lower_lip * (1 - 0.15 * smile + 0.2 * pucker)
    up = 0.1 * opening + 0.06 * max(smile, 0.0) * min(1.0, 4 * opening)
    down = 0.9 * JAW_DROP * opening + 0.02
    corner = 0.35 * JAW_DROP * opening - 0.11 * smile
    skew = expression.mouth_skew
    # Each lip: distance from the middle as a share of `half`, and height above or below the line.
    outer_up = _lip([-0.66, -0.23, 0.0, 0.23, 0.66], [0.5, 1.0, 0.86, 1.0, 0.5], half, -upper)
    outer_low = _lip([0.66, 0.35, 0.0, -0.35, -0.66], [0.62, 0.95, 1.0, 0.95, 0.62], half, lower)
    inner_up = _lip([-0.32, 0.0, 0.32], [0.0, 0.1, 0.0], half, upper)
    inner_low = _lip([0.32, 0.0, -0.32], [0.0, 0.05, 0.0], half, lower)
    for curve, shift in ((outer_up, -up), (inner_up, -up), (outer_low, down), (inner_low, down)):
        # A lip's middle moves most, its ends follow the corners.
        share = (curve[:, 0] / half) ** 2
        curve[:, 1] += line + (1 - share) * shift + share * corner
    left, right = np.array([[-half, line + corner]]), np.array([[half, line + corner]])
    outer = np.concatenate([left, outer_up, right, outer_low])
    inset = np.array([[0.07, 0.0]])
    inner = np.concatenate([left + inset, inner_up, right - inset, inner_low])
    for curve in (outer, inner):
        curve[:, 1] += skew * curve[:, 0] / half
        curve[:, 0] += skew
    return outer, inner


def _lip(x: list[float], height: list[float], half: float, scale: float) -> np.ndarray:
    return np.stack([half * np.array(x), scale * np.array(height)], axis=1)


def lip_polygons(layout: Layout) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Smooth polygons (M, 2) of the upper lip, the lower lip and the opening between them."""
    outer, inner = layout.lips_outer, layout.lips_inner
    upper_edge = smooth_curve(outer[:7])
    lower_edge = smooth_curve(np.concatenate([outer[6:], outer[:1]]))
    inner_upper = smooth_curve(inner[:5])
    inner_lower = smooth_curve(np.concatenate([inner[4:], inner[:1]]))
    upper = np.concatenate([upper_edge, inner_upper[::-1]])
    lower = np.concatenate([lower_edge, inner_lower[::-1]])
    return upper, lower, np.concatenate([inner_upper, inner_lower])


def inner_landmarks_68(layout: Layout) -> np.ndarray:
    """Landmarks 17..67 of the iBUG scheme, frontal (51, 2): all but the jaw's."""
    left, right = layout.left_eye, layout.right_eye
    return np.concatenate(
        [
            layout.left_brow[:5],
            layout.right_brow[4::-1],
            layout.nose_bridge,
            layout.nose_base,
            left.contour(_LIDS_68),
            _right_ring(right.contour(_LIDS_68)),
            layout.lips_outer,
            layout.lips_inner,
        ]
    )


def inner_landmarks_98(layout: Layout) -> np.ndarray:
    """Landmarks 33..97 of the WFLW scheme, frontal (65, 2): all but the jaw's."""
    left, right = layout.left_eye, layout.right_eye
    right_brow = layout.right_brow
    return np.concatenate(
        [
            layout.left_brow,
            right_brow[4::-1],
            right_brow[:4:-1],
            layout.nose_bridge,
            layout.nose_base,
            left.contour(_LIDS_98),
            _right_ring(right.contour(_LIDS_98)),
            layout.lips_outer,
            layout.lips_inner,
            np.array([pupil_position(left), pupil_position(right)]),
        ]
    )


def pupil_position(eye: Eye) -> tuple[float, float]:
    """Center of the iris; under a nearly closed lid it follows the line between the lids."""
    middle = float(
        (eye.lid(np.zeros(1), upper=True)[0, 1] + eye.lid(np.zeros(1), upper=False)[0, 1]) / 2
    )
    visible = min(eye.openness / 0.4, 1.0)
    return eye.iris[0], visible * eye.iris[1] + (1 - visible) * middle


def _right_ring(ring: np.ndarray) -> np.ndarray:
    """Turns the ring outer, upper, inner, lower into the right eye's inner, upper, outer, lower."""
    upper = len(ring) // 2 + 1
    return np.concatenate([ring[:upper][::-1], ring[upper:][::-1]])
