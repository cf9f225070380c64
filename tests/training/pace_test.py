"""Tests of what a training's time goes into, with a clock that the tests turn."""

import logging

import pytest

from scaf_jax.training import pace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _steps(measured: pace.Pace, clock: Clock, count: int, waited: float, computed: float) -> None:
    for _ in range(count):
        with measured.waiting():
            clock.now += waited
        clock.now += computed
        measured.step(8)


def test_the_first_step_is_told_once_and_counts_nowhere_else(caplog):
    clock = Clock()
    measured = pace.Pace(clock)
    with caplog.at_level(logging.INFO):
        _steps(measured, clock, 1, 2.0, 30.0)
    assert measured.has_stepped and "first step after 32.0 s (2.0 of them" in caplog.text
    assert measured.scalars() == {pace.FIRST_STEP: 32.0}
    _steps(measured, clock, 4, 0.25, 0.75)
    assert measured.scalars() == {pace.WAITING: 0.25, pace.FACES: 8.0}
    _steps(measured, clock, 2, 0.0, 0.5)
    assert measured.scalars() == {pace.WAITING: 0.0, pace.FACES: 16.0}


@pytest.mark.parametrize(("waited", "level"), [(0.6, "WARNING"), (0.01, "INFO")])
def test_a_training_that_waits_says_so_in_the_end(waited, level, caplog):
    clock = Clock()
    measured = pace.Pace(clock)
    _steps(measured, clock, 1, 0.0, 1.0)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        measured.tell("buy cores")
        assert not caplog.records  # nothing was counted yet
        _steps(measured, clock, 5, waited, 1 - waited)
        measured.scalars()
        measured.tell("buy cores")
    (record,) = caplog.records
    assert record.levelname == level and "8 faces a second" in record.getMessage()
    assert f"{100 * waited:.0f} % of the time" in record.getMessage()
    assert ("buy cores" in record.getMessage()) == (level == "WARNING")


def test_the_report_is_told_from_the_metrics():
    lines = [
        {"step": 1, "train/loss": 2.0},
        {"step": 2, pace.FIRST_STEP: 9.04, pace.WAITING: 0.1, pace.FACES: 10.0},
        {"step": 4, pace.WAITING: 0.3, pace.FACES: 30.0},
        {"step": 6, pace.WAITING: None, pace.FACES: 30.0},
    ]
    assert pace.summary(lines) == {
        "seconds to the first step": 9.0,
        "share of the time waited for faces": 0.2,
        "faces a second": 20.0,
    }
    assert pace.summary(lines[:1]) == {}
