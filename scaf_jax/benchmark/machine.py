"""Describes the machine of a measurement, with the rate of matrix products as the floor."""

import importlib.metadata
import os
import pathlib
import platform
import re
from typing import Any

import jax
import jax.numpy as jnp

from scaf_jax.benchmark import timing
from scaf_jax.data import hosts
from scaf_jax.ops.onednn import convolutions as onednn
from scaf_jax.ops.onednn import library

_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "torch", library.PACKAGE)
_PRODUCT_SIZE = 2048


def describe() -> dict[str, Any]:
    """Returns processor, memory, device, versions and the rate of matrix products, JSON-able."""
    device = jax.devices()[0]
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": hosts.usable_cores(),
        "memory_gib": _memory_gib(),
        "system": platform.platform(),
        "platform": device.platform,
        "device": device.device_kind,
        "devices": jax.device_count(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _LIBRARIES},
        "convolutions": "oneDNN" if onednn.is_usable(jnp.float32) else "XLA",
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
        "matmul_float32_gflops": matmul_gflops(),
    }


def matmul_gflops(size: int = _PRODUCT_SIZE, *, rounds: int = 9) -> float:
    """Returns how fast float32 matrix products run here, in 10^9 operations a second (median).

    Nothing that consists of matrix products can be faster.
    """
    x = jnp.ones((size, size), jnp.float32)
    product = jax.jit(lambda a: jnp.matmul(a, a, precision="highest"))
    times = timing.alternate({"product": lambda: product(x).block_until_ready()}, rounds=rounds)
    return 2 * size**3 / timing.medians(times)["product"] / 1e9


def copy_bandwidth(megabytes: int | None = None, *, rounds: int = 9) -> float:
    """Returns how many bytes a second a large copy reads and writes here (median).

    Nothing that must read and write its arrays can be faster.

    Args:
      megabytes: Size of what is copied; by default far more than caches hold.
      rounds: How often it is timed.
    """
    if megabytes is None:
        megabytes = 256 if jax.default_backend() == "cpu" else 2048
    x = jnp.zeros(megabytes * 2**18, jnp.float32)
    copy = jax.jit(lambda a: a + 1)  # what only copies, XLA may leave out
    times = timing.alternate({"copy": lambda: copy(x).block_until_ready()}, rounds=rounds)
    return 2 * x.nbytes / timing.medians(times)["copy"]


def _processor() -> str:
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:  # not Linux
        return platform.processor() or platform.machine()
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.machine()


def _memory_gib() -> float | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # not POSIX
        return None


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
