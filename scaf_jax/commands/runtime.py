"""Sets the process up before JAX computes: compilation cache, and what CPUs need to be fast."""

import ctypes
import os
import pathlib
import sys

import jax
import jaxlib.version

_CACHE_VARIABLE = "JAX_COMPILATION_CACHE_DIR"

# jaxlib 0.10.2 gives convolutions to YNNPACK, whose gradients are slow; this leaves it only what it
# is good at. XLA ends the program on flags that it does not know: it is set only where known.
_CPU_FLAG_NAME = "--xla_cpu_experimental_ynn_fusion_type"
_CPU_FLAG = f"{_CPU_FLAG_NAME}=LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE"
_FIRST_WITH_FLAG = (0, 10, 2)

# glibc's mallopt parameters (malloc.h).
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8


def configure() -> None:
    """Configures the process; call it before the first array is made.

    Switches the persistent compilation cache on, chooses XLA's faster CPU convolutions, and keeps
    large buffers mapped.
    """
    _choose_cpu_convolutions()
    _keep_memory()
    _enable_cache()


def cache_folder() -> pathlib.Path:
    """Returns where compiled programs are kept if the environment names no folder."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "scaf_jax" / "xla"


def _enable_cache() -> None:
    """Keeps compiled programs, so that a second run starts in seconds.

    $JAX_COMPILATION_CACHE_DIR names another folder; empty, it switches the cache off.
    """
    folder = os.environ.get(_CACHE_VARIABLE, str(cache_folder()))
    if not folder:
        jax.config.update("jax_enable_compilation_cache", False)
        return
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def _choose_cpu_convolutions() -> None:
    flags = os.environ.get("XLA_FLAGS", "")
    if _CPU_FLAG_NAME not in flags and jaxlib.version.__version_info__[:3] >= _FIRST_WITH_FLAG:
        os.environ["XLA_FLAGS"] = f"{flags} {_CPU_FLAG}".strip()


def restore_default_flags() -> None:
    """Takes back the XLA flag, for measurements; call it before the first array is made."""
    flags = os.environ.get("XLA_FLAGS", "").split()
    os.environ["XLA_FLAGS"] = " ".join(f for f in flags if not f.startswith(_CPU_FLAG_NAME))


def _keep_memory() -> None:
    """Lets glibc keep large freed buffers instead of returning them to the system.

    A training step frees and allocates the same hundreds of megabytes each time; without this
    every page of them is faulted in again, which costs a third of a step's time on CPU.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # not glibc
        return
    mallopt(_M_ARENA_MAX, 1)
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
