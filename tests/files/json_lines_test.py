"""Tests of lines that work goes on from: nothing whole is lost, nothing of other work is mixed."""

import json

import pytest

from scaf_jax.files import json_lines


def test_stopped_work_goes_on_behind_the_last_whole_line(tmp_path):
    path, work = tmp_path / "lines.jsonl", {"model": "m", "sizes": (1, 2)}
    with json_lines.JsonLines(path, work) as lines:
        lines.append({"name": "a", "score": float("nan")})
        lines.append({"name": "b\udce4"})
        assert [line["name"] for line in lines.read()] == ["a", "b\udce4"]
    with path.open("ab") as file:
        file.write(b'{"name": "c", "sco')  # killed
    with json_lines.JsonLines(path, work) as lines:
        lines.append({"name": "d"})
        assert [line["name"] for line in lines.read()] == ["a", "b\udce4", "d"]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert rows[0] == {"work": {"model": "m", "sizes": [1, 2]}} and rows[1]["score"] is None


def test_other_work_is_refused(tmp_path):
    path = tmp_path / "lines.jsonl"
    json_lines.JsonLines(path, {"model": "m", "flip": True}).close()
    with pytest.raises(json_lines.OtherWorkError, match="is of another flip, model"):
        json_lines.JsonLines(path, {"model": "n"})
    for content in ("", "text\n", "[1]\n", '{"work": 1}\n'):
        path.write_text(content)
        with pytest.raises(json_lines.OtherWorkError, match="was not written by this project"):
            json_lines.JsonLines(path, {"model": "m"})
        assert path.read_text() == content
