"""Tests of which arrays the networks have."""

import jax
import pytest
from flax import nnx

from scaf_jax.models import adversarial_autoencoder
from scaf_jax.training import state, tree_paths
from scaf_jax.weights import header, networks


def test_they_are_those_of_stage_1():
    def build() -> adversarial_autoencoder.PretrainingModel:
        return adversarial_autoencoder.PretrainingModel(
            input_size=64, width_multiplier=1 / 16, rngs=nnx.Rngs(0)
        )

    _, params, batch_stats = state.split(nnx.eval_shape(build))
    whole = tree_paths.named_leaves({"params": params, "batch_stats": batch_stats})
    names = header.AUTOENCODER + header.DISCRIMINATORS
    ours = networks.expected_arrays(names, input_size=64, width_multiplier=1 / 16)
    assert {n: leaf.shape for n, leaf in ours.items()} == {n: x.shape for n, x in whole.items()}
    assert all(leaf.dtype == jax.numpy.float32 for leaf in ours.values())


def test_a_size_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="input_size must be one of .* not 96"):
        networks.expected_arrays(header.AUTOENCODER, input_size=96, width_multiplier=0.5)
