"""Whole maps by oneDNN, in parts that several threads compute."""

import ctypes
import functools
import threading
from collections.abc import Callable, Sequence

import numpy as np

from scaf_jax.ops.onednn.computation import ALIGNMENT, Computation
from scaf_jax.ops.onednn.geometry import CORRELATE, GATHER, SCATTER, Geometry, Part

# Which of x, kernel, y are the inputs, and which is the output.
_ORDER = {GATHER: (0, 1, 2), SCATTER: (2, 1, 0), CORRELATE: (0, 2, 1)}

RunTogether = Callable[[Sequence[Callable[[], None]]], None]


def compute(
    geometry: Geometry,
    parts: Sequence[Part],
    inputs: Sequence[int],
    output: int,
    run_together: RunTogether,
) -> None:
    """Computes a map.

    Args:
      geometry: Which.
      parts: Of `geometry.split`.
      inputs: Addresses of its two inputs, float32.
      output: Address of its output.
      run_together: Calls functions, in any order and thread, and returns when all are done.

    Raises:
      LibraryError: oneDNN cannot do it or says that it failed.
    """
    addresses = (*inputs, output)
    x, kernel, y = (addresses[i] for i in _ORDER[geometry.kind])
    kernels, sums = [kernel] * len(parts), None
    if geometry.kind == CORRELATE and len({part.images for part in parts}) > 1:
        sums = np.empty((len(parts) - 1, geometry.kernel_elements), np.float32)
        kernels[1:] = [row.ctypes.data for row in sums]

    def run(part: Part, kernel: int) -> None:
        worker().run(geometry, part, x, kernel, y)

    run_together([functools.partial(run, *task) for task in zip(parts, kernels, strict=True)])
    if sums is not None:
        # In the order of parts, so that rounding does not depend on which was done first.
        pointer = ctypes.cast(kernel, ctypes.POINTER(ctypes.c_float))
        total = np.ctypeslib.as_array(pointer, (geometry.kernel_elements,))
        for row in sums:
            total += row


class Worker:
    """What one thread keeps: its computations, and memory that they work in one after the other."""

    def __init__(self) -> None:
        self._computations: dict[tuple[Geometry, Part], Computation] = {}
        self._buffer = np.empty(0, np.uint8)

    def run(self, geometry: Geometry, part: Part, x: int, kernel: int, y: int) -> None:
        """Computes a part; the addresses are those of the whole x, kernel and y.

        Raises:
          LibraryError: oneDNN cannot do it or says that it failed.
        """
        computation = self._computations.get((geometry, part))
        if computation is None:
            computation = self._computations[geometry, part] = Computation(geometry, part)
        computation(x, kernel, y, self._scratch(computation.scratch_bytes))

    def _scratch(self, size: int) -> int:
        if len(self._buffer) < size + ALIGNMENT:
            self._buffer = np.empty(size + ALIGNMENT, np.uint8)
        return -(-self._buffer.ctypes.data // ALIGNMENT) * ALIGNMENT


# By the identity of threads. Those that Python did not make lose what is in a `threading.local`
# whenever they return from Python.
_workers: dict[int, Worker] = {}


def worker() -> Worker:
    """Returns the calling thread's."""
    identity = threading.get_ident()
    if identity not in _workers:
        _workers[identity] = Worker()
    return _workers[identity]
