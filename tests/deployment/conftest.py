"""A small network with random weights, and crops."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
import pytest

from scaf_jax.data import geometry
from scaf_jax.inference import bundle
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.training import state
from scaf_jax.weights import exported
from scaf_jax.weights.fitted import Fitted

SIZE, HEATMAP_SIZE = 64, 32


def make_network(
    convention: str = "centers", decoder: str = "subpixel", fitted: Fitted | None = None
) -> bundle.Bundle:
    """Returns a network with skips and learned gains, a sixteenth as wide."""
    shape = aligner.Architecture(SIZE, HEATMAP_SIZE, 68, width_multiplier=1 / 16)
    graphdef, *shapes = state.definition(shape.build)
    rng = np.random.default_rng(0)

    def draw(leaf):
        if leaf.ndim == 1:
            return rng.uniform(0.5, 1.5, leaf.shape).astype(np.float32)
        scale = np.prod(leaf.shape[:-1]) ** -0.5
        return (scale * rng.standard_normal(leaf.shape)).astype(np.float32)

    params, batch_stats = jax.tree.map(draw, shapes)
    return bundle.Bundle(
        graphdef=graphdef,
        params=params,
        batch_stats=batch_stats,
        crop=geometry.CropSettings(input_size=SIZE, pixel_convention=convention),
        provenance={"steps": 3, "flip": False},
        architecture=shape,
        codec=heatmaps.HeatmapCodec(SIZE, HEATMAP_SIZE, pixel_convention=convention),
        scheme=schemes.IBUG68,
        decoder=decoder,
        fitted=fitted or Fitted(),
    )


def description_of(
    network: bundle.Bundle, dtype: str = "float32", **options
) -> exported.Description:
    """Returns what a program of a network says."""
    about = network.to_weights().about
    shape = dataclasses.replace(about.marks.architecture, compute_dtype=dtype)
    about = dataclasses.replace(about, marks=dataclasses.replace(about.marks, architecture=shape))
    return exported.Description(about, dtype=dtype, **options)


@pytest.fixture(scope="session")
def make() -> Callable[..., bundle.Bundle]:
    """Makes a network; see `make_network`."""
    return make_network


@pytest.fixture(scope="session")
def describe() -> Callable[..., exported.Description]:
    """Says what a program of a network is to be; see `description_of`."""
    return description_of


@pytest.fixture(scope="session")
def network() -> bundle.Bundle:
    """Coordinates `centers`, sub-pixel decoder."""
    return make_network()


@pytest.fixture(scope="session")
def crops() -> np.ndarray:
    """(3, 64, 64, 3) uint8 of coarse noise."""
    coarse = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)
