"""Tests of what a config is resolved to; its rules are in config_rules_test.py."""

import dataclasses
import json

import jax
import ml_collections
import pytest
from PIL import Image

from data_builders import prepare
from scaf_jax.data import prepared_sources
from scaf_jax.landmarks.schemes import WFLW98
from scaf_jax.runs import resolve

SCHEME = {
    "name": "mine",
    "landmarks": ["left_eye", "right_eye"],
    "flip_pairs": [["left_eye", "right_eye"]],
    "normalizer": ["left_eye", "right_eye"],
}


def test_a_scheme_by_name(config):
    config.data.scheme = "wflw98"
    assert resolve.resolve(config).scheme is WFLW98
    config.data.scheme = "none"
    with pytest.raises(ValueError, match="known: ibug68, wflw98"):
        resolve.resolve(config)


def test_a_scheme_from_a_file(config, tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SCHEME))
    config.data.scheme = str(path)
    assert resolve.resolve(config).scheme.names == ("left_eye", "right_eye")
    path.unlink()
    with pytest.raises(ValueError, match=r"s\.json: cannot be read"):
        resolve.resolve(config)


def test_the_data_sets_own_scheme(config, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "scheme.json").write_text(json.dumps(SCHEME))
    (photos / "landmarks.csv").write_text(
        "name,left_eye_x,left_eye_y,right_eye_x,right_eye_y\na.png,2,3,8,9\n"
    )
    Image.new("RGB", (20, 20)).save(photos / "a.png")
    config.data.scheme, config.data.name = "", "landmarks_folder/mine"
    with pytest.raises(prepared_sources.DataNotPreparedError, match="--builder_config=mine"):
        resolve.resolve(config)
    prepare.prepare(
        "landmarks_folder",
        manual_dir=str(photos),
        data_dir=config.data.data_dir,
        builder_config="mine",
    )
    scheme = resolve.resolve(config).scheme
    assert (scheme.name, scheme.flip_permutation) == ("mine", (1, 0))


def test_a_data_set_without_a_scheme(config, tiny_faces):
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.data.scheme = ""
    with pytest.raises(ValueError, match="does not say how its faces are marked: set data.scheme"):
        resolve.resolve(config)


def test_it_is_the_configs_and_does_not_change_with_it(config):
    run = resolve.resolve(config)
    config.data.box, config.alignment.sigma, config.evaluation.boxes = (
        "detector",
        3.0,
        ("detector",),
    )
    assert (run.crop.box, run.alignment.codec.sigma) == ("ground_truth", 7.0)
    assert run.evaluation.boxes == ("ground_truth",) and run.config["data"]["box"] == run.crop.box
    with pytest.raises(dataclasses.FrozenInstanceError):
        run.seed = 1


@pytest.mark.parametrize(
    ("changes", "names", "stage1"),
    [
        ({}, ["pretraining", "alignment"], ""),
        ({"pretraining.run": "there"}, ["alignment"], "there"),
        ({"pretraining.run": "there", "alignment.initialization": "random"}, ["alignment"], ""),
        ({"alignment.steps": 0}, ["pretraining"], ""),
    ],
    ids=str,
)
def test_it_has_the_stages_that_are_trained(config, changes, names, stage1):
    config.update_from_flattened_dict(changes)
    run = resolve.resolve(config)
    assert ([stage.name for stage in run.stages], run.stage1) == (names, stage1)
    if run.alignment is None:
        with pytest.raises(ValueError, match=r"alignment\.steps is 0"):
            run.landmark_stage()


def test_shapes_are_those_of_the_first_state(config):
    config.active_learning.strategy = "random"
    config.pretraining.guide_weight = 1.0
    run = resolve.resolve(config)
    for stage in run.stages:
        shapes = jax.tree.map(lambda x: (x.shape, x.dtype), jax.eval_shape(stage.init))
        assert jax.tree.map(lambda x: (x.shape, x.dtype), stage.abstract) == shapes
    assert "embedding_guide" in run.pretraining.stage.abstract.batch_stats
    assert run.rounds.label_counts == (8, 11, 12)


def test_a_kept_config_gets_what_it_lacks_and_the_devices_of_this_machine(config):
    values = config.to_dict()
    values["mesh"]["data"] = 64
    with pytest.raises(ValueError, match="64"):
        resolve.resolve(ml_collections.ConfigDict(values))
    del values["evaluation"]["flip"], values["data"]["pixel_convention"]
    kept = json.loads(json.dumps(values))
    run = resolve.resolve_kept(kept)
    assert run.mesh.size == jax.device_count() and run.evaluation.flip is False
    assert run.pretraining.stage.augmentation.scale == (0.94, 1.03)
    assert run.faces.unlabeled_box == (0.0, 0.0, 1.0, 1.0)


def test_steps_to_profile(config):
    run = resolve.resolve(config)
    chosen = run.with_profile(["alignment:2", " pretraining:1-4"]).profile
    assert list(map(str, chosen)) == ["alignment:2-2", "pretraining:1-4"]
    for wrong, told in (
        ("alignment", "'alignment' is not STAGE:FIRST-LAST"),
        ("alignment:-1", "is not STAGE:FIRST-LAST"),
        ("alignment:0-2", "counted from 1"),
        ("alignment:3-2", "the first comes before the last"),
        ("alignment:3-5", "'alignment:3-5': alignment has 4 steps"),
        ("stage1:1", "stages that are trained here are pretraining, alignment"),
        ("alignment:1 alignment:3", "alignment is there twice"),
    ):
        with pytest.raises(ValueError, match=f"^--profile: .*{told}"):
            run.with_profile(wrong.split())
