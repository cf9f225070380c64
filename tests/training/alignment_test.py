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
from scaf_jax.training import alignment, state

SIZE, HEATMAP_SIZE = 64, 32
FLIP = (1, 0)


class _Equivariant(nnx.Module):
    """Stands in for a network: finds the bright dot of each half, whichever way the face looks.

    Attributes:
      codec: Says where the network was taught that a landmark at a pixel is.
    """

    def __init__(self, codec: heatmaps.HeatmapCodec):
        self.codec = codec

    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, jax.Array]:
        light = images.mean(axis=-1)  # (B, S, S)
        light -= light.min()
        halves = [light.at[:, :, SIZE // 2 :].set(0), light.at[:, :, : SIZE // 2].set(0)]
        points = jnp.stack([_centroid(half) for half in halves], axis=1)
        # Taught with crops and their mirror images, it counts from the crop's edge at `corners`.
        shift = 0.5 if self.codec.pixel_convention == "corners" else 0.0
        return self.codec.encode(points + shift), jnp.zeros((len(images), 99))

    def reconstruct(self, embeddings: jax.Array) -> jax.Array:
        return jnp.zeros((len(embeddings), SIZE, SIZE, 3))


def _centroid(light: jax.Array) -> jax.Array:
    """(B, S, S) to (B, 2) x, y."""
    grid, total = jnp.arange(SIZE), light.sum(axis=(1, 2))
    x, y = (light * grid).sum(axis=(1, 2)), (light * grid[:, None]).sum(axis=(1, 2))
    return jnp.stack([x, y], axis=-1) / total[:, None]


def _faces(points: np.ndarray) -> np.ndarray:
    """(B, 2, 2) to black (B, S, S, 3) uint8 with a dot at each point."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = points[..., 0, None, None], points[..., 1, None, None]
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8).sum(axis=1)
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize("convention", heatmaps.CONVENTIONS)
def test_the_mirrored_pass_of_an_equivariant_network_changes_nothing(convention):
    codec = heatmaps.HeatmapCodec(SIZE, HEATMAP_SIZE, blur_size=3, pixel_convention=convention)
    points = np.random.default_rng(0).uniform([12, 12], [22, 50], (5, 2, 2))
    points[:, 1, 0] += 28  # the right half's
    graphdef, params, batch_stats = state.split(_Equivariant(codec))
    predict = functools.partial(
        alignment.predict_step, params, batch_stats, _faces(points), graphdef=graphdef, codec=codec
    )
    plain, averaged = predict(), predict(flip_permutation=FLIP)
    shift = 0.5 if convention == "corners" else 0.0
    np.testing.assert_allclose(plain["landmarks_subpixel"], points + shift, atol=0.1)
    for decoder in heatmaps.DECODERS:
        name = f"landmarks_{decoder}"
        np.testing.assert_allclose(averaged[name], plain[name], atol=1e-3)


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
