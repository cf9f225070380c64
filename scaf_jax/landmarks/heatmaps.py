"""The heatmap codec: landmarks -> Gaussian heatmaps -> landmarks, and the pixel conventions.

Crop coordinates `u` and heatmap coordinates `h` have the center of the first pixel at 0. Under
`centers`, the default, h = (u + 0.5) H / S - 0.5: a pixel covers [i - 0.5, i + 0.5). `corners` is
the convention of the published 3FabRec code, h = u H / S.

Mirroring a crop maps u to S - 1 - u under `centers`, hence h to H - 1 - h: a map is mirrored as an
array is. `corners` counts from the crop's edge, where the published training flips it: u becomes
S - u, hence h becomes H - h, one pixel beside the mirrored array, whatever S and H are.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TypeVar

import jax
import jax.numpy as jnp

from scaf_jax import default_config

CONVENTIONS = ("centers", "corners")
DECODERS = ("argmax", "subpixel")
_PUBLISHED = default_config.get_config()

Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class HeatmapCodec:
    """Encodes landmarks as heatmaps and decodes them.

    Attributes:
      input_size: Side S of the crop, in pixels.
      heatmap_size: Side H of the heatmaps, in pixels.
      sigma: Standard deviation of the Gaussians in pixels of a 128 px heatmap; it scales with H.
      support: Half side of a Gaussian's square support, in standard deviations.
      rounding: Whether Gaussians are centered on whole pixels (half up), as in the published code.
      blur_size: Side of the box blur before the maximum is sought, in heatmap pixels; odd.
      pixel_convention: `centers` or `corners`.
    """

    input_size: int
    heatmap_size: int
    sigma: float = _PUBLISHED.alignment.sigma
    support: float = _PUBLISHED.alignment.support
    rounding: bool = _PUBLISHED.alignment.rounding
    blur_size: int = _PUBLISHED.alignment.blur_size
    pixel_convention: str = _PUBLISHED.data.pixel_convention

    def __post_init__(self) -> None:
        if self.pixel_convention not in CONVENTIONS:
            raise ValueError(
                f"pixel_convention must be one of {CONVENTIONS}, not '{self.pixel_convention}'"
            )
        if self.blur_size < 1 or self.blur_size % 2 == 0:
            raise ValueError(f"blur_size must be odd and positive, not {self.blur_size}")
        if self.sigma <= 0 or self.support <= 0:
            raise ValueError("sigma and support must be positive")

    @property
    def _ratio(self) -> float:
        return self.heatmap_size / self.input_size

    @property
    def _shift(self) -> float:
        return 0.5 if self.pixel_convention == "centers" else 0.0

    @property
    def reach(self) -> int:
        """How far from a peak the sub-pixel decoder looks, in heatmap pixels."""
        return max(1, round(self.sigma * self.heatmap_size / 128 / 2))

    def to_heatmap(self, landmarks: jax.Array) -> jax.Array:
        """Maps crop coordinates to heatmap coordinates (any shape, pixels)."""
        return (landmarks + self._shift) * self._ratio - self._shift

    def to_crop(self, landmarks: jax.Array) -> jax.Array:
        """Maps heatmap coordinates to crop coordinates (any shape, pixels)."""
        return (landmarks + self._shift) / self._ratio - self._shift

    def encode(self, landmarks: jax.Array) -> jax.Array:
        """Returns the target heatmaps of landmarks: Gaussians of peak 1, cut by the frame.

        Args:
          landmarks: (B, L, 2) x, y in crop pixels; they may lie outside the crop.

        Returns:
          (B, H, H, L) in the dtype of landmarks.
        """
        centers = self.to_heatmap(landmarks)
        if self.rounding:
            centers = jnp.floor(centers + 0.5)
        sigma = self.sigma * self.heatmap_size / 128
        pixels = jnp.arange(self.heatmap_size, dtype=landmarks.dtype)
        offsets = pixels[:, None, None, None] - jnp.moveaxis(centers, 0, 1)  # (H, L, B, 2)
        profile = jnp.exp(-0.5 * jnp.square(offsets / sigma))
        profile = jnp.where(jnp.abs(offsets) <= self.support * sigma, profile, 0.0)
        columns, rows = profile[..., 0], profile[..., 1]
        # Products only, but TPUs would round their factors to bfloat16.
        return jnp.einsum("ylb,xlb->byxl", rows, columns, precision="highest")

    def unmirror(self, heatmaps: jax.Array, flip_permutation: Sequence[int]) -> jax.Array:
        """Returns the maps of mirrored crops as maps of the crops themselves.

        Args:
          heatmaps: (B, H, H, L) of mirrored crops.
          flip_permutation: The scheme's.

        Returns:
          (B, H, H, L), each landmark where `encode` puts it for the crop as it was. Under
          `corners` the first column has no counterpart in the mirrored map and repeats its
          neighbor.
        """
        heatmaps = heatmaps[:, :, ::-1][..., list(flip_permutation)]
        if self.pixel_convention == "centers":
            return heatmaps
        return jnp.concatenate([heatmaps[:, :, :1], heatmaps[:, :, :-1]], axis=2)

    def decode(self, heatmaps: jax.Array, decoder: str = "argmax") -> jax.Array:
        """Returns the landmarks at the maxima of the blurred heatmaps.

        Args:
          heatmaps: (B, H, H, L).
          decoder: `argmax` gives whole heatmap pixels; `subpixel` refines them.

        Returns:
          (B, L, 2) x, y in crop pixels, float32 (float64 for float64 heatmaps).

        Raises:
          ValueError: The decoder does not exist.
        """
        return self.decode_with_heights(heatmaps, decoder)[0]

    def decode_with_heights(
        self, heatmaps: jax.Array, decoder: str = "argmax"
    ) -> tuple[jax.Array, jax.Array]:
        """Returns what `decode` does, and how high the blurred heatmaps are at their maxima.

        Args:
          heatmaps: (B, H, H, L).
          decoder: See `decode`.

        Returns:
          (B, L, 2) x, y in crop pixels, and (B, L), 0 to about 1, of the same dtype.

        Raises:
          ValueError: The decoder does not exist.
        """
        if decoder not in DECODERS:
            raise ValueError(f"decoder must be one of {DECODERS}, not '{decoder}'")
        heatmaps = heatmaps.astype(jnp.promote_types(heatmaps.dtype, jnp.float32))
        blurred = box_blur(heatmaps, self.blur_size)
        peaks, heights = find_maxima(blurred)
        points = peaks.astype(heatmaps.dtype)
        if decoder == "subpixel":
            points = refine_peaks(blurred, peaks, reach=self.reach)
        return self.to_crop(points), heights


def box_blur(heatmaps: jax.Array, size: int) -> jax.Array:
    """Returns the mean over size x size windows with zero padding; (B, H, W, L) -> the same."""
    sums = jax.lax.platform_dependent(
        heatmaps,
        cpu=functools.partial(_window_sums_of_rows, size=size),
        default=functools.partial(_window_sums, size=size),
    )
    return sums / (size * size)


def _window_sums(heatmaps: jax.Array, size: int) -> jax.Array:
    return _window_sum(_window_sum(heatmaps, size, axis=1), size, axis=2)


def _window_sums_of_rows(heatmaps: jax.Array, size: int) -> jax.Array:
    """The same sums with each row as one long vector, in which the next pixel is L places on.

    XLA:CPU makes longer loops of it: the maps of one pixel alone are few.
    """
    batch, height, width, num_landmarks = heatmaps.shape
    rows = heatmaps.reshape(batch, height, width * num_landmarks)
    sums = _window_sum(rows, size, axis=1)
    return _window_sum(sums, size, axis=2, step=num_landmarks).reshape(heatmaps.shape)


def _window_sum(x: jax.Array, size: int, *, axis: int, step: int = 1) -> jax.Array:
    """Sums an odd number of values `step` places apart along an axis, zeros beyond its ends.

    The window doubles: log2(size) additions.
    """
    padding = [(0, 0)] * x.ndim
    padding[axis] = (size // 2 * step, size // 2 * step)
    x = jnp.pad(x, padding)
    length = x.shape[axis]
    total, offset, run, width = None, 0, x, 1
    while width <= size:
        if size & width:
            part = _shifted(run, offset * step, length - (size - 1) * step, axis)
            total = part if total is None else total + part
            offset += width
        if 2 * width <= size:
            count = run.shape[axis] - width * step
            run = _shifted(run, 0, count, axis) + _shifted(run, width * step, count, axis)
        width *= 2
    assert total is not None
    return total


def _shifted(x: jax.Array, start: int, count: int, axis: int) -> jax.Array:
    return jax.lax.slice_in_dim(x, start, start + count, axis=axis)


def find_peaks(heatmaps: jax.Array) -> jax.Array:
    """Returns the pixel of each map's maximum, (B, L, 2) int32 x, y, from (B, H, W, L).

    Equal maxima: the first in row-major order.
    """
    return find_maxima(heatmaps)[0]


def find_maxima(heatmaps: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Returns `find_peaks` of (B, H, W, L) and the values there, (B, L)."""
    row_maxima = heatmaps.max(axis=2)  # (B, H, L)
    y = jnp.argmax(row_maxima, axis=1)  # (B, L)
    rows = jnp.take_along_axis(heatmaps, y[:, None, None, :], axis=1, mode="promise_in_bounds")
    rows = rows[:, 0]  # (B, W, L)
    x = jnp.argmax(rows, axis=1)
    peaks = jnp.stack([x, y], axis=-1).astype(jnp.int32)
    # The maxima of row_maxima would make XLA read all maps a second time.
    return peaks, rows.max(axis=1)


def by_image_on_cpu(function: Callable[[jax.Array], Result], heatmaps: jax.Array) -> Result:
    """Applies a function of heatmaps to the whole batch, or on CPU to one image after the other.

    One image's maps stay in a processor's cache between several passes over them.

    Args:
      function: (B, H, W, L) -> tree of arrays (B, ...), each image by itself.
      heatmaps: (B, H, W, L).

    Returns:
      What the function gives for the batch.
    """

    def one_by_one(maps: jax.Array) -> Result:
        return jax.lax.map(lambda image: jax.tree.map(lambda x: x[0], function(image[None])), maps)

    return jax.lax.platform_dependent(heatmaps, cpu=one_by_one, default=function)


def refine_peaks(heatmaps: jax.Array, peaks: jax.Array, *, reach: int) -> jax.Array:
    """Moves peaks to the top of a Gaussian through five values of their surroundings.

    A parabola through the logarithms of the values at -reach, 0 and +reach, for x and y apart:
    exact where the map is a Gaussian, whatever its width. A wide reach averages the noise that
    neighboring pixels share. A peak closer than reach to the border stays on its pixel in that
    direction.

    Args:
      heatmaps: (B, H, W, L), blurred.
      peaks: (B, L, 2) int x, y in heatmap pixels.
      reach: Distance of the values, in heatmap pixels.

    Returns:
      (B, L, 2) x, y in heatmap pixels, in the dtype of heatmaps; at most reach from the peak.
    """
    height, width, num_landmarks = heatmaps.shape[1:]
    flat = heatmaps.reshape(-1, height * width, num_landmarks)
    x, y = peaks[..., 0], peaks[..., 1]

    def log_value(dx: int, dy: int) -> jax.Array:
        index = jnp.clip(y + dy, 0, height - 1) * width + jnp.clip(x + dx, 0, width - 1)
        values = jnp.take_along_axis(flat, index[:, None], axis=1)[:, 0]
        return jnp.log(jnp.maximum(values, 1e-6))

    top = log_value(0, 0)

    def offset(before: jax.Array, after: jax.Array, position: jax.Array, size: int) -> jax.Array:
        curvature = 2 * top - before - after
        shift = 0.5 * reach * (after - before) / jnp.maximum(curvature, 1e-6)
        inside = (position >= reach) & (position < size - reach)
        return jnp.where(inside, jnp.clip(shift, -reach, reach), 0.0)

    shift_x = offset(log_value(-reach, 0), log_value(reach, 0), x, width)
    shift_y = offset(log_value(0, -reach), log_value(0, reach), y, height)
    return peaks.astype(heatmaps.dtype) + jnp.stack([shift_x, shift_y], axis=-1)
