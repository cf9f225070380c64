"""The guide's coordinates are what the embedding's prior asks for."""

import jax
import numpy as np

from scaf_jax.models import embedding_guide


def test_coordinates_are_white():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((500, 6)) @ rng.standard_normal((6, 40)) + 3
    values = embedding_guide.whitened_components(rows, 6)
    coordinates = (rows - values["mean"]) @ values["projection"]
    np.testing.assert_allclose(coordinates.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(coordinates.T @ coordinates / 500, np.eye(6), atol=1e-3)


def test_components_that_the_images_do_not_have_are_zero():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 40))
    projection = embedding_guide.whitened_components(rows, 5)["projection"]
    assert projection[:, :2].any(axis=0).all() and not projection[:, 2:].any()


def test_images_of_every_size_are_averaged_to_the_same_coordinates():
    rng = np.random.default_rng(0)
    small = rng.standard_normal((2, 32, 32, 3)).astype(np.float32)
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    guide = embedding_guide.EmbeddingGuide(7)
    guide.projection[...] = jax.numpy.asarray(rng.standard_normal((3072, 7)), "float32")
    guide.mean[...] = jax.numpy.ones(3072)
    expected = (small.reshape(2, -1) - 1) @ np.asarray(guide.projection[...])
    for images in (small, large):
        np.testing.assert_allclose(guide(jax.numpy.asarray(images)), expected, atol=1e-3)
