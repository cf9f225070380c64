"""Tests of the picture of a training's loss."""

import numpy as np

from scaf_jax.reporting import training_curve

NAMES = {"train/loss": "loss", "train/other": "other"}


def _draw(lines):
    return training_curve.training_curve(lines, NAMES, title="A training")


def test_the_curve_follows_the_numbers():
    falling = _draw([{"step": s, "train/loss": 2.0 / s} for s in range(1, 20)])
    rising = _draw([{"step": s, "train/loss": 2.0 * s} for s in range(1, 20)])
    assert falling is not None and rising is not None
    assert falling.shape == (500, 1000, 3) and falling.dtype == np.uint8
    assert np.any(falling != rising)


def test_what_cannot_be_drawn_is_left_out():
    good = [{"step": 1, "train/loss": 2.0}, {"step": 3, "train/loss": 1.0}]
    bad = [
        good[0],
        {"step": 2, "train/loss": None, "train/other": 0.0},
        good[1],
        {"step": 4},
    ]
    np.testing.assert_array_equal(_draw(bad), _draw(good))


def test_nothing_to_draw_is_no_picture():
    assert _draw([]) is None
    assert _draw([{"step": 1, "train/loss": None}]) is None
