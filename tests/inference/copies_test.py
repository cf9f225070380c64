"""Copies of faces: turned pixels and points go together, and landmarks are led back."""

import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.inference import copies
from scaf_jax.landmarks import heatmaps

SIZE = 32


def _spot(x, y):
    """An image with one soft spot."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 8)
    return np.repeat(np.uint8(np.round(255 * spot))[..., None], 3, axis=-1)


def _center(image):
    rows, columns = np.mgrid[:SIZE, :SIZE]
    weights = np.asarray(image, float)[..., 0]
    return np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()


@pytest.mark.parametrize("degrees", [-15.0, 15.0, 90.0])
def test_a_spot_and_its_point_turn_together(degrees):
    point = np.array([21.0, 12.0])
    turned = copies.turn(jnp.asarray(_spot(*point)[None]), degrees)
    assert turned.dtype == jnp.uint8
    expected = copies.turn_points(jnp.asarray(point), degrees, SIZE)
    np.testing.assert_allclose(_center(turned[0]), expected, atol=0.1)


def test_clockwise_as_it_is_seen_and_back():
    top = jnp.array([15.5, 0.0])
    np.testing.assert_allclose(copies.turn_points(top, 90, SIZE), [31, 15.5], atol=1e-5)
    points = np.random.default_rng(0).uniform(0, 31, (5, 2)).astype(np.float32)
    there = copies.turn_points(jnp.asarray(points), 20, SIZE)
    np.testing.assert_allclose(copies.turn_points(there, -20, SIZE), points, atol=1e-4)


def test_what_follows_the_image_agrees_and_what_does_not_is_seen():
    codec = heatmaps.HeatmapCodec(SIZE, SIZE, blur_size=3)

    def looks(images, train):
        return images[..., :1], None

    def knows_a_place(images, train):
        return jnp.zeros_like(images[..., :1]).at[:, 12, 21].set(1.0), None

    images = jnp.asarray(_spot(21, 12)[None])
    for model, largest in ((looks, 1.0), (knows_a_place, np.inf)):
        found = copies.landmarks_on_copies(model, images, codec, "subpixel", permutation=(0,))
        assert [x.shape for x in found] == [(1, 1, 2)] * 3
        apart = np.linalg.norm(np.stack(found)[:, 0, 0] - [21, 12], axis=-1)
        assert (apart < largest).all() and (largest == 1.0 or apart.max() > 4)
