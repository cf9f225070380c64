"""Random changes of training faces: where they are in the crop, and what hides them.

A change of place becomes a part of the one matrix that cuts the face out of its photo, so that
every training image is interpolated once.
"""

import dataclasses
import math

import cv2
import numpy as np
import numpy.typing as npt

from scaf_jax import default_config
from scaf_jax.data import geometry, warping

_PUBLISHED = default_config.get_config()


@dataclasses.dataclass(frozen=True)
class AugmentationSettings:
    """How strongly training faces are changed.

    Attributes:
      flip_probability: How often a face is mirrored.
      rotation_degrees: Largest rotation, either way.
      translation: Largest shift along x and along y, as a fraction of the larger region's side
        (sqrt 2 of the crop's); shifts are whole crop pixels.
      scale: Smallest and largest scale, drawn apart for x and y.
      shear_degrees: Largest shear along x, either way.
      occlusion_probability: How often a random shape hides a part of the face.
      interpolation: One of `warping.INTERPOLATIONS`: `bicubic`, as published, or the faster
        `bilinear`.
      border: One of `warping.BORDERS`, what lies outside the photo: `black`, as published, or
        `mirrored`, so that photos that end near the face do not teach black frames.
    """

    flip_probability: float
    rotation_degrees: float
    translation: float
    scale: tuple[float, float]
    shear_degrees: float
    occlusion_probability: float
    interpolation: str
    border: str

    def __post_init__(self) -> None:
        for name in ("flip_probability", "occlusion_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augmentation: {name} must be in 0..1")
        for name in ("rotation_degrees", "translation", "shear_degrees"):
            if getattr(self, name) < 0:
                raise ValueError(f"augmentation: {name} must not be negative")
        if len(self.scale) != 2 or not 0 < self.scale[0] <= self.scale[1]:
            raise ValueError(f"augmentation: scale must be (lowest, highest), not {self.scale}")
        if self.shear_degrees >= 90:
            raise ValueError("augmentation: shear_degrees must be below 90")
        if self.interpolation not in warping.INTERPOLATIONS:
            raise ValueError(
                f"augmentation: interpolation must be one of {', '.join(warping.INTERPOLATIONS)}, "
                f"not '{self.interpolation}'"
            )
        if self.border not in warping.BORDERS:
            raise ValueError(
                f"augmentation: border must be one of {', '.join(warping.BORDERS)}, "
                f"not '{self.border}'"
            )


# Source: SCAF, sec. 4 (as 3FabRec): unsupervised pretraining, then landmarks.
STAGE1 = AugmentationSettings(**_PUBLISHED.pretraining.augmentation)
STAGE2 = AugmentationSettings(**_PUBLISHED.alignment.augmentation)


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """One draw.

    Attributes:
      flip: Whether the face is mirrored; its landmarks then change numbers.
      matrix: (2, 3) float64, acts on pixels of the crop, counted from its center.
    """

    flip: bool
    matrix: npt.NDArray[np.float64]


def draw(rng: np.random.Generator, settings: AugmentationSettings, input_size: int) -> Augmentation:
    """Draws one change of place: mirror, scale, shear, rotate, then shift.

    Args:
      rng: Source of randomness.
      settings: How strong.
      input_size: Side of the crop in pixels.
    """
    # All numbers are always drawn, so that one setting does not change the others' draws.
    flip = rng.random() < settings.flip_probability
    rotation, shear = np.radians(
        [
            rng.uniform(-settings.rotation_degrees, settings.rotation_degrees),
            rng.uniform(-settings.shear_degrees, settings.shear_degrees),
        ]
    )
    farthest = settings.translation * geometry.larger_size(input_size)
    shift = np.round(rng.uniform(-farthest, farthest, 2))
    scale = rng.uniform(settings.scale[0], settings.scale[1], 2)

    cos, sin = math.cos(rotation), math.sin(rotation)
    linear = (
        np.array([[cos, -sin], [sin, cos]])
        @ np.array([[1, -math.tan(shear)], [0, 1]])
        @ np.diag([-scale[0] if flip else scale[0], scale[1]])
    )
    return Augmentation(flip, np.concatenate([linear, shift[:, None]], axis=1))


def occlude(
    rng: np.random.Generator, image: npt.NDArray[np.uint8], probability: float
) -> npt.NDArray[np.uint8]:
    """Hides a part of a crop under a rectangle or ellipse of one random color, or leaves it.

    Args:
      rng: Source of randomness.
      image: (S, S, 3) uint8; not changed.
      probability: How often something is hidden.

    Returns:
      (S, S, 3) uint8.
    """
    if probability == 0:
        return image
    hidden = rng.random() < probability
    size = image.shape[0]
    center = rng.uniform(0.1, 0.9, 2) * size
    half = rng.uniform(0.05, 0.2, 2) * size
    color = tuple(float(value) for value in rng.integers(0, 256, 3))
    angle = rng.uniform(0, 180)
    is_ellipse = rng.random() < 0.5
    if not hidden:
        return image
    image = image.copy()
    x, y = (float(value) for value in center)
    region = ((x, y), (float(2 * half[0]), float(2 * half[1])), float(angle))
    if is_ellipse:
        cv2.ellipse(image, region, color, thickness=-1)
    else:
        cv2.fillConvexPoly(image, np.round(cv2.boxPoints(region)).astype(np.int32), color)
    return image
