"""Tests of how a network that has stopped learning is told."""

import pytest
from absl import logging

from scaf_jax.training import blindness


def _line(step, loss, constant=2.0, empty=2.8):
    return {
        "step": step,
        blindness.LOSS: loss,
        blindness.CONSTANT: constant,
        blindness.EMPTY: empty,
    }


@pytest.mark.parametrize(
    ("loss", "like"), [(2.8, "empty"), (2.75, "empty"), (2.0, "constant"), (1.95, "constant")]
)
def test_a_loss_that_needs_no_image_is_told_with_what_to_try(loss, like):
    found = blindness.sighting(300, _line(300, loss), 800)
    assert found is not None
    text = str(found)
    assert "step 300" in text and f"most like {like} ones" in text
    assert "alignment.learning_rate" in text and "alignment.skip_gain=learned" in text


def test_a_network_that_learns_is_left_alone():
    assert blindness.sighting(300, _line(300, 1.9), 800) is None


def test_the_beginning_says_nothing():
    assert blindness.sighting(200, _line(200, 2.8), 800) is None
    assert blindness.sighting(201, _line(201, 2.8), 800) is not None
    # A short training may still be in its first steps.
    assert blindness.sighting(100, _line(100, 2.8), 300) is None
    assert blindness.sighting(300, _line(300, 2.8), 300) is not None
    assert blindness.sighting(1000, _line(1000, 2.8), 50_000) is None
    assert blindness.sighting(1001, _line(1001, 2.8), 50_000) is not None


def test_lines_of_before_these_numbers_existed_say_nothing():
    assert blindness.sighting(300, {blindness.LOSS: 2.8}, 800) is None
    assert blindness.sighting(300, _line(300, None), 800) is None
    assert blindness.last_sighting([], 800) is None


def test_only_the_last_line_counts_for_the_report():
    assert blindness.last_sighting([_line(300, 2.8), _line(800, 0.5)], 800) is None
    assert blindness.last_sighting([_line(300, 0.5), _line(800, 2.8)], 800) is not None


def test_it_warns_once(monkeypatch):
    said = []
    monkeypatch.setattr(logging, "warning", lambda _, found: said.append(found.step))
    watch = blindness.Watch(800)
    for step, loss in ((200, 2.8), (300, 1.0), (400, 2.8), (500, 2.8)):
        watch(step, _line(step, loss))
    assert said == [400]
