"""The three residual blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import resnet
from scaf_jax.training import state


def _images(channels: int, size: int = 8) -> jax.Array:
    x = np.random.default_rng(1).standard_normal((2, size, size, channels))
    return jnp.asarray(x, jnp.float32)


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "projects"),
    [(8, 8, 1, False), (8, 8, 2, True), (8, 12, 1, True), (8, 16, 2, True)],
)
def test_basic_block_projects_only_where_the_shape_changes(
    fill, call, inputs, outputs, stride, projects
):
    block = fill(lambda: resnet.BasicBlock(inputs, outputs, stride=stride, rngs=nnx.Rngs(0)))
    y, _ = call(block, lambda block: block(_images(inputs), train=True))
    assert y.shape == (2, 8 // stride, 8 // stride, outputs)
    assert hasattr(block, "projection") == projects
    assert float(y.min()) == 0.0


def test_basic_block_without_weights_passes_its_input(fill, call):
    block = fill(lambda: resnet.BasicBlock(8, 8, rngs=nnx.Rngs(0)))
    block.norm2.scale[...] = jnp.zeros(8)
    block.norm2.bias[...] = jnp.zeros(8)
    y, _ = call(block, lambda block: block(_images(8), train=False))
    np.testing.assert_allclose(y, jax.nn.relu(_images(8)), atol=1e-6)


def test_upsampling_block_doubles_the_resolution(fill, call):
    block = fill(lambda: resnet.UpsamplingBlock(8, 4, rngs=nnx.Rngs(0)))
    y, _ = call(block, lambda block: block(_images(8), train=True))
    assert y.shape == (2, 16, 16, 4)
    assert float(y.min()) == 0.0


def test_upsampling_block_adds_its_two_paths(fill, call):
    block = fill(lambda: resnet.UpsamplingBlock(8, 4, rngs=nnx.Rngs(0)))
    block.norm2.scale[...] = jnp.zeros(4)
    block.norm2.bias[...] = jnp.zeros(4)

    def both(block):
        x = _images(8)
        shortcut = block.projection_norm(block.projection(x), use_running_average=True)
        return block(x, train=False), jax.nn.relu(shortcut)

    (y, shortcut), _ = call(block, both)
    np.testing.assert_allclose(y, shortcut, atol=1e-5)


def test_bottleneck_splits_its_channels_in_half_and_two_quarters(fill, call):
    block = fill(lambda: resnet.Bottleneck(16, rngs=nnx.Rngs(0)))
    shapes = [c.kernel.shape for c in (block.conv1, block.conv2, block.conv3)]
    assert shapes == [(3, 3, 16, 8), (3, 3, 8, 4), (3, 3, 4, 4)]
    y, _ = call(block, lambda block: block(_images(16), train=True))
    assert y.shape == (2, 8, 8, 16)


def test_bottleneck_parts_build_on_each_other_and_on_the_input(fill, call):
    block = fill(lambda: resnet.Bottleneck(16, rngs=nnx.Rngs(0)))

    def added(block):
        return block(_images(16), train=False) - _images(16)

    complete, _ = call(block, added)
    block.conv2.kernel[...] = jnp.zeros_like(block.conv2.kernel[...])
    without_second, _ = call(block, added)
    np.testing.assert_allclose(without_second[..., :8], complete[..., :8], atol=1e-5)
    np.testing.assert_allclose(without_second[..., 8:12], 0.0, atol=1e-5)
    assert float(jnp.abs(complete[..., 8:12]).mean()) > 0.01
    # The third part sees the second only: without it, it is the same at every inner pixel.
    inner = without_second[:, 1:-1, 1:-1, 12:]
    assert float(jnp.ptp(inner, axis=(0, 1, 2)).max()) < 1e-5


def test_bottleneck_refuses_channels_that_cannot_be_quartered():
    with pytest.raises(ValueError, match="divisible by 4, not 6"):
        resnet.Bottleneck(6, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    "build",
    [
        lambda: resnet.BasicBlock(8, 12, stride=2, rngs=nnx.Rngs(0)),
        lambda: resnet.UpsamplingBlock(8, 12, rngs=nnx.Rngs(0)),
        lambda: resnet.Bottleneck(8, rngs=nnx.Rngs(0)),
    ],
    ids=["basic", "upsampling", "bottleneck"],
)
def test_only_training_moves_all_running_statistics(fill, call, build):
    block = fill(build)
    before = jax.tree.leaves(state.batch_stats_of(block))
    _, evaluated = call(block, lambda block: block(_images(8), train=False))
    _, trained = call(block, lambda block: block(_images(8), train=True))
    assert all(map(np.array_equal, before, jax.tree.leaves(evaluated)))
    assert not any(map(np.array_equal, before, jax.tree.leaves(trained)))
