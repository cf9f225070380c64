"""Face alignment with few annotated faces: SCAF (ICIAP 2022) in JAX and Flax."""
