"""Tests of what configs are turned into: landmark schemes."""

import json
import logging

import pytest
from PIL import Image

from data_builders import prepare
from scaf_jax import default_config
from scaf_jax.data import prepared_sources
from scaf_jax.landmarks.schemes import WFLW98
from scaf_jax.runs import settings

SCHEME = {
    "name": "mine",
    "landmarks": ["left_eye", "right_eye"],
    "flip_pairs": [["left_eye", "right_eye"]],
    "normalizer": ["left_eye", "right_eye"],
}


@pytest.fixture
def config(tmp_path):
    result = default_config.get_config()
    result.data.data_dir = str(tmp_path / "data")
    return result


def test_a_scheme_by_name(config):
    config.data.scheme = "wflw98"
    assert settings.scheme(config) is WFLW98
    config.data.scheme = "none"
    with pytest.raises(ValueError, match="known: ibug68, wflw98"):
        settings.scheme(config)


def test_a_scheme_from_a_file(config, tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps(SCHEME))
    config.data.scheme = str(path)
    assert settings.scheme(config).names == ("left_eye", "right_eye")
    path.unlink()
    with pytest.raises(ValueError, match=r"s\.json: cannot be read"):
        settings.scheme(config)


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
        settings.scheme(config)
    prepare.prepare(
        "landmarks_folder",
        manual_dir=str(photos),
        data_dir=config.data.data_dir,
        builder_config="mine",
    )
    scheme = settings.scheme(config)
    assert (scheme.name, scheme.flip_permutation) == ("mine", (1, 0))
    assert settings.checked(config) is config


def test_a_data_set_without_a_scheme(config, tiny_faces):
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.data.scheme = ""
    with pytest.raises(ValueError, match="does not say how its faces are marked: set data.scheme"):
        settings.scheme(config)


def test_test_sets_that_are_not_there_are_left_out(config, tiny_faces, caplog):
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.evaluation.splits = ("test", "test_makeup")
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert list(settings.test_sources(config)) == ["test"]
    assert "no split 'test_makeup'" in caplog.text and "left out" in caplog.text
    config.evaluation.splits = ("tset",)
    with pytest.raises(prepared_sources.MissingSplitError, match="'tset'; there are: train, test"):
        settings.test_sources(config)


def _splits_of_blank_faces(tmp_path):
    """A set whose train has two faces, the second without landmarks, and test and val none."""
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "scheme.json").write_text(
        '{"name": "two", "landmarks": ["a", "b"], "flip_pairs": [["a", "b"]],'
        ' "normalizer": ["a", "b"]}'
    )
    rows = []
    for split, known in (("train", 1), ("train", 0), ("test_a", 1), ("test_b", 0), ("val", 1)):
        name = f"{len(rows)}.png"
        Image.new("RGB", (40, 40)).save(photos / name)
        rows.append(f"{name},{'10,10,30,20' if known else ',,,'},5,5,35,35,{split}")
    header = "name,a_x,a_y,b_x,b_y,x0,y0,x1,y1,split"
    (photos / "landmarks.csv").write_text("\n".join([header, *rows]))
    prepare.prepare("landmarks_folder", manual_dir=str(photos), data_dir=str(tmp_path / "data"))
    return str(tmp_path / "data")


def test_faces_without_landmarks_are_no_labelled_faces(config, tmp_path, caplog):
    config.data.name, config.data.data_dir = "landmarks_folder", _splits_of_blank_faces(tmp_path)
    config.alignment.num_labels = 0
    assert settings.labeled_source(config).keys == ["0.png"]
    assert "1 of 2 faces have no known landmark" in caplog.text
    assert settings.split_source(config, "train").keys == ["0.png", "1.png"]
    config.alignment.num_labels = 2
    with pytest.raises(ValueError, match=r"num_labels=2 is not in 1\.\.1"):
        settings.labeled_source(config)


def test_test_sets_may_be_a_pattern_and_those_without_landmarks_are_left_out(
    config, tmp_path, caplog
):
    config.data.name, config.data.data_dir = "landmarks_folder", _splits_of_blank_faces(tmp_path)
    config.evaluation.splits = ("test*", "val*", "*")
    assert settings.test_split_names(config) == ["test_a", "test_b", "val"]
    assert list(settings.test_sources(config)) == ["test_a", "val"]
    assert "split 'test_b' of" in caplog.text and "left out" in caplog.text
    config.evaluation.splits = ("dev*",)
    with pytest.raises(prepared_sources.MissingSplitError, match=r"'dev\*'; there are: .*train"):
        settings.test_sources(config)
    config.evaluation.splits = ("test_b",)
    with pytest.raises(settings.NoLabelsError, match="not one of its 1 faces has a known landmark"):
        settings.test_sources(config)
