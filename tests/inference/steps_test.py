"""Tests of what networks are asked, with networks that have learned nothing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.inference import steps
from scaf_jax.landmarks import heatmaps
from scaf_jax.training import preprocessing, sharding, state

SIZE = 64


def _faces(points: np.ndarray) -> np.ndarray:
    """(B, 2, 2) to black (B, S, S, 3) uint8 with a dot at each point."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    x, y = points[..., 0, None, None], points[..., 1, None, None]
    light = 255 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8).sum(axis=1)
    return np.repeat(light.round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.fixture
def points() -> np.ndarray:
    """(5, 2, 2), a point in each half of five crops."""
    points = np.random.default_rng(0).uniform([12, 12], [22, 50], (5, 2, 2))
    points[:, 1, 0] += 28  # the right half's
    return points


@pytest.mark.parametrize("convention", heatmaps.CONVENTIONS)
def test_the_mirrored_pass_of_an_equivariant_network_changes_nothing(convention, network, points):
    own = network(convention)
    batch = {"image": _faces(points), "index": np.arange(5)}
    predict = functools.partial(
        steps.predict, own.params, own.batch_stats, batch, graphdef=own.graphdef, codec=own.codec
    )
    plain, averaged = predict(), predict(flip_permutation=own.scheme.flip_permutation)
    shift = 0.5 if convention == "corners" else 0.0
    np.testing.assert_allclose(plain["landmarks_subpixel"], points + shift, atol=0.1)
    for decoder in heatmaps.DECODERS:
        name = f"landmarks_{decoder}"
        np.testing.assert_allclose(averaged[name], plain[name], atol=1e-3)
    assert "image" not in plain and plain["index"] is batch["index"]


@pytest.mark.parametrize("decoder", heatmaps.DECODERS)
def test_scores_come_with_the_predicted_landmarks(decoder, network, points):
    own = network()
    valid, matrix = np.array([True] * 4 + [False]), np.zeros((5, 2, 3), np.float32)
    arguments = {"graphdef": own.graphdef, "codec": own.codec}
    batch = {"image": _faces(points), "valid": valid, "matrix": matrix}
    predicted = steps.predict(own.params, own.batch_stats, batch, **arguments)
    scored = steps.score(
        own.params,
        own.batch_stats,
        batch,
        decoder=decoder,
        mesh=sharding.make_mesh(),
        with_entropy=True,
        **arguments,
    )
    np.testing.assert_allclose(
        scored["landmarks"][valid], predicted[f"landmarks_{decoder}"][valid], atol=1e-3
    )
    names = {"landmarks", "nnm", "heights", "entropy", "embeddings", "matrix", "valid"}
    assert scored.keys() == names
    assert scored["embeddings"].shape == (5, 99)


class _Copier(nnx.Module):
    """An autoencoder whose embedding is the mean color, which it paints everywhere."""

    def encoder(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, dict]:
        return images.mean(axis=(1, 2)), {}

    def generator(self, embeddings: jax.Array, *, train: bool) -> jax.Array:
        return jnp.broadcast_to(embeddings[:, None, None], (len(embeddings), SIZE, SIZE, 3))


def test_faces_are_rebuilt_from_their_embeddings():
    graphdef, *weights = state.split(_Copier())
    colors = np.array([[10, 20, 30], [200, 100, 0]], np.uint8)
    batch = {"image": np.broadcast_to(colors[:, None, None], (2, SIZE, SIZE, 3))}
    batch["valid"] = np.ones(2, bool)
    outputs = steps.rebuild(*weights, batch, graphdef=graphdef)
    np.testing.assert_array_equal(outputs["rebuilt"], batch["image"])
    assert outputs["rebuilt"].dtype == jnp.uint8 and outputs["valid"] is batch["valid"]
    expected = colors / 255 - np.array(preprocessing.IMAGE_MEAN)
    np.testing.assert_allclose(outputs["embeddings"], expected, atol=1e-5)
    images = steps.generate(*weights, outputs["embeddings"], graphdef=graphdef)
    np.testing.assert_array_equal(images, batch["image"])
