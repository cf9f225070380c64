"""The first address of `scaf_jax.annotation`, for scripts that import from it."""

from scaf_jax.annotation import export, faces, importing, store

__all__ = ["export", "faces", "importing", "store"]
