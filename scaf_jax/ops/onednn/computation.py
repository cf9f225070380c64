"""A part of a convolution by oneDNN, prepared for the thread that computes it."""

import math
from collections.abc import Sequence
from typing import Any

from scaf_jax.ops.onednn import library
from scaf_jax.ops.onednn.geometry import CORRELATE, GATHER, SCATTER, Geometry, Part

_FORWARD_TRAINING, _CONVOLUTION_DIRECT = 64, 1
_QUERY_WEIGHTS, _QUERY_DIFF_WEIGHTS, _QUERY_SCRATCHPAD = 131, 132, 136
ALIGNMENT = 64  # bytes, of working memory
_FLOAT_BYTES = 4
_X, _KERNEL, _Y = range(3)
_OUTPUT = {GATHER: _Y, SCATTER: _X, CORRELATE: _KERNEL}
_ROLES = {
    GATHER: (library.SRC, library.WEIGHTS, library.DST),
    SCATTER: (library.DIFF_SRC, library.WEIGHTS, library.DIFF_DST),
    CORRELATE: (library.SRC, library.DIFF_WEIGHTS, library.DIFF_DST),
}


class Computation:
    """One part of one map; for one thread at a time.

    oneDNN wants kernels in blocks that suit the processor, and images without gaps between their
    channels. What is not stored so is brought into this form before, or out of it after.
    """

    def __init__(self, geometry: Geometry, part: Part):
        """Prepares the computation.

        Raises:
          LibraryError: oneDNN is not there or cannot do it.
        """
        stored = _stored(geometry, part)
        plan, wanted = _plan(geometry, part)
        self._offsets = [_FLOAT_BYTES * offset for offset in _offsets(geometry, part)]
        self._stored = [library.new_memory(description) for description in stored]
        self._in_scratch: list[tuple[library.Pointer, int]] = []  # memories and where they begin
        self.scratch_bytes = 0
        self._scratch_address = 0
        output = _OUTPUT[geometry.kind]
        used, before, after = [], [], []
        for i, (have, want) in enumerate(zip(stored, wanted, strict=True)):
            if library.library().dnnl_memory_desc_equal(have, want):
                used.append(self._stored[i])
                continue
            used.append(self._place_in_scratch(want))
            if i == output:
                after.append(_reorder(want, have, used[i], self._stored[i]))
            else:
                before.append(_reorder(have, want, self._stored[i], used[i]))
        working = self._place_in_scratch(library.query_description(plan, _QUERY_SCRATCHPAD))
        roles = (*_ROLES[geometry.kind], library.SCRATCHPAD)
        arguments = library.arguments(*zip(roles, (*used, working), strict=True))
        primitive = library.new("dnnl_primitive_create", plan)
        self._steps = [*before, (primitive, arguments), *after]

    def __call__(self, x: int, kernel: int, y: int, scratch: int) -> None:
        """Computes.

        Args:
          x: Address of the whole x, float32.
          kernel: Likewise of the kernel.
          y: Likewise of y.
          scratch: Address of `scratch_bytes` bytes to work in, a multiple of ALIGNMENT.

        Raises:
          LibraryError: oneDNN says that it failed.
        """
        for memory, address, offset in zip(
            self._stored, (x, kernel, y), self._offsets, strict=True
        ):
            library.set_address(memory, address + offset)
        if scratch != self._scratch_address:
            for memory, start in self._in_scratch:
                library.set_address(memory, scratch + start)
            self._scratch_address = scratch
        for primitive, arguments in self._steps:
            library.execute(primitive, arguments)

    def _place_in_scratch(self, description: library.Pointer) -> library.Pointer:
        memory = library.new_memory(description)
        self._in_scratch.append((memory, self.scratch_bytes))
        size = library.library().dnnl_memory_desc_get_size(description)
        self.scratch_bytes += -(-size // ALIGNMENT) * ALIGNMENT
        return memory


def _shape(geometry: Geometry, part: Part) -> tuple[int, ...]:
    """(B, H, W, C) of the part's x."""
    (first, end), (first_channel, end_channel) = part.images, part.channels
    return (end - first, *geometry.shape[1:3], end_channel - first_channel)


def _kernel_strides(geometry: Geometry) -> tuple[int, int]:
    """Elements from one output channel of the kernel to the next, and from one input channel."""
    return (geometry.shape[3], 1) if geometry.swapped else (1, geometry.features)


def _offsets(geometry: Geometry, part: Part) -> tuple[int, int, int]:
    """Elements of the whole x, kernel and y before those of the part."""
    image, channel, feature = part.images[0], part.channels[0], part.features[0]
    of_feature, of_channel = _kernel_strides(geometry)
    return (
        image * math.prod(geometry.shape[1:]) + channel,
        feature * of_feature + channel * of_channel,
        image * math.prod(geometry.shape_of_y[1:]) + feature,
    )


def _stored(geometry: Geometry, part: Part) -> tuple[library.Pointer, ...]:
    """How the part's x, kernel and y lie in memory; oneDNN names axes as NCHW and OIHW."""
    features = part.features[1] - part.features[0]
    x = _shape(geometry, part)
    y = (x[0], *geometry.shape_of_y[1:3], features)
    taps = geometry.taps
    pair = geometry.shape[3] * geometry.features
    kernel = library.describe(
        (features, x[3], *taps), (*_kernel_strides(geometry), taps[1] * pair, pair)
    )
    return _images(x, geometry.shape[3]), kernel, _images(y, geometry.features)


def _images(shape: Sequence[int], pixel: int | None = None) -> library.Pointer:
    """Images of which each pixel takes so many elements, by default all of them the shape's."""
    batch, height, width, channels = shape
    pixel = pixel or channels
    strides = (height * width * pixel, 1, width * pixel, pixel)
    return library.describe((batch, channels, height, width), strides)


def _plan(geometry: Geometry, part: Part) -> tuple[library.Pointer, tuple[library.Pointer, ...]]:
    """oneDNN's plan, and how it wants x, kernel and y to lie in memory."""
    g, shape = geometry, _shape(geometry, part)
    features = part.features[1] - part.features[0]
    x, y = _images(shape), _images((shape[0], *g.shape_of_y[1:3], features))
    kernel = library.describe_any((features, shape[3], *g.taps))
    stride, dilation, padding = (library.sizes((n, n)) for n in (g.stride, 0, g.padding))
    window = (stride, dilation, padding, padding)
    engine, attributes = library.engine(), library.attributes()
    direct, without_bias = _CONVOLUTION_DIRECT, (x, kernel, None, y)
    plan = library.new(
        "dnnl_convolution_forward_primitive_desc_create",
        *(engine, _FORWARD_TRAINING, direct, *without_bias, *window, attributes),
    )
    if g.kind == SCATTER:
        plan = library.new(
            "dnnl_convolution_backward_data_primitive_desc_create",
            *(engine, direct, x, kernel, y, *window, plan, attributes),
        )
    elif g.kind == CORRELATE:
        plan = library.new(
            "dnnl_convolution_backward_weights_primitive_desc_create",
            *(engine, direct, *without_bias, *window, plan, attributes),
        )
    query = _QUERY_DIFF_WEIGHTS if g.kind == CORRELATE else _QUERY_WEIGHTS
    return plan, (x, library.query_description(plan, query), y)


def _reorder(
    have: library.Pointer, want: library.Pointer, source: library.Pointer, target: library.Pointer
) -> tuple[library.Pointer, Any]:
    """The step that copies a memory into another layout."""
    engine = library.engine()
    plan = library.new(
        "dnnl_reorder_primitive_desc_create", have, engine, want, engine, library.attributes()
    )
    primitive = library.new("dnnl_primitive_create", plan)
    return primitive, library.arguments((library.SRC, source), (library.DST, target))
