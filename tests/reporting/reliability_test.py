"""The picture of reliability: where confidence and truth are drawn."""

import numpy as np
import pytest

from scaf_jax.reporting import reliability


def _blue_height(confidence: float, right: float) -> float:
    """The mean row of the marker in the upper half."""
    said = np.full(100, confidence)
    picture = reliability.reliability(
        said, np.arange(100) < 100 * right, title="$it_", right_means="near"
    )
    assert picture.shape == (700, 700, 3) and picture.dtype == np.uint8
    blue = (np.abs(picture[80:480, 100:400].astype(int) - (31, 119, 180)) < 8).all(axis=-1)
    return float(np.argwhere(blue).mean(axis=0)[0])


def test_what_comes_true_more_often_is_drawn_higher():
    heights = [_blue_height(0.35, right) for right in (0.2, 0.5, 0.8)]
    assert heights[0] > heights[1] > heights[2]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2], abs=3)


def test_no_landmark_is_refused():
    with pytest.raises(ValueError, match="there are none"):
        reliability.reliability(np.zeros(0), np.zeros(0, bool), title="it", right_means="near")
