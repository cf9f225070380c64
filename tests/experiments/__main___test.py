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
