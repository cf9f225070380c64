"""Tests of what a network must say of itself to be used."""

import dataclasses

import jax
import pytest

from scaf_jax.inference import bundle
from scaf_jax.models import aligner
from scaf_jax.training import state


def test_parts_that_do_not_fit_are_refused(network):
    good = network()
    corners = dataclasses.replace(good.codec, pixel_convention="corners")
    for change, message in (
        ({"codec": corners}, "pixel_convention is said to be 'corners' and 'centers'"),
        ({"crop": dataclasses.replace(good.crop, input_size=128)}, "input_size .* 64 and 128"),
        ({"architecture": aligner.Architecture(64, 64, 2)}, "heatmap_size .* 64 and 32"),
        ({"architecture": aligner.Architecture(64, 32, 5)}, "num_landmarks .* 5 and 2"),
        ({"decoder": "best"}, "decoder must be one of"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(good, **change)


@pytest.mark.parametrize("skip_gain", aligner.SKIP_GAINS)
def test_the_definition_is_that_of_the_network_and_computes_nothing(skip_gain):
    shape = aligner.Architecture(64, 32, 5, skip_gain=skip_gain, width_multiplier=1 / 16)
    graphdef, params, batch_stats = bundle.definition(shape)
    built = jax.eval_shape(lambda: state.split(shape.build(seed=1))[1:])
    assert jax.tree.map(lambda x: x.shape, (params, batch_stats)) == jax.tree.map(
        lambda x: x.shape, built
    )
    assert not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(params))
    assert graphdef == state.split(shape.build(seed=1))[0]
    assert ("gains" in params["transfer"]) == (skip_gain == aligner.LEARNED)
