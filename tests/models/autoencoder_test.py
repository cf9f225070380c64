"""Sizes, shapes and parameter counts of encoder and generator."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import autoencoder
from scaf_jax.training import state


def _encoder(size: int, width: float = 1.0) -> autoencoder.Encoder:
    return autoencoder.Encoder(input_size=size, width_multiplier=width, rngs=nnx.Rngs(0))


def _generator(size: int, width: float = 1.0) -> autoencoder.Generator:
    return autoencoder.Generator(output_size=size, width_multiplier=width, rngs=nnx.Rngs(0))


def _count(build) -> int:
    _, params, _ = state.split(nnx.eval_shape(build))
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def test_parameter_counts_at_256_px():
    assert _count(lambda: _encoder(256)) == 11_379_491
    assert _count(lambda: _generator(256)) == 10_868_096


@pytest.mark.parametrize("size", [64, 128])
def test_smaller_inputs_leave_out_whole_stages(size):
    stage = 2 * 2 * 9 * 64 * 64 + 8 * 64  # two basic blocks of 64 channels
    assert _count(lambda: _encoder(size)) == 11_379_491 - stage - 64 * 64 - 2 * 64
    upsampling = 2 * 16 * 64 * 64 + 9 * 64 * 64 + 6 * 64
    left_out = {128: 1, 64: 2}[size]
    assert _count(lambda: _generator(size)) == 10_868_096 - left_out * upsampling


LADDERS = {
    256: {64: 64, 32: 64, 16: 128, 8: 256, 4: 512},
    128: {32: 64, 16: 128, 8: 256, 4: 512},
    64: {32: 64, 16: 128, 8: 256, 4: 512},
}


@pytest.mark.parametrize("size", LADDERS)
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_encoder_shapes(size, width):
    images = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32)
    embeddings, features = nnx.eval_shape(lambda x: _encoder(size, width)(x, train=False), images)
    assert embeddings.shape == (2, 99)
    expected = {r: (2, r, r, int(c * width)) for r, c in LADDERS[size].items()}
    assert {r: x.shape for r, x in features.items()} == expected


@pytest.mark.parametrize("size", LADDERS)
@pytest.mark.parametrize("width", [1.0, 0.25])
def test_generator_shapes(size, width):
    embeddings = jax.ShapeDtypeStruct((2, 99), jnp.float32)

    def stages(z):
        model = _generator(size, width)
        x = model.start(z, train=False)
        features = [x]
        for stage in model.stages.values():
            features.append(stage(features[-1], train=False))
        return features, model(z, train=False)

    features, images = nnx.eval_shape(stages, embeddings)
    channels = [512, 256, 128, 64, 64, 64]
    resolutions = [r for r in (4, 8, 16, 32, 64, 128) if r < size]
    assert [x.shape for x in features] == [
        (2, r, r, int(c * width)) for r, c in zip(resolutions, channels, strict=False)
    ]
    assert images.shape == (2, size, size, 3)


def test_narrow_networks_stay_narrow_but_not_empty():
    assert _count(lambda: _encoder(64, 0.01)) < 20_000
    assert _count(lambda: _encoder(128, 0.5)) < 0.27 * _count(lambda: _encoder(128))


def test_generated_images_are_within_tanh(fill, call):
    z = 100.0 * np.random.default_rng(0).standard_normal((2, 99)).astype(np.float32)
    model = fill(lambda: _generator(64, 0.05))
    images, _ = call(model, lambda model: model(z, train=False))
    assert 0.9 < float(jnp.abs(images).max()) <= 1.0


def test_bfloat16_computes_in_bfloat16():
    def build():
        return autoencoder.Encoder(input_size=64, dtype=jnp.bfloat16, rngs=nnx.Rngs(0))

    images = jax.ShapeDtypeStruct((1, 64, 64, 3), jnp.float32)
    embeddings, features = nnx.eval_shape(lambda x: build()(x, train=False), images)
    assert {x.dtype for x in [embeddings, *features.values()]} == {jnp.dtype("bfloat16")}
    _, params, _ = state.split(nnx.eval_shape(build))
    assert {x.dtype for x in jax.tree.leaves(params)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("build", [_encoder, _generator])
def test_other_sizes_are_refused(build):
    with pytest.raises(ValueError, match="must be one of .*, not 96"):
        build(96)


@pytest.mark.parametrize("build", [_encoder, _generator], ids=["encoder", "generator"])
def test_images_in_groups_give_the_same_numbers(build, fill, assert_groups_change_nothing):
    model = fill(lambda: build(64, 0.25))
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((8, 64, 64, 3) if build is _encoder else (8, 99))
    assert_groups_change_nothing(model, inputs)
