"""Tests of predictions: on their faces in the photo, whatever the crop and the convention."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.data import face_view
from scaf_jax.inference import predictor
from scaf_jax.landmarks import heatmaps


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("convention", heatmaps.CONVENTIONS)
def test_landmarks_are_where_the_photo_shows_them(convention, flip, network, faces, pass_settings):
    looking = predictor.Predictor(network(convention), pass_settings, flip=flip)
    found = looking.predict(faces)
    # The network sees pixels; `corners` means a photo's pixel beside it (see data/geometry.py).
    scale = 64 / 96
    beside = 0.0 if convention == "centers" else 0.5 / scale - (0.5 + 0.5 * scale) / scale
    assert found.landmarks.keys() == set(heatmaps.DECODERS)
    np.testing.assert_allclose(found.landmarks["subpixel"], faces.points + beside, atol=0.3)
    np.testing.assert_allclose(found.landmarks["argmax"], faces.points + beside, atol=2.5)
    np.testing.assert_allclose(found.photo_landmarks, faces.points, atol=1e-4)
    assert found.landmark_mask.all() and found.reconstruction_l1.shape == (5,)


def test_another_box_gives_another_crop_of_the_same_face(network, faces, pass_settings):
    looking = predictor.Predictor(network(), pass_settings)
    own, other = (looking.predict(faces, box=box) for box in (None, "detector"))
    assert (own.matrix != other.matrix).any()
    np.testing.assert_array_equal(own.box_ground_truth, other.box_ground_truth)
    np.testing.assert_allclose(own.landmarks["subpixel"], other.landmarks["subpixel"], atol=0.3)


def test_a_rebuilder_rebuilds_and_does_not_look_for_landmarks(network, faces, pass_settings):
    own = network()
    other = dataclasses.replace(own, params={"gray": jnp.float32(0.25)})
    images = np.stack([face_view.face_view(faces[i], own.crop).cut() for i in range(3)])
    maps, gray = predictor.Predictor(own, pass_settings).inspect(images)
    same, light = predictor.Predictor(own, pass_settings, rebuilder=other).inspect(images)
    assert maps.shape == (3, 32, 32, 2) and light.shape == images.shape
    np.testing.assert_array_equal(maps, same)
    assert light.dtype == np.uint8 and (light > gray).all()
