"""Tests of JSON files that come from anywhere."""

import pytest

from scaf_jax.files import strict_json


def test_reads_what_is_there(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf{"a": [1, null, "\xc3\xa4"]}')
    assert strict_json.read_json(path) == {"a": [1, None, "ä"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.json:1: not JSON"),
        (b'[1,\n{"b": ', r"a\.json:2: not JSON .*cut short"),
        (b'{"b": 1, "c": 2, "b": 3}', r"a\.json: not usable as JSON \('b' is there twice\)"),
        (b"[" * 100_000, "not usable as JSON"),
        (b"\xff\xfe[", "not a UTF-8 text"),
        (b"PK\x03\x04abc", "zip archive"),
        (b"[" + b" " * 100 + b"]", "larger than 99 bytes"),
    ],
)
def test_errors_name_the_file(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(strict_json.JsonError, match=message):
        strict_json.read_json(path, 100_000 if content.startswith(b"[[") else 99)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(strict_json.JsonError, match=r"none\.json: cannot be read: No such file"):
        strict_json.read_json(tmp_path / "none.json")
