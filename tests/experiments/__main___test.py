"""What the command line says of labels."""

import pytest

from scaf_jax.experiments import __main__ as command


@pytest.mark.parametrize(
    ("text", "count"), [("all", 0), (" all ", 0), ("50", 50), ("10%", 300), ("2.5%", 75)]
)
def test_numbers_of_labels_are_read(text, count):
    assert command._number_of_labels(text, 3000) == count


@pytest.mark.parametrize("text", ["", "0", "-3", "3001", "x%", "0%", "200%", "half"])
def test_numbers_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="there are 3000 faces"):
        command._number_of_labels(text, 3000)


def test_rates_of_models_are_read():
    assert command._model_rate("3fabrec=3e-3") == ("3fabrec", 0.003)


@pytest.mark.parametrize("text", ["3fabrec", "3fabrec=", "3fabrec=fast", "3fabrec=0", "3fabrec=-1"])
def test_rates_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="it takes MODEL=RATE"):
        command._model_rate(text)
