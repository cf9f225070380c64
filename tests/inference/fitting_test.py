"""Tests of fitting, with a detector that is wrong in a known way and a network that finds dots."""

import dataclasses

import numpy as np
import pytest

from scaf_jax.data import images
from scaf_jax.detection import detectors
from scaf_jax.inference import face_aligner, fitting
from scaf_jax.landmarks import confidence
from scaf_jax.weights.fitted import Fitted


def _detector(box: np.ndarray) -> detectors.Detector:
    def find(pixels):
        none = pixels[0, 0, 0] == 255
        return (np.zeros((0, 4)), np.zeros(0)) if none else (np.array([box]), np.ones(1))

    return detectors.Detector("it", (128,), find)


def test_boxes_of_a_detector_become_those_of_the_training(faces):
    wrong = np.array([10.0, 20, 100, 128])
    found = fitting.find(faces, _detector(wrong))
    assert found.there.all()
    fixed = found.correction().apply(found.boxes)
    np.testing.assert_allclose(fixed, found.wanted, atol=1e-6)
    far = fitting.find(faces, _detector(np.array([0.0, 0, 8, 8])))
    assert not far.there.any()
    with pytest.raises(ValueError, match="needs 5 faces; there are 0"):
        far.correction()
    source = fitting.DetectedSource(faces, np.stack([wrong, np.full(4, np.nan), *[wrong] * 3]))
    np.testing.assert_array_equal(source[0]["box_detector"], wrong)
    np.testing.assert_array_equal(source[1]["box_detector"], faces[1]["box_ground_truth"])
    assert source.keys == faces.keys and len(source) == 5


def test_boxes_about_landmarks_need_faces_that_have_all_of_them(faces):
    class OneLacksAPoint:
        keys = faces.keys

        def __len__(self):
            return len(faces)

        def __getitem__(self, i):
            mask = np.array(faces[i]["landmark_mask"])
            mask[0] &= i > 0
            return {**faces[i], "landmark_mask": mask}

    with pytest.raises(ValueError, match="4 of 5 labeled faces have every landmark, and 5 are"):
        fitting.about_landmarks(OneLacksAPoint())


def test_errors_and_confidences_of_a_network(network, faces, pass_settings):
    fitter = fitting.Fitter(network(), pass_settings, flip=False, normalizer="outer_eye_corners")
    true = fitter.nme(faces)
    assert true < 1
    assert fitter.nme(faces, np.tile([10.0, 6, 126, 118], (5, 1))) < 2
    with pytest.raises(confidence.CalibrationError, match="needs 30 held-out faces"):
        fitter.calibrated(faces, "five faces")


def test_a_network_without_calibration_has_no_confidence(network, faces):
    own = network()
    photo, _ = images.decode_image(faces[0]["image"], "it")
    assert face_aligner.FaceAligner(own, flip=False).predict(photo).confidence is None
    errors = np.random.default_rng(0).choice([1.0, 30.0], (40, 2))
    heights = np.random.default_rng(1).uniform(size=(40, 2))
    sure = confidence.fit(heights, errors, normalizer="outer_eye_corners", origin="drawn")
    calibrated = dataclasses.replace(own, fitted=Fitted({}, sure))
    aligner = face_aligner.FaceAligner(calibrated, flip=False)
    found = aligner.predict(photo).confidence
    assert found is not None and found.shape == (1, 2)
    assert ((found >= 0) & (found <= 1)).all()
    nothing = aligner.predict([]).confidence
    assert nothing is not None and nothing.shape == (0, 2)
