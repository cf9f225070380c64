"""A stage 1 of the smallest networks, with random weights."""

import numpy as np
import pytest

from scaf_jax.data import geometry
from scaf_jax.weights import files, header, networks


@pytest.fixture(scope="session")
def tiny() -> files.Weights:
    """Encoder and generator, 64 px, a sixteenth as wide."""
    about = header.Header(
        networks=header.AUTOENCODER,
        width_multiplier=1 / 16,
        crop=geometry.crop_settings("wflw", input_size=64, margin_left=0.05),
        steps=7,
        training_data="faces that a program drew: äöü",
        licence="CC0",
        attribution="nobody",
        package_version="0.0",
    )
    rng = np.random.default_rng(0)
    arrays = {
        name: (rng.uniform(0.5, 1.5, leaf.shape) * 0.1).astype(np.float32)
        for name, leaf in networks.expected_of(about).items()
    }
    return files.Weights(about, arrays)
