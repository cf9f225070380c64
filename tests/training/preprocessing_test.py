"""Between bytes and what the networks see."""

import jax.numpy as jnp
import numpy as np

from scaf_jax.training import preprocessing


def _all_bytes() -> np.ndarray:
    return np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)


def test_normalize_scales_and_subtracts_the_mean():
    images = preprocessing.normalize(_all_bytes())
    expected = _all_bytes() / 255.0 - np.array([0.518, 0.418, 0.361])
    assert images.dtype == jnp.float32
    np.testing.assert_allclose(images, expected, atol=1e-6)


def test_denormalize_gives_every_byte_back():
    images = preprocessing.denormalize(preprocessing.normalize(_all_bytes()))
    assert images.dtype == jnp.uint8
    np.testing.assert_array_equal(images, _all_bytes())


def test_denormalize_clips_what_is_no_color():
    images = preprocessing.denormalize(jnp.asarray([[[[-1.0, 0.0, 1.0]]]]))
    np.testing.assert_array_equal(images, [[[[0, 107, 255]]]])


def test_floats_are_taken_for_normalized():
    images = np.full((1, 2, 2, 3), 0.25)
    assert preprocessing.normalize(images) is images
