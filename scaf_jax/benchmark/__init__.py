"""Measurements: how fast training steps and inference are (`python -m scaf_jax.benchmark`)."""
