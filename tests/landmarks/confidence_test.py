"""Tests of confidences: on landmarks whose chance of being right is known."""

import dataclasses

import numpy as np
import pytest
from scipy import special

from scaf_jax.landmarks import confidence


def _drawn(faces: int, seed: int, landmarks: int = 4) -> tuple[np.ndarray, ...]:
    """Heights, errors and the true chance of being right."""
    rng = np.random.default_rng(seed)
    heights = rng.uniform(0.1, 1.0, (faces, landmarks))
    chance = special.expit(9 * (heights - 0.5) + np.linspace(-1.5, 1.5, landmarks))
    right = rng.uniform(size=heights.shape) < chance
    return heights, np.where(right, 4.0, 25.0), chance


def _fit(heights, errors) -> confidence.Calibration:
    return confidence.fit(heights, errors, normalizer="outer_eye_corners", origin="drawn")


@pytest.mark.parametrize("faces", [60, 600])
def test_confidence_is_the_share_of_landmarks_that_are_right(faces):
    heights, errors, chance = _drawn(faces, 0)
    errors[::7, 1] = np.nan  # nobody knows where it is
    fitted = _fit(heights, errors)
    new, new_errors, chance = _drawn(4000, 1)
    said = fitted(new)
    assert said.dtype == np.float32 and said.min() >= 0 and said.max() <= 1
    near = np.abs(said - chance).mean()
    assert near < (0.06 if faces == 60 else 0.03)
    right = new_errors <= confidence.RIGHT_PERCENT
    assert confidence.expected_error(said.ravel(), right.ravel()) < 0.05
    assert fitted.kind == confidence.LOGISTIC and fitted.error < 0.1


def test_what_is_no_logistic_curve_is_fitted_as_it_is():
    rng = np.random.default_rng(0)
    heights = rng.uniform(0, 1, (800, 3))
    chance = np.where(heights < 0.3, 0.45, np.where(heights < 0.9, 0.55, 0.98))
    errors = np.where(rng.uniform(size=heights.shape) < chance, 1.0, 50.0)
    fitted = _fit(heights, errors)
    assert fitted.kind == confidence.ISOTONIC
    said = fitted(np.array([[0.2, 0.6, 0.97]]))[0]
    np.testing.assert_allclose(said, [0.45, 0.55, 0.98], atol=0.06)


def test_few_or_telling_nothing_is_refused():
    heights, errors, _ = _drawn(29, 0)
    with pytest.raises(confidence.CalibrationError, match="needs 30 held-out faces.* there are 29"):
        _fit(heights, errors)
    heights, errors, _ = _drawn(40, 0)
    errors[20:] = np.nan
    with pytest.raises(confidence.CalibrationError, match="there are 20"):
        _fit(heights, errors)
    for same, word in ((1.0, "right"), (50.0, "wrong")):
        with pytest.raises(confidence.CalibrationError, match=f"are {word}: they say nothing"):
            _fit(heights, np.full_like(heights, same))


def test_it_is_saved_whole_and_read_strictly():
    fitted = _fit(*_drawn(50, 0)[:2])
    assert confidence.Calibration.from_dict(fitted.to_dict()) == fitted
    with pytest.raises(ValueError, match="4 curves of confidence, 3 landmarks"):
        fitted(np.ones((2, 3)))
    good = fitted.to_dict()
    for change, message in (
        ({"kind": "guess"}, "kind is 'guess'"),
        ({"heights": good["heights"][::-1]}, "heights must be"),
        ({"confidences": [[2.0] * len(good["heights"])]}, "confidences must lie in 0 to 1"),
        ({"confidences": [[0.5]]}, "a value for each height"),
        ({"faces": None}, "faces is None, which has the wrong type"),
        ({"heights": [None, 1]}, "heights and confidences must be numbers"),
        ({"more": 1}, "more is unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            confidence.Calibration.from_dict(good | change)
    with pytest.raises(ValueError, match="not fall with the height"):
        falling = tuple(np.linspace(1, 0, len(fitted.heights)))
        dataclasses.replace(fitted, confidences=(falling,))
