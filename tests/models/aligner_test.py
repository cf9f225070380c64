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


def test_without_skips_only_bottlenecks_and_gains_are_missing():
    learned, fixed, without = (
        _paths(nnx.eval_shape(lambda options=options: _build(**options)))
        for options in ({}, {"skip_gain": "fixed"}, {"skips": False})
    )
    assert without < fixed < learned
    assert all("transfer/bottlenecks/" in path for path in fixed - without)
    gains = {f"transfer/gains/layer{i}" for i in (1, 2)}
    assert learned - fixed == gains
    assert without == _paths(nnx.eval_shape(lambda: _build(skips=False, skip_gain="fixed")))


def test_unknown_gain_is_refused():
    with pytest.raises(ValueError, match="skip_gain must be one of .*'learned', 'fixed'.* 'half'"):
        _build(skip_gain="half")


def test_learned_skips_begin_silent_and_their_gains_scale_channels(fill, call):
    scaf, fixed = fill(_build), fill(lambda: _build(skip_gain="fixed"))
    graphdef, params, stats = state.split(scaf)

    def heatmaps(model):
        return call(model, lambda model: model(_images(), train=False)[0])[0]

    def with_gains(value):
        tree = jax.tree.map(lambda x: x, params)
        tree["transfer"]["gains"] = jax.tree.map(
            lambda x: jnp.full_like(x, value), tree["transfer"]["gains"]
        )
        return heatmaps(state.merge(graphdef, tree, stats))

    # As many parameters as the fixed form has, and the same values, but for the gains.
    _, fixed_params, fixed_stats = state.split(fixed)
    bare_def, bare_params, bare_stats = state.split(nnx.eval_shape(lambda: _build(skips=False)))
    fabrec = state.merge(bare_def, _part(params, bare_params), _part(stats, bare_stats))
    same = state.merge(
        state.split(fixed)[0], _part(params, fixed_params), _part(stats, fixed_stats)
    )
    largest = float(jnp.abs(heatmaps(same)).max())
    close = {"rtol": 1e-4, "atol": 1e-5 * largest}
    np.testing.assert_allclose(with_gains(0.0), heatmaps(fabrec), **close)
    np.testing.assert_allclose(with_gains(1.0), heatmaps(same), **close)
    assert float(jnp.abs(heatmaps(same) - heatmaps(fabrec)).max()) > 0.01 * largest


def test_a_new_network_has_no_gain():
    gains = state.split(_build())[1]["transfer"]["gains"]
    assert {name: g.shape for name, g in gains.items()} == {"layer1": (12,), "layer2": (8,)}
    assert all(not g.any() for g in gains.values())


def test_without_skips_is_the_same_path_with_nothing_added(fill, call, monkeypatch):
    scaf = fill(lambda: _build(skip_gain="fixed"))
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


def test_a_path_that_begins_as_the_identity_shows_the_generators_maps(fill, call):
    model = fill(lambda: _build(skips=False))
    graphdef, params, stats = state.split(model)
    quiet = state.merge(graphdef, aligner.begin_as_identity(params), stats)

    def maps_of_the_generator(model):
        embeddings, _ = model.encoder(_images(), train=False)
        x = model.generator.start(embeddings, train=False)
        for name in ("layer1", "layer2"):
            x = model.generator.stages[name](x, train=False)
        return model.transfer.head(x)

    expected, _ = call(model, maps_of_the_generator)
    found, _ = call(quiet, lambda model: model(_images(), train=False)[0])
    assert float(jnp.abs(expected).max()) > 0
    np.testing.assert_allclose(found, 0.05 * expected, rtol=1e-4, atol=1e-6)


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
