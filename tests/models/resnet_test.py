"""The three residual blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import resnet
from scaf_jax.training import state


def _images(channels: int, size: int = 8) -> jax.Array:
    return jax.random.normal(jax.random.key(0), (2, size, size, channels))


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "projects"),
    [(8, 8, 1, False), (8, 8, 2, True), (8, 12, 1, True), (8, 16, 2, True)],
)
def test_basic_block_projects_only_where_the_shape_changes(inputs, outputs, stride, projects):
    block = resnet.BasicBlock(inputs, outputs, stride=stride, rngs=nnx.Rngs(0))
    y = block(_images(inputs), train=True)
    assert y.shape == (2, 8 // stride, 8 // stride, outputs)
    assert hasattr(block, "projection") == projects
    assert float(y.min()) >= 0.0


def test_basic_block_without_weights_passes_its_input():
    block = resnet.BasicBlock(8, 8, rngs=nnx.Rngs(0))
    block.conv2.kernel[...] = jnp.zeros_like(block.conv2.kernel[...])
    x = _images(8)
    np.testing.assert_allclose(block(x, train=False), jax.nn.relu(x), atol=1e-6)


def test_upsampling_block_doubles_the_resolution():
    block = resnet.UpsamplingBlock(8, 4, rngs=nnx.Rngs(0))
    y = block(_images(8), train=True)
    assert y.shape == (2, 16, 16, 4)
    assert float(y.min()) >= 0.0


def test_upsampling_block_adds_its_two_paths():
    block = resnet.UpsamplingBlock(8, 4, rngs=nnx.Rngs(0))
    x = _images(8)
    block.norm2.scale[...] = jnp.zeros(4)
    shortcut = block.projection_norm(block.projection(x), use_running_average=True)
    np.testing.assert_allclose(block(x, train=False), jax.nn.relu(shortcut), atol=1e-5)


def test_bottleneck_splits_its_channels_in_half_and_two_quarters():
    block = resnet.Bottleneck(16, rngs=nnx.Rngs(0))
    shapes = [c.kernel.shape for c in (block.conv1, block.conv2, block.conv3)]
    assert shapes == [(3, 3, 16, 8), (3, 3, 8, 4), (3, 3, 4, 4)]
    assert block(_images(16), train=True).shape == (2, 8, 8, 16)


def test_bottleneck_parts_build_on_each_other_and_on_the_input():
    block = resnet.Bottleneck(16, rngs=nnx.Rngs(0))
    x = _images(16)
    added = np.asarray(block(x, train=False) - x)
    block.conv2.kernel[...] = jnp.zeros_like(block.conv2.kernel[...])
    without_second = np.asarray(block(x, train=False) - x)
    np.testing.assert_allclose(without_second[..., :8], added[..., :8], atol=1e-6)
    np.testing.assert_allclose(without_second[..., 8:], 0.0, atol=1e-6)
    assert np.abs(added[..., 8:]).mean() > 0.01


def test_bottleneck_refuses_channels_that_cannot_be_quartered():
    with pytest.raises(ValueError, match="divisible by 4, not 6"):
        resnet.Bottleneck(6, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    "make",
    [
        lambda: resnet.BasicBlock(8, 12, stride=2, rngs=nnx.Rngs(0)),
        lambda: resnet.UpsamplingBlock(8, 12, rngs=nnx.Rngs(0)),
        lambda: resnet.Bottleneck(8, rngs=nnx.Rngs(0)),
    ],
    ids=["basic", "upsampling", "bottleneck"],
)
def test_only_training_moves_all_running_statistics(make):
    block = make()
    before = state.batch_stats_of(block)
    block(_images(8), train=False)
    for old, new in zip(*map(jax.tree.leaves, (before, state.batch_stats_of(block))), strict=True):
        np.testing.assert_array_equal(old, new)
    block(_images(8), train=True)
    for old, new in zip(*map(jax.tree.leaves, (before, state.batch_stats_of(block))), strict=True):
        assert not np.array_equal(old, new)
