"""Landmarks of face crops with an exported StableHLO program: JAX is all it needs.

python stablehlo_landmarks.py FILE.stablehlo CROPS.npy

CROPS.npy are (N, S, S, 3) uint8 RGB crops; `load` tells S and how faces are cut out.
"""

import json
import sys
import zipfile

import jax
import jax.export
import numpy as np


def load(path):
    """Returns the function of (N, S, S, 3) uint8 crops, and what the file says of itself."""
    with zipfile.ZipFile(path) as archive:
        about = json.loads(archive.read("metadata.json"))
        program = jax.export.deserialize(bytearray(archive.read("program.bin")))
    return jax.jit(program.call), about


if __name__ == "__main__":
    find, about = load(sys.argv[1])
    print({name: about["network"][name] for name in ("input_size", "crop")})
    size, crops = about["network"]["input_size"], np.load(sys.argv[2])
    if crops.ndim != 4 or crops.shape[1:] != (size, size, 3) or crops.dtype != np.uint8:
        sys.exit(f"{sys.argv[2]}: give crops, (N, {size}, {size}, 3) uint8, not {crops.shape}")
    for name, value in find(crops).items():
        print(name, value.shape, np.asarray(value[0]).ravel()[:4])
