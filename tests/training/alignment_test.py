"""Tests of stage 2's steps; a whole training is tested with whole runs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from scaf_jax.landmarks import heatmaps
from scaf_jax.models import aligner
from scaf_jax.training import alignment, optimizers

CODEC = heatmaps.HeatmapCodec(input_size=64, heatmap_size=32)


def _batch():
    rng = np.random.default_rng(2)
    return {
        "image": rng.integers(0, 256, (4, 64, 64, 3), dtype=np.uint8),
        "landmarks": rng.uniform(10, 50, (4, 5, 2)).astype(np.float32),
        "landmark_mask": np.ones((4, 5), bool),
    }


@pytest.fixture(scope="module")
def trained():
    """Gives (state before, state after, metrics) of one step with given settings."""

    @functools.cache
    def step(**changes):
        settings = alignment.AlignmentSettings(encoder_learning_rate=1e-3, **changes)
        model = aligner.Aligner(
            input_size=64,
            heatmap_size=32,
            num_landmarks=5,
            width_multiplier=0.05,
            rngs=nnx.Rngs(0),
        )
        graphdef, before = alignment.init_state(model, settings)
        function = functools.partial(
            alignment.train_step, graphdef=graphdef, settings=settings, codec=CODEC
        )
        after, metrics = jax.jit(function)(before, _batch())
        return before, after, {name: float(value) for name, value in metrics.items()}

    return step


def _moved(before, after):
    return jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != np.asarray(b))), before, after)


def test_the_gains_of_silent_skips_move_in_the_first_step(trained):
    before, after, _ = trained()
    moved = _moved(before.params, after.params)
    assert all(jax.tree.leaves(moved["transfer"]["gains"]))
    assert not any(jax.tree.leaves(moved["generator"]))


def test_metrics_compare_with_predictors_that_do_not_look(trained):
    _, _, metrics = trained()
    batch = _batch()
    targets = np.asarray(CODEC.encode(jnp.asarray(batch["landmarks"])))
    empty = 300 * np.square(targets).sum() / (20 * 32 * 32)
    np.testing.assert_allclose(metrics["loss_of_empty_maps"], empty, rtol=1e-4)
    spread = 300 * 4 * targets.var(axis=0, ddof=1).sum() / (20 * 32 * 32)
    np.testing.assert_allclose(metrics["loss_of_constant_maps"], spread, rtol=1e-4)


def test_clipping_shortens_the_gradient_and_is_told_by_its_norm_before(trained):
    _, plain, free = trained()
    _, clipped, metrics = trained(gradient_clip=1e-3)
    assert metrics["gradient_norm"] == pytest.approx(free["gradient_norm"], rel=1e-4)
    assert metrics["gradient_norm"] > 0.01 and metrics["update_norm"] > 0

    def first_moments(state):
        moments = [
            leaf
            for path, leaf in jax.tree_util.tree_leaves_with_path(state.opt_state)
            if ".mu" in jax.tree_util.keystr(path)
        ]
        return float(optax.tree.norm(moments))

    ratio = first_moments(clipped) / first_moments(plain)
    assert ratio == pytest.approx(1e-3 / free["gradient_norm"], rel=1e-3)


def test_a_path_begins_as_the_identity_where_it_is_asked_for():
    params = {
        "transfer": {
            "itls": {"layer1": {"kernel": jnp.ones((3, 3, 2, 2))}},
            "head": {"kernel": jnp.ones((4, 4, 2, 5))},
        },
        "generator": {"dense": {"kernel": jnp.ones((3, 3))}},
        "encoder": {"head": {"kernel": jnp.ones((3, 3))}},
    }
    random = alignment.start_state(params, {}, alignment.AlignmentSettings())
    jax.tree.map(np.testing.assert_array_equal, random.params, params)
    settings = alignment.AlignmentSettings(path_start=aligner.IDENTITY)
    started = alignment.start_state(params, {}, settings).params
    expected = np.zeros((3, 3, 2, 2))
    expected[1, 1] = np.eye(2)
    np.testing.assert_array_equal(started["transfer"]["itls"]["layer1"]["kernel"], expected)
    for name in ("encoder", "generator"):
        jax.tree.map(np.testing.assert_array_equal, started[name], params[name])


def test_gains_move_at_their_own_rate():
    params = {
        "transfer": {"gains": {"layer1": jnp.ones(2)}, "head": {"kernel": jnp.ones(2)}},
        "generator": {"dense": {"kernel": jnp.ones(2)}},
        "encoder": {"head": {"kernel": jnp.ones(2)}},
    }
    settings = alignment.AlignmentSettings(learning_rate=1e-3, skip_gain_rate=10.0)
    optimizer = optimizers.build(alignment.optimizer_table(settings), params)
    gradients = jax.tree.map(jnp.ones_like, params)
    updates, _ = optimizer.update(gradients, optimizer.init(params), params)
    np.testing.assert_allclose(updates["transfer"]["gains"]["layer1"], -1e-2, rtol=1e-4)
    np.testing.assert_allclose(updates["transfer"]["head"]["kernel"], -1e-3, rtol=1e-4)
