import os
import signal

import pytest

from scaf_jax.training import stopping


def _term() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_outside_of_loops_a_signal_is_obeyed_at_once():
    reached = []
    with pytest.raises(stopping.Interrupted, match="SIGTERM.*same command continues"):
        with stopping.listening():
            _term()
            reached.append("after")
    assert reached == []


def test_within_a_loop_it_is_noted_until_the_loop_asks():
    with stopping.listening(), pytest.raises(stopping.Interrupted, match="mine"):
        with stopping.deferred() as stop:
            assert not stop.asked()
            _term()
            assert stop.asked() and stop.name == "SIGTERM"
            raise stopping.Interrupted("mine")


def test_a_loop_that_ended_by_itself_stops_the_command_behind_it():
    reached = []
    with stopping.listening(), pytest.raises(stopping.Interrupted):
        with stopping.deferred():
            _term()
            reached.append("saved")
        reached.append("next stage")
    assert reached == ["saved"]


def test_a_second_signal_ends_at_once():
    with pytest.raises(KeyboardInterrupt), stopping.deferred():
        _term()
        _term()


def test_errors_that_are_caught_for_one_face_do_not_hide_it():
    with pytest.raises(stopping.Interrupted), stopping.listening():
        try:
            _term()
        except Exception:
            pytest.fail("it is no error of a face")


def test_handlers_are_given_back_and_a_later_command_starts_unasked():
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(stopping.Interrupted), stopping.deferred():
        _term()
    assert signal.getsignal(signal.SIGTERM) is before
    with stopping.listening() as stop:
        assert not stop.asked()
