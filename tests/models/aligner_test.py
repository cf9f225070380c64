"""The landmark path: its shapes, its skips and what training moves in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.models import aligner, resnet
from scaf_jax.training import optimizers, state


def _build(size=64, heatmap_size=32, skips=True, width=0.05, **kwargs) -> aligner.Aligner:
    return aligner.Aligner(
        input_size=size,
        heatmap_size=heatmap_size,
        num_landmarks=68,
        skips=skips,
        width_multiplier=width,
        rngs=nnx.Rngs(0),
        **kwargs,
    )


def _paths(model: aligner.Aligner) -> set[str]:
    _, params, _ = state.split(model)
    return {optimizers.path_of(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)}


def _images(size: int = 64) -> jax.Array:
    return jax.random.uniform(jax.random.key(0), (2, size, size, 3)) - 0.5


@pytest.mark.parametrize("skips", [True, False])
@pytest.mark.parametrize(
    ("size", "heatmap_size"), [(256, 128), (256, 64), (128, 128), (128, 32), (64, 64), (64, 16)]
)
def test_heatmap_shapes(size, heatmap_size, skips):
    images = jax.ShapeDtypeStruct((2, size, size, 3), jnp.float32)
    maps, embeddings = nnx.eval_shape(
        lambda x: _build(size, heatmap_size, skips, 1.0)(x, train=False), images
    )
    assert maps.shape == (2, heatmap_size, heatmap_size, 68)
    assert embeddings.shape == (2, 99)


@pytest.mark.parametrize(
    ("size", "heatmap_size", "itls", "bottlenecks"),
    [(256, 128, 4, 4), (128, 128, 4, 3), (64, 64, 3, 3), (64, 32, 2, 2)],
)
def test_skips_are_where_encoder_and_generator_meet(size, heatmap_size, itls, bottlenecks):
    model = nnx.eval_shape(lambda: _build(size, heatmap_size, width=1.0))
    assert len(model.transfer.itls) == itls
    assert len(model.transfer.bottlenecks) == bottlenecks
    channels = [itl.kernel.shape[2:] for itl in model.transfer.itls.values()]
    assert channels == [(256, 256), (128, 128), (64, 64), (64, 64)][:itls]


def test_without_skips_only_the_bottlenecks_are_missing():
    with_skips, without = (
        _paths(nnx.eval_shape(lambda s=skips: _build(skips=s))) for skips in (True, False)
    )
    assert without < with_skips
    assert all("transfer/bottlenecks/" in path for path in with_skips - without)
    assert not any("bottlenecks" in path for path in without)


def test_without_skips_is_the_same_path_with_nothing_added(monkeypatch):
    scaf, fabrec = _build(skips=True), _build(skips=False)
    graphdef, params, batch_stats = state.split(fabrec)
    _, all_params, all_stats = state.split(scaf)
    shared = _restrict(all_params, params), _restrict(all_stats, batch_stats)
    fabrec = state.merge(graphdef, *shared)
    expected, _ = fabrec(_images(), train=False)
    with_skips, _ = scaf(_images(), train=False)
    assert float(jnp.abs(with_skips - expected).max()) > 1e-3
    monkeypatch.setattr(resnet.Bottleneck, "__call__", lambda self, x, train: jnp.zeros_like(x))
    nothing_added, _ = scaf(_images(), train=False)
    np.testing.assert_allclose(nothing_added, expected, rtol=1e-5, atol=1e-6)


def _restrict(tree, template):
    if not isinstance(template, dict):
        return tree
    return {key: _restrict(tree[key], child) for key, child in template.items()}


def test_training_moves_the_statistics_of_the_bottlenecks_alone():
    model = _build()
    before = state.batch_stats_of(model)
    model(_images(), train=True)
    after = state.batch_stats_of(model)
    for network in ("encoder", "generator"):
        jax.tree.map(np.testing.assert_array_equal, before[network], after[network])
    moved = jax.tree.map(np.array_equal, before["transfer"], after["transfer"])
    assert not any(jax.tree.leaves(moved))
    model(_images(), train=True, train_backbone=True)
    trained = state.batch_stats_of(model)["encoder"]
    assert not any(jax.tree.leaves(jax.tree.map(np.array_equal, after["encoder"], trained)))


def test_reconstruction_ignores_the_landmark_path():
    model = _build()
    _, embeddings = model(_images(), train=False)
    expected = model.generator(embeddings, train=False)
    np.testing.assert_array_equal(model.reconstruct(embeddings), expected)
    assert expected.shape == (2, 64, 64, 3)


def test_bfloat16_heatmaps():
    maps, _ = _build(dtype=jnp.bfloat16)(_images(), train=True)
    assert maps.dtype == jnp.bfloat16
    assert bool(jnp.isfinite(maps).all())


@pytest.mark.parametrize(("size", "heatmap_size"), [(64, 128), (256, 256), (128, 48), (64, 8)])
def test_impossible_heatmap_sizes_are_refused(size, heatmap_size):
    with pytest.raises(ValueError, match=f"at input_size {size}, not {heatmap_size}"):
        _build(size, heatmap_size)
