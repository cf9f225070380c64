"""The discriminators' shapes, ranges and dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import discriminators


@pytest.mark.parametrize(("size", "num_convs"), [(64, 4), (128, 5), (256, 5)])
def test_image_discriminator_has_one_verdict_per_image(size, num_convs):
    def build():
        return discriminators.ImageDiscriminator(input_size=size, rngs=nnx.Rngs(0))

    model = nnx.eval_shape(build)
    assert len(model.convs) == num_convs
    assert "conv0" not in model.norms and len(model.norms) == num_convs - 1
    widths = [conv.kernel.shape[3] for conv in model.convs.values()]
    assert widths == [32, 64, 128, 256, 256][:num_convs]
    images = jax.ShapeDtypeStruct((3, size, size, 3), jnp.float32)
    assert nnx.eval_shape(lambda x: build()(x, train=False), images).shape == (3,)


@pytest.mark.parametrize("dtype", [None, jnp.bfloat16])
def test_verdicts_are_probabilities_in_float32(fill, call, dtype):
    model = fill(
        lambda: discriminators.ImageDiscriminator(
            input_size=64, width_multiplier=0.1, dtype=dtype, rngs=nnx.Rngs(0)
        )
    )
    images = np.random.default_rng(0).standard_normal((4, 64, 64, 3)).astype(np.float32)
    verdicts, _ = call(model, lambda model: model(images, train=True))
    assert verdicts.shape == (4,)
    assert verdicts.dtype == jnp.float32
    assert bool(((verdicts > 0) & (verdicts < 1)).all())


def test_images_in_groups_get_the_same_verdicts(fill, assert_groups_change_nothing):
    model = fill(
        lambda: discriminators.ImageDiscriminator(
            input_size=64, width_multiplier=0.5, rngs=nnx.Rngs(0)
        )
    )
    images = np.random.default_rng(0).standard_normal((8, 64, 64, 3))
    assert_groups_change_nothing(model, images)


@pytest.fixture(scope="module")
def embedding_discriminator(fill) -> discriminators.EmbeddingDiscriminator:
    return fill(
        lambda: discriminators.EmbeddingDiscriminator(width_multiplier=0.1, rngs=nnx.Rngs(0))
    )


def test_embedding_discriminator_shapes(embedding_discriminator):
    model = nnx.eval_shape(lambda: discriminators.EmbeddingDiscriminator(rngs=nnx.Rngs(0)))
    shapes = [layer.kernel.shape for layer in (model.dense1, model.dense2, model.dense3)]
    assert shapes == [(99, 1000), (1000, 1000), (1000, 1)]
    assert embedding_discriminator(jnp.ones((5, 99)), dropout_key=None).shape == (5,)


def test_dropout_depends_on_its_key_alone(embedding_discriminator, call):
    def judge(model):
        z = jnp.linspace(-1, 1, 64 * 99).reshape(64, 99)
        keys = [None, None, *map(jax.random.key, (1, 1, 2))]
        return [model(z, dropout_key=key) for key in keys]

    (plain, again, first, first_again, second), _ = call(embedding_discriminator, judge)
    np.testing.assert_array_equal(plain, again)
    np.testing.assert_array_equal(first, first_again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, plain)


def test_dropout_drops_a_fifth(embedding_discriminator):
    dropout = embedding_discriminator.dropout
    seen = dropout(jnp.ones((100, 100)), rngs=jax.random.key(0), deterministic=False)
    assert np.mean(np.asarray(seen) == 0) == pytest.approx(0.2, abs=0.02)
