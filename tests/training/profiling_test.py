"""Tests of profiles of steps; a training's own is in tests/runs/stages_test.py."""

import logging

import pytest

from scaf_jax.training import profiling

WINDOWS = [profiling.Window("alignment", 2, 3)]


def _step(number, train_state, batch):
    return train_state, {"step": number}


def test_what_begins_late_or_is_cut_short_is_written(tmp_path):
    with pytest.raises(KeyError), profiling.recorded(_step, WINDOWS, tmp_path) as step:
        assert step(2, "state", {}) == ("state", {"step": 2})
        raise KeyError
    assert len(list((tmp_path / "profile").rglob("*.trace.json.gz"))) == 1


def test_steps_that_were_not_done_are_told(tmp_path, caplog):
    with (
        caplog.at_level(logging.WARNING),
        profiling.recorded(_step, WINDOWS, tmp_path) as step,
    ):
        step(3, "state", {})
    assert "no profile of alignment:2-3" in caplog.text
    assert not (tmp_path / "profile").exists()
    assert profiling.summary(tmp_path) == "No profile."


def test_without_windows_the_step_is_what_it_was(tmp_path):
    with profiling.recorded(_step, [], tmp_path) as step:
        assert step is _step
