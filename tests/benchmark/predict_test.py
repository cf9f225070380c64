"""The measurement from files to landmarks runs and writes what it says; no time is judged."""

import argparse
import json
import pathlib

import numpy as np
import pytest

from scaf_jax.benchmark import machine, photos, predict
from scaf_jax.inference import bundle


@pytest.fixture(scope="module")
def network(model) -> bundle.Bundle:
    return bundle.Bundle.load(model)


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return parser.parse_args(words)


def test_writes_all_times_and_a_table(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "none"})
    output = tmp_path / "times.json"
    words = ["--faces=3", "--width=200", "--batch=2", "--rounds=2", f"--output={output}"]
    assert predict.main(_arguments(str(model), *words)) == 0
    result = json.loads(output.read_text())
    assert result["faces"] == 3 and result["flip"] is False
    for name, seconds in result["seconds"].items():
        assert len(seconds) == 2
        rate = result["faces_per_second"][name]
        assert rate == pytest.approx(3 / np.median(seconds))
        assert result["milliseconds_per_face"][name] == pytest.approx(1e3 / rate)
    assert "files to landmarks, batches of 2" in (tmp_path / "times.md").read_text()
    assert "Load of the machine" in capsys.readouterr().out


def test_all_contestants_look_at_the_same_faces(network, tmp_path):
    faces = predict._Faces.of(photos.make(200, 3), network, pathlib.Path(tmp_path))
    found = {
        name: run() for name, run in predict.contestants(network, faces, 2, flip=False).items()
    }
    assert [pixels.shape[2] for pixels in found.pop(predict.DECODE)] == [3, 3, 3]
    for landmarks in found.values():
        np.testing.assert_allclose(landmarks, found[predict.FILES], atol=1e-2)


def test_a_network_that_is_not_there_is_told(capsys):
    assert predict.main(_arguments("nowhere")) == 2
    assert "neither a folder nor a file" in capsys.readouterr().err
