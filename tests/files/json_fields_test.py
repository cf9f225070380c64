"""Tests of what is said of objects whose fields are not as they were written."""

import pytest

from scaf_jax.files import json_fields

TYPES = {"name": str, "size": json_fields.NUMBER, "flip": bool}
GOOD = {"name": "a", "size": 1.5, "flip": False}


def test_what_is_right_is_let_through():
    json_fields.check(GOOD, TYPES)
    json_fields.check(GOOD | {"size": 1}, TYPES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"name": "a", "flip": True}, "^it: size is missing$"),
        (GOOD | {"more": 1}, "^it: more is unknown$"),
        (GOOD | {"size": True, "flip": 0}, "^it: size is True, .*; it: flip is 0, which has the"),
        (GOOD | {"size": float("nan")}, "size is nan, which has the wrong type"),
        ([], r"^it: \[\] is no object with name, size, flip$"),
    ],
)
def test_what_is_wrong_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        json_fields.check(content, TYPES, "it: ")
