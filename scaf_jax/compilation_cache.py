"""Keeps compiled programs in the user's cache folder, so that a second run starts in seconds."""

import os
import pathlib

import jax

_VARIABLE = "JAX_COMPILATION_CACHE_DIR"


def enable() -> None:
    """Switches JAX's persistent compilation cache on.

    The folder is $JAX_COMPILATION_CACHE_DIR where that is set (empty switches the cache off), else
    `scaf_jax/xla` in $XDG_CACHE_HOME or ~/.cache.
    """
    directory = os.environ.get(_VARIABLE, str(default_directory()))
    if not directory:
        jax.config.update("jax_enable_compilation_cache", False)
        return
    jax.config.update("jax_compilation_cache_dir", directory)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1.0)


def default_directory() -> pathlib.Path:
    """Returns the folder that is used where the environment names none."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "scaf_jax" / "xla"
