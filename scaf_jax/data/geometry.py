"""From a face box to the one 2x3 matrix that crops, augments and resizes, and back.

Two coordinate systems occur. In *edge* coordinates pixel i covers [i, i + 1); boxes are in these.
In *center* coordinates the center of pixel i is i; landmarks, matrices and cv2 use these. A
matrix maps center coordinates of the photo to center coordinates of the S x S crop.

Crop coordinates of landmarks come in two conventions (`pixel_convention`):
- `centers`: center coordinates, so that a landmark lies on the pixel that shows it;
- `corners`: what 3FabRec's published code computes. It counts the photo's pixels from 1 and takes
  these numbers for edge coordinates. Needed with weights trained that way.

A mirrored crop's landmark is at S - 1 - x under `centers` and at S - x under `corners`, as the
published code flips. With s crop pixels to a photo's pixel, a `corners` landmark is (1 + s) / 2
beside the pixel that shows it: 1/2 for counting from the edge, which is the same in a mirrored
crop, and s/2 for the photo's count, which is a shift of the annotation and mirrored with it.
Networks that learn from mirrored crops thus answer with S - x as well.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from scaf_jax import default_config

Array = npt.NDArray[Any]
PixelConvention = Literal["centers", "corners"]
BoxKind = Literal["ground_truth", "detector"]
BOX_KINDS: tuple[BoxKind, ...] = ("ground_truth", "detector")

_PUBLISHED = default_config.get_config()


@dataclasses.dataclass(frozen=True)
class CropSettings:
    """How a face is cut out of a photo. Stored with a model, which fits no other crop.

    Attributes:
      input_size: Side of the crop, S, in pixels.
      margin_top: How far the box is extended upwards, as a fraction of its height.
      margin_bottom: Same, downwards.
      margin_left: Same, to the left.
      margin_right: Same, to the right.
      box: Which of a record's boxes is taken.
      pixel_convention: What landmark coordinates in the crop mean; see the module.
    """

    input_size: int = _PUBLISHED.input_size
    margin_top: float = _PUBLISHED.data.margin_top
    margin_bottom: float = _PUBLISHED.data.margin_bottom
    margin_left: float = _PUBLISHED.data.margin_left
    margin_right: float = _PUBLISHED.data.margin_right
    box: BoxKind = _PUBLISHED.data.box
    pixel_convention: PixelConvention = _PUBLISHED.data.pixel_convention

    def __post_init__(self) -> None:
        if self.input_size <= 0:
            raise ValueError(f"crop: input_size must be positive, not {self.input_size}")
        if self.box not in BOX_KINDS:
            raise ValueError(f"crop: box must be ground_truth or detector, not '{self.box}'")
        _check_convention(self.pixel_convention)

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as a dict of plain values, for `from_dict`."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CropSettings":
        """Returns the settings that `to_dict` gave.

        Raises:
          ValueError: A field is unknown or its value does not fit.
        """
        unknown = sorted(set(values) - {field.name for field in dataclasses.fields(cls)})
        if unknown:
            raise ValueError(f"crop: unknown fields {', '.join(unknown)}")
        return cls(**values)


def _margins(choose: Callable[[Any], None] = lambda config: None) -> dict[str, float]:
    config = default_config.get_config()
    choose(config)
    return {name: config.data[name] for name in ("margin_top", "margin_bottom")}


# Margins by data set. Source: the published crops of 3FabRec.
MARGINS: Mapping[str, Mapping[str, float]] = {
    "300w": _margins(),
    "wflw": _margins(default_config.choose_wflw),
    "affectnet": {"margin_top": 0.05, "margin_bottom": 0.25},
}


def crop_settings(preset: str, **changes: Any) -> CropSettings:
    """Returns the crop settings of a data set.

    Args:
      preset: `300w`, `wflw` or `affectnet`.
      **changes: Fields of `CropSettings` to set otherwise.

    Raises:
      ValueError: The preset is unknown.
    """
    if preset not in MARGINS:
        raise ValueError(f"unknown crop margins '{preset}'; known: {', '.join(MARGINS)}")
    return CropSettings(**{**MARGINS[preset], **changes})


def larger_size(input_size: int) -> int:
    """Returns the side of the published loader's larger region in crop pixels, ceil(S sqrt 2).

    It keeps the crop filled under any rotation. Source: 3FabRec's published loader.
    """
    return math.ceil(input_size * math.sqrt(2))


def extend_box(box: Array, crop: CropSettings) -> npt.NDArray[np.float64]:
    """Returns the box with its margins.

    Args:
      box: (4,) x0, y0, x1, y1, edge coordinates.
      crop: The margins, fractions of the box's height.

    Returns:
      (4,) float64 x0, y0, x1, y1.

    Raises:
      ValueError: The box is not finite or encloses nothing.
    """
    box = np.asarray(box, np.float64)
    if box.shape != (4,) or not np.isfinite(box).all() or not (box[:2] < box[2:]).all():
        raise ValueError(f"face box {box.tolist()} is not x0, y0, x1, y1 with x0 < x1, y0 < y1")
    margins = [-crop.margin_left, -crop.margin_top, crop.margin_right, crop.margin_bottom]
    return box + np.array(margins) * (box[3] - box[1])


def face_square(box: Array, crop: CropSettings) -> npt.NDArray[np.float64]:
    """Returns the square of the photo that becomes the crop.

    The box is extended by the margins; the square of its longer side about its center is taken.
    Source: 3FabRec's published loader, without its rounding to whole pixels.

    Args:
      box: (4,) x0, y0, x1, y1, edge coordinates of the photo.
      crop: The margins.

    Returns:
      (4,) float64 x0, y0, x1, y1.

    Raises:
      ValueError: The box is not finite or encloses nothing.
    """
    x0, y0, x1, y1 = extend_box(box, crop)
    half = max(x1 - x0, y1 - y0) / 2
    center_x, center_y = (x0 + x1) / 2, (y0 + y1) / 2
    return np.array([center_x - half, center_y - half, center_x + half, center_y + half])


def crop_matrix(
    box: Array, crop: CropSettings, augmentation: Array | None = None
) -> npt.NDArray[np.float64]:
    """Returns the matrix that cuts a face out of a photo, augmented or not.

    Args:
      box: (4,) x0, y0, x1, y1, edge coordinates of the photo.
      crop: Margins and size of the crop.
      augmentation: (2, 3), what happens in the crop about its center, in pixels from there; as
        `augmentations.Augmentation.matrix` gives it.

    Returns:
      (2, 3) float64, center coordinates of the photo to center coordinates of the crop.

    Raises:
      ValueError: The box is not finite or encloses nothing.
    """
    x0, y0, x1, y1 = face_square(box, crop)
    scale = crop.input_size / (x1 - x0)
    # Center coordinates of the photo -> pixels of the crop, from its center.
    center_x, center_y = (x0 + x1) / 2, (y0 + y1) / 2
    matrix = scale * np.array([[1, 0, 0.5 - center_x], [0, 1, 0.5 - center_y]])
    if augmentation is not None:
        matrix = compose(np.asarray(augmentation, np.float64), matrix)
    matrix[:, 2] += crop.input_size / 2 - 0.5
    return matrix


def compose(second: Array, first: Array) -> npt.NDArray[np.float64]:
    """Returns the (2, 3) matrix of applying (2, 3) `first`, then (2, 3) `second`."""
    linear = second[:, :2] @ first
    linear[:, 2] += second[:, 2]
    return linear


def to_crop(points: Array, matrix: Array, convention: PixelConvention = "centers") -> Array:
    """Maps landmarks of photos to their crops.

    Args:
      points: (..., L, 2) center coordinates of the photo.
      matrix: (..., 2, 3), as `crop_matrix` gives it.
      convention: The crop coordinates wanted.

    Returns:
      (..., L, 2) crop coordinates, float64.
    """
    shift = _convention_shift(convention)
    return _apply(np.asarray(points, np.float64) + shift, matrix) + shift


def to_photo(points: Array, matrix: Array, convention: PixelConvention = "centers") -> Array:
    """Maps predicted landmarks back to their photos; the inverse of `to_crop`.

    Args:
      points: (..., L, 2) crop coordinates.
      matrix: (..., 2, 3), as `crop_matrix` gives it.
      convention: What the crop coordinates mean.

    Returns:
      (..., L, 2) center coordinates of the photo, float64.
    """
    shift = _convention_shift(convention)
    inverse = invert(np.asarray(matrix, np.float64))
    return _apply(np.asarray(points, np.float64) - shift, inverse) - shift


def box_to_photo(box: Array, matrix: Array) -> npt.NDArray[np.float64]:
    """Maps a box of a stored part of a photo back to the photo.

    Args:
      box: (4,) x0, y0, x1, y1, edge coordinates of the part.
      matrix: (2, 3), photo to part; it neither turns nor shears.

    Returns:
      (4,) float64 x0, y0, x1, y1, edge coordinates of the photo.
    """
    corners = np.asarray(box, np.float64).reshape(2, 2) - 0.5
    return (to_photo(corners, matrix) + 0.5).ravel()


def invert(matrix: Array) -> npt.NDArray[np.float64]:
    """Returns the (..., 2, 3) inverses of (..., 2, 3) affine matrices."""
    linear = np.linalg.inv(matrix[..., :2])
    return np.concatenate([linear, -linear @ matrix[..., 2:]], axis=-1)


def mirror(points: Array, flip_permutation: Sequence[int]) -> Array:
    """Renumbers landmarks after the photo was mirrored.

    The left eye of a mirrored face looks like a right eye and is numbered as one.

    Args:
      points: (..., L, 2) or a mask (..., L, 1), already mapped by a mirroring matrix.
      flip_permutation: The scheme's.

    Returns:
      The same points in their new order.
    """
    return points[..., list(flip_permutation), :]


def matrix_scale(matrix: Array) -> float:
    """Returns how many crop pixels a photo pixel's side becomes, by area."""
    (a, b, _), (c, d, _) = matrix.tolist()  # NumPy's determinant of so few takes long
    return math.sqrt(abs(a * d - b * c))


def _apply(points: Array, matrix: Array) -> Array:
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def _convention_shift(convention: PixelConvention) -> float:
    # The published code adds 1 to x where edge coordinates need 0.5, and leaves out the 0.5 that
    # leads back to centers: half a pixel before the matrix and half a pixel after it.
    _check_convention(convention)
    return 0.5 if convention == "corners" else 0.0


def _check_convention(convention: str) -> None:
    if convention not in ("centers", "corners"):
        raise ValueError(f"pixel_convention must be centers or corners, not '{convention}'")
