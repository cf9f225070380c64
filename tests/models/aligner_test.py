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


def _images() -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.5, 0.5, (2, 64, 64, 3)).astype(np.float32)


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


def test_without_skips_is_the_same_path_with_nothing_added(fill, call, monkeypatch):
    scaf = fill(_build)
    graphdef, params, batch_stats = state.split(nnx.eval_shape(lambda: _build(skips=False)))
    _, all_params, all_stats = state.split(scaf)
    fabrec = state.merge(graphdef, _part(all_params, params), _part(all_stats, batch_stats))

    def predict(model):
        return model(_images(), train=False)[0]

    expected, _ = call(fabrec, predict)
    with_skips, _ = call(scaf, predict)
    monkeypatch.setattr(resnet.Bottleneck, "__call__", lambda self, x, train: jnp.zeros_like(x))
    with_nothing_added, _ = call(scaf, predict)
    largest = float(jnp.abs(expected).max())
    assert float(jnp.abs(with_skips - expected).max()) > 0.01 * largest
    np.testing.assert_allclose(with_nothing_added, expected, rtol=1e-4, atol=1e-5 * largest)


def _part(tree, template):
    if not isinstance(template, dict):
        return tree
    return {key: _part(tree[key], child) for key, child in template.items()}


def test_training_moves_the_statistics_of_what_trains(fill, call):
    model = fill(_build)
    before = state.batch_stats_of(model)
    for train_backbone in (False, True):
        _, after = call(
            model, lambda model, b=train_backbone: model(_images(), train=True, train_backbone=b)
        )
        same = jax.tree.map(np.array_equal, before, after)
        assert not any(jax.tree.leaves(same["transfer"]))
        assert set(jax.tree.leaves(same["encoder"])) == {not train_backbone}
        # The generator's stages after the last ITL take no part.
        assert same["generator"]["stages"]["layer1"]["norm1"]["mean"] == (not train_backbone)
        assert same["generator"]["stages"]["layer3"]["norm1"]["mean"]


def test_reconstruction_is_the_generator_alone(fill, call):
    z = np.ones((2, 99), np.float32)
    (ours, expected), _ = call(
        fill(_build), lambda model: (model.reconstruct(z), model.generator(z, train=False))
    )
    assert ours.shape == (2, 64, 64, 3)
    np.testing.assert_array_equal(ours, expected)


def test_bfloat16_heatmaps():
    def predict(images):
        return _build(dtype=jnp.bfloat16)(images, train=True)[0]

    maps = nnx.eval_shape(predict, jax.ShapeDtypeStruct((2, 64, 64, 3), jnp.float32))
    assert maps.dtype == jnp.bfloat16


@pytest.mark.parametrize(("size", "heatmap_size"), [(64, 128), (256, 256), (128, 48), (64, 8)])
def test_impossible_heatmap_sizes_are_refused(size, heatmap_size):
    with pytest.raises(ValueError, match=f"at input_size {size}, not {heatmap_size}"):
        _build(size, heatmap_size)
