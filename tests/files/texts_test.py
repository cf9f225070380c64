"""Tests of which encoding a text has."""

import pytest

from scaf_jax.files import texts


@pytest.mark.parametrize("name", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding(name):
    assert texts.decode("Zoë,1\n".encode(name)) == "Zoë,1\n"


def test_marks_are_left_out_wherever_they_are():
    assert texts.decode(2 * "a\n".encode("utf-8-sig")) == "a\na\n"
    assert texts.decode(b"") == ""


def test_what_is_no_text_is_refused():
    with pytest.raises(UnicodeDecodeError):
        texts.decode(b"\xff\xd8\xff\xe0")
