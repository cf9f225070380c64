"""The three maps of `ops/convolutions.py` by oneDNN, inside compiled programs.

XLA:CPU gives convolutions to Eigen. oneDNN's, which PyTorch uses, are up to 2.5 times faster, most
of all where the processor has AVX-512. They run in XLA's own threads.
"""

import functools
import os
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from scaf_jax.ops import platform_forms
from scaf_jax.ops.onednn import ffi, geometry, library, workers
from scaf_jax.ops.onednn.geometry import CORRELATE, GATHER, SCATTER, Geometry, Part

_VARIABLE = "SCAF_JAX_ONEDNN"
_TARGET = "scaf_jax_onednn_convolution"


def is_usable(dtype: jax.typing.DTypeLike) -> bool:
    """Returns whether functions that are being traced may call oneDNN.

    For float32 on one CPU device: XLA does not know how to divide a custom call among several.
    Not in programs for other machines, see `platform_forms.portable`. The environment variable
    SCAF_JAX_ONEDNN=0 switches it off.

    Args:
      dtype: Of images and kernels.
    """
    if jnp.dtype(dtype) != np.float32 or os.environ.get(_VARIABLE) == "0":
        return False
    if platform_forms.wants_portable():
        return False
    return jax.default_backend() == "cpu" and jax.device_count() == 1 and _is_ready()


def gather(
    x: jax.Array, kernel: jax.Array, *, stride: int, padding: int, swapped: bool
) -> jax.Array:
    """Convolution: y[i] = sum_k x[stride i + k - padding] @ kernel[k].

    Args:
      x: (B, H, W, C) float32.
      kernel: (kh, kw, C, C_out), or (kh, kw, C_out, C) where `swapped`.
      stride: Step of the window, in pixels.
      padding: Zeros added on each of the four sides.
      swapped: How the kernel is stored.

    Returns:
      (B, H', W', C_out) float32, H' = (H + 2 padding - kh) // stride + 1.
    """
    features = kernel.shape[2 if swapped else 3]
    taps = kernel.shape[:2]
    map_ = Geometry(GATHER, x.shape, taps, features, stride, padding, swapped)
    return _call(map_, map_.shape_of_y, x, kernel)


def scatter(
    y: jax.Array,
    kernel: jax.Array,
    *,
    size: Sequence[int],
    stride: int,
    padding: int,
    swapped: bool,
) -> jax.Array:
    """The transpose of `gather` in x: x[stride i + k - padding] += y[i] @ kernel[k]^T.

    Args:
      y: (B, H', W', C_out) float32.
      kernel: As in `gather`.
      size: (H, W) of the result.
      stride: As in `gather`.
      padding: As in `gather`.
      swapped: As in `gather`.

    Returns:
      (B, H, W, C) float32.
    """
    channels = kernel.shape[3 if swapped else 2]
    shape = (y.shape[0], *size, channels)
    taps, features = kernel.shape[:2], y.shape[3]
    map_ = Geometry(SCATTER, shape, taps, features, stride, padding, swapped)
    return _call(map_, shape, y, kernel)


def correlate(
    x: jax.Array,
    y: jax.Array,
    *,
    kernel_size: Sequence[int],
    stride: int,
    padding: int,
    swapped: bool,
) -> jax.Array:
    """The transpose of `gather` in its kernel: kernel[k] = sum_i x[stride i + k - padding]^T y[i].

    Args:
      x: (B, H, W, C) float32.
      y: (B, H', W', C_out) float32.
      kernel_size: (kh, kw).
      stride: As in `gather`.
      padding: As in `gather`.
      swapped: How the result is stored, as in `gather`.

    Returns:
      (kh, kw, C, C_out) float32, or (kh, kw, C_out, C) where `swapped`.
    """
    channels, features = x.shape[3], y.shape[3]
    map_ = Geometry(CORRELATE, x.shape, tuple(kernel_size), features, stride, padding, swapped)
    pair = (features, channels) if swapped else (channels, features)
    return _call(map_, (*kernel_size, *pair), x, y)


def _call(map_: Geometry, shape: Sequence[int], *inputs: jax.Array) -> jax.Array:
    call = jax.ffi.ffi_call(
        _TARGET, jax.ShapeDtypeStruct(shape, jnp.float32), vmap_method="sequential"
    )
    result = call(*inputs, geometry=np.array(map_.to_numbers(), np.int64))
    assert isinstance(result, jax.Array)
    return result


@functools.cache
def _is_ready() -> bool:
    """Loads oneDNN and tells XLA of it, once; False where it is not installed or does not fit."""
    try:
        library.engine()
        ffi.register(_TARGET, _compute)
    except library.NotInstalledError as error:
        logging.info("convolutions are XLA's own: %s", error)
        return False
    except (library.LibraryError, ffi.InterfaceError) as error:
        logging.warning(
            "oneDNN is installed but cannot be used, convolutions are XLA's own, which are slower: "
            "%s. %s=0 says that this is meant.",
            error,
            _VARIABLE,
        )
        return False
    return True


def _compute(call: ffi.Call) -> None:
    map_, parts = _parts(call.numbers, call.count_threads())
    workers.compute(map_, parts, call.inputs, call.output, call.run_together)


@functools.cache
def _parts(numbers: tuple[int, ...], threads: int) -> tuple[Geometry, list[Part]]:
    map_ = Geometry.from_numbers(numbers)
    return map_, geometry.split(map_, threads)
