"""What is convolved, and how the work is divided among threads."""

import dataclasses
import math
from collections.abc import Sequence

GATHER, SCATTER, CORRELATE = "gather", "scatter", "correlate"
KINDS = (GATHER, SCATTER, CORRELATE)

# Below so many products of two numbers (0.3 ms) calling a second thread costs what it gains.
_FEW_PRODUCTS = 20_000_000
# oneDNN computes channels in groups of so many, the width of AVX-512.
_CHANNEL_GROUP = 16


@dataclasses.dataclass(frozen=True)
class Geometry:
    """One convolution y = x * kernel, NHWC, and which of its three maps is meant.

    Attributes:
      kind: `gather` (x, kernel) -> y; `scatter` (y, kernel) -> x, its transpose; `correlate`
        (x, y) -> kernel, the kernel's gradient.
      shape: (B, H, W, C) of x.
      taps: Rows and columns of the kernel.
      features: Channels of y.
      stride: Step of the window, in pixels.
      padding: Zeros added on each of the four sides.
      swapped: Whether the kernel is stored (rows, columns, features, channels) and not (rows,
        columns, channels, features).
    """

    kind: str
    shape: tuple[int, ...]
    taps: tuple[int, ...]
    features: int
    stride: int
    padding: int
    swapped: bool = False

    @property
    def shape_of_y(self) -> tuple[int, ...]:
        """(B, H', W', C_out)."""
        size = [
            (side + 2 * self.padding - taps) // self.stride + 1
            for side, taps in zip(self.shape[1:3], self.taps, strict=True)
        ]
        return (self.shape[0], *size, self.features)

    @property
    def kernel_elements(self) -> int:
        """Numbers in the kernel."""
        return math.prod(self.taps) * self.shape[3] * self.features

    def to_numbers(self) -> list[int]:
        """Returns it as whole numbers, for `from_numbers`."""
        sizes = (*self.shape, *self.taps, self.features, self.stride, self.padding)
        return [KINDS.index(self.kind), *sizes, int(self.swapped)]

    @classmethod
    def from_numbers(cls, numbers: Sequence[int]) -> "Geometry":
        """Returns what `to_numbers` gave."""
        kind, *sizes, features, stride, padding, swapped = numbers
        shape, taps = tuple(sizes[:4]), tuple(sizes[4:])
        return cls(KINDS[kind], shape, taps, features, stride, padding, bool(swapped))


@dataclasses.dataclass(frozen=True)
class Part:
    """A share of a map: the images, channels of x and channels of y that it uses or makes.

    Each is (first, end).
    """

    images: tuple[int, int]
    channels: tuple[int, int]
    features: tuple[int, int]


def whole(geometry: Geometry) -> Part:
    """Returns the part that is everything."""
    return Part((0, geometry.shape[0]), (0, geometry.shape[3]), (0, geometry.features))


def split(geometry: Geometry, threads: int) -> list[Part]:
    """Divides a map among threads.

    By images; or, where the kernel is larger than the images or there are too few of these, by the
    channels that are made, so that each thread reads only its share of the kernel. Kernel gradients
    that are divided by images are to be added up.

    Args:
      geometry: What is computed.
      threads: How many parts are wanted; there may be fewer.
    """
    everything = whole(geometry)
    y = geometry.shape_of_y
    products = math.prod(y[:3]) * geometry.kernel_elements
    if threads == 1 or products < _FEW_PRODUCTS:
        return [everything]
    images = math.prod(geometry.shape) + math.prod(y)
    if y[0] >= threads and geometry.kernel_elements <= images:
        return [dataclasses.replace(everything, images=share) for share in _shares(y[0], threads)]
    axis = "channels" if geometry.kind == SCATTER else "features"
    shares = _shares(getattr(everything, axis)[1], threads, _CHANNEL_GROUP)
    return [dataclasses.replace(everything, **{axis: share}) for share in shares]


def _shares(count: int, threads: int, unit: int = 1) -> list[tuple[int, int]]:
    """Up to `threads` nearly equal ranges whose ends are multiples of `unit`."""
    units = -(-count // unit)
    ends = [min(count, unit * (units * i // threads)) for i in range(threads + 1)]
    return [(first, end) for first, end in zip(ends, ends[1:], strict=False) if end > first]
