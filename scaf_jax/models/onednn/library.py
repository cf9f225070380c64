"""oneDNN's convolutions, called through its C interface (version 3 of `oneapi/dnnl/dnnl.h`).

oneDNN is a shared library without Python functions. Everything it makes here is kept for the life
of the process: a training meets few different convolutions.
"""

import ctypes
import dataclasses
import functools
import importlib.metadata
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

# The form of oneDNN whose threads are oneTBB's: they share the cores with XLA's and with other
# processes. With OpenMP's, which must all be there at once, two trainings on the same two cores ran
# at a quarter of the speed of one after the other.
PACKAGE = "onednn-cpu-tbb"
GATHER, SCATTER, CORRELATE = "gather", "scatter", "correlate"
KINDS = (GATHER, SCATTER, CORRELATE)

_FILE = "libdnnl.so.3"
# Loaded before, since the loader does not look for them where pip puts them.
_NEEDED = (
    ("intel-cmplr-lib-rt", "libintlc.so.5"),
    ("intel-cmplr-lib-rt", "libimf.so"),
    ("tbb", "libtbb.so.12"),
)
# Values of oneDNN's enumerations, by their names there.
_CPU, _IN_ORDER, _FLOAT32, _ANY_LAYOUT = 1, 1, 3, 1
_FORWARD_TRAINING, _CONVOLUTION_DIRECT = 64, 1
_QUERY_WEIGHTS, _QUERY_DIFF_WEIGHTS = 131, 132
_SRC, _DST, _WEIGHTS, _DIFF_SRC, _DIFF_DST, _DIFF_WEIGHTS = 1, 17, 33, 129, 145, 161
_MAX_DIMENSIONS = 12
_NO_BUFFER = ctypes.c_void_p(0)
_ALIGNMENT = 64

_Pointer = ctypes.c_void_p


class LibraryError(RuntimeError):
    """oneDNN is not there, or refused what it was asked for."""


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


class Convolution:
    """One of a convolution's three maps, prepared for its geometry."""

    def __init__(self, geometry: Geometry):
        """Prepares the computation.

        Raises:
          LibraryError: oneDNN is not there or cannot do it.
        """
        engine = _engine()
        is_gradient = geometry.kind == CORRELATE
        x, kernel, y = _descriptions(geometry)
        plan = _plan(geometry, x, y)
        query = _QUERY_DIFF_WEIGHTS if is_gradient else _QUERY_WEIGHTS
        blocked = _Pointer(_library().dnnl_primitive_desc_query_md(plan, query, 0))
        self._primitive = _new("dnnl_primitive_create", plan)
        self._x, self._kernel, self._y = (
            _new("dnnl_memory_create", description, engine, _NO_BUFFER)
            for description in (x, kernel, y)
        )
        # oneDNN wants kernels in blocks that suit the processor: brought into them before, or out
        # of them after.
        self._blocked = _new("dnnl_memory_create", blocked, engine, _NO_BUFFER)
        self._blocked_bytes = _library().dnnl_memory_desc_get_size(blocked)
        source, target = (blocked, kernel) if is_gradient else (kernel, blocked)
        attributes = _new("dnnl_primitive_attr_create")
        reorder = _new(
            "dnnl_reorder_primitive_desc_create", source, engine, target, engine, attributes
        )
        self._reorder = _new("dnnl_primitive_create", reorder)
        self._is_gradient = is_gradient
        self._places = {
            GATHER: (self._x, self._kernel, self._y),
            SCATTER: (self._y, self._kernel, self._x),
            CORRELATE: (self._x, self._y, self._kernel),
        }[geometry.kind]
        roles = {
            GATHER: (_SRC, _WEIGHTS, _DST),
            SCATTER: (_DIFF_SRC, _WEIGHTS, _DIFF_DST),
            CORRELATE: (_SRC, _DIFF_WEIGHTS, _DIFF_DST),
        }[geometry.kind]
        memories = (self._x, self._blocked, self._y)
        self._arguments = _arguments(*zip(roles, memories, strict=True))
        ends = (self._blocked, self._kernel) if is_gradient else (self._kernel, self._blocked)
        self._reorder_arguments = _arguments((_SRC, ends[0]), (_DST, ends[1]))
        self._lock = threading.Lock()

    def __call__(self, *addresses: int) -> None:
        """Computes; calls of the same object wait for each other.

        Args:
          *addresses: Of the two inputs and the output, float32.

        Raises:
          LibraryError: oneDNN says that it failed.
        """
        set_address = _library().dnnl_memory_set_data_handle
        with self._lock:
            for memory, address in zip(self._places, addresses, strict=True):
                _check(set_address(memory, _Pointer(address)))
            scratch = _scratch.address(self._blocked_bytes)
            _check(set_address(self._blocked, _Pointer(scratch)))
            if not self._is_gradient:
                _execute(self._reorder, self._reorder_arguments)
            _execute(self._primitive, self._arguments)
            if self._is_gradient:
                _execute(self._reorder, self._reorder_arguments)


class _Scratch(threading.local):
    """A thread's buffer for kernels in blocks."""

    def __init__(self) -> None:
        self._buffer = np.empty(0, np.uint8)

    def address(self, size: int) -> int:
        if len(self._buffer) < size + _ALIGNMENT:
            self._buffer = np.empty(size + _ALIGNMENT, np.uint8)
        return -(-self._buffer.ctypes.data // _ALIGNMENT) * _ALIGNMENT


_scratch = _Scratch()


class _Argument(ctypes.Structure):
    _fields_ = [("role", ctypes.c_int), ("memory", _Pointer)]


def _arguments(*pairs: tuple[int, _Pointer]) -> Any:
    return (_Argument * len(pairs))(*(_Argument(*pair) for pair in pairs))


def _execute(primitive: _Pointer, arguments: Any) -> None:
    # On a CPU the computation is done when the call returns.
    _check(_library().dnnl_primitive_execute(primitive, _stream(), len(arguments), arguments))


def _descriptions(geometry: Geometry) -> tuple[_Pointer, _Pointer, _Pointer]:
    """How x, kernel and y lie in memory; oneDNN always names axes as NCHW and OIHW."""
    g = geometry
    batch, *sides, channels = g.shape
    size = [
        (side + 2 * g.padding - taps) // g.stride + 1
        for side, taps in zip(sides, g.taps, strict=True)
    ]
    steps = (1, channels) if g.swapped else (g.features, 1)  # of an input, an output channel
    tap = channels * g.features
    kernel = _description(
        (g.features, channels, *g.taps), (steps[1], steps[0], g.taps[1] * tap, tap)
    )
    return _images(g.shape), kernel, _images((batch, *size, g.features))


def _images(shape: Sequence[int]) -> _Pointer:
    batch, height, width, channels = shape
    return _description(
        (batch, channels, height, width),
        (height * width * channels, 1, width * channels, channels),
    )


def _plan(geometry: Geometry, x: _Pointer, y: _Pointer) -> _Pointer:
    g = geometry
    kernel = _new(
        "dnnl_memory_desc_create_with_tag",
        4,
        _sizes((g.features, g.shape[3], *g.taps)),
        _FLOAT32,
        _ANY_LAYOUT,
    )
    stride, dilation, padding = (_sizes((n, n)) for n in (g.stride, 0, g.padding))
    window = (stride, dilation, padding, padding)
    attributes = _new("dnnl_primitive_attr_create")
    direct, without_bias = _CONVOLUTION_DIRECT, (x, kernel, None, y)
    forward = _new(
        "dnnl_convolution_forward_primitive_desc_create",
        *(_engine(), _FORWARD_TRAINING, direct, *without_bias, *window, attributes),
    )
    if g.kind == GATHER:
        return forward
    if g.kind == SCATTER:
        return _new(
            "dnnl_convolution_backward_data_primitive_desc_create",
            *(_engine(), direct, x, kernel, y, *window, forward, attributes),
        )
    return _new(
        "dnnl_convolution_backward_weights_primitive_desc_create",
        *(_engine(), direct, *without_bias, *window, forward, attributes),
    )


def _description(sizes: Sequence[int], steps: Sequence[int]) -> _Pointer:
    return _new(
        "dnnl_memory_desc_create_with_strides", len(sizes), _sizes(sizes), _FLOAT32, _sizes(steps)
    )


def _sizes(values: Sequence[int]) -> Any:
    return (ctypes.c_int64 * _MAX_DIMENSIONS)(*values)


def _new(function: str, *arguments: Any) -> _Pointer:
    """Calls a function of oneDNN that makes an object, and returns it."""
    made = _Pointer()
    _check(getattr(_library(), function)(ctypes.byref(made), *arguments), function)
    return made


def _check(status: int, what: str = "a computation") -> None:
    if status:
        raise LibraryError(f"oneDNN: {what} failed with status {status}")


@functools.cache
def _engine() -> _Pointer:
    return _new("dnnl_engine_create", _CPU, ctypes.c_size_t(0))


@functools.cache
def _stream() -> _Pointer:
    return _new("dnnl_stream_create", _engine(), _IN_ORDER)


@functools.cache
def _library() -> ctypes.CDLL:
    """Loads oneDNN from its Python package, after what it needs."""
    for package, name in _NEEDED:
        _load(package, name)
    library = _load(PACKAGE, _FILE)
    library.dnnl_primitive_desc_query_md.restype = _Pointer
    library.dnnl_memory_desc_get_size.restype = ctypes.c_size_t
    return library


def _load(package: str, name: str) -> ctypes.CDLL:
    try:
        files = importlib.metadata.files(package) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise LibraryError(f"the package {package} is not installed") from error
    paths = [str(file.locate()) for file in files if file.name == name]
    if not paths:
        raise LibraryError(f"the package {package} has no {name}")
    try:
        return ctypes.CDLL(paths[0])
    except OSError as error:
        raise LibraryError(f"{paths[0]} cannot be loaded: {error}") from error
