"""Tests of smoothing: less noise on what lies still, little lag of what moves."""

import numpy as np

from scaf_jax.inference import smoothing


def test_still_landmarks_lie_still_and_moving_ones_do_not_lag():
    rng = np.random.default_rng(0)
    times = np.arange(120) / 30
    still = np.array([[50.0, 60.0], [90.0, 60.0]])
    noisy = still + rng.normal(0, 1, (120, 2, 2))
    smooth = smoothing.OneEuro()
    found = np.stack([smooth(points, time, 100) for points, time in zip(noisy, times, strict=True)])
    assert np.abs(found[30:] - still).mean() < 0.6 * np.abs(noisy[30:] - still).mean()
    speed = 300.0  # pixels a second: three face sizes
    moving = still + (speed * times)[:, None, None] * [1, 0]
    smooth = smoothing.OneEuro()
    found = np.stack([smooth(p, time, 100) for p, time in zip(moving, times, strict=True)])
    assert np.abs(found[-1] - moving[-1]).max() < 1.5 * speed / 30  # a frame and a half


def test_it_starts_anew_where_time_does_not_go_on():
    smooth = smoothing.OneEuro()
    first = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(smooth(first, 1.0, 10), first)
    np.testing.assert_array_equal(smooth(first + 50, 1.0, 10), first + 50)
    assert (smooth(first, 1.1, 10) > first).all()
