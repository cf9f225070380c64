"""The measurement from files to landmarks runs and writes what it says; no time is judged."""

import argparse
import json
import pathlib

import jax
import numpy as np
import pytest

from scaf_jax.benchmark import machine, photos, predict
from scaf_jax.data import geometry
from scaf_jax.inference import bundle
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.training import state


@pytest.fixture(scope="module")
def network() -> bundle.Bundle:
    shape = aligner.Architecture(64, 32, 68, width_multiplier=1 / 16)
    graphdef, *shapes = state.definition(shape.build)
    rng = np.random.default_rng(0)
    weights = jax.tree.map(lambda x: rng.uniform(0.05, 0.15, x.shape).astype("f4"), shapes)
    return bundle.Bundle(
        graphdef=graphdef,
        params=weights[0],
        batch_stats=weights[1],
        crop=geometry.CropSettings(64),
        provenance={"steps": 1, "flip": False},
        architecture=shape,
        codec=heatmaps.HeatmapCodec(64, 32, blur_size=3),
        scheme=schemes.IBUG68,
        decoder="subpixel",
    )


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    predict.add_arguments(parser)
    return parser.parse_args(words)


def test_writes_all_times_and_a_table(network, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "none"})
    model, output = tmp_path / "model.safetensors", tmp_path / "times.json"
    network.save(model)
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


@pytest.mark.parametrize(
    ("words", "message"),
    [(["nowhere"], "neither a folder nor a file"), (["it", "--output=/none/a.json"], "no folder")],
)
def test_bad_arguments_are_told(words, message, capsys):
    assert predict.main(_arguments(*words)) == 2
    assert message in capsys.readouterr().err
