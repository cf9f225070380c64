"""Tests of which faces a run opens."""

import logging

import pytest
from PIL import Image

from data_builders import prepare
from scaf_jax.data import prepared_sources
from scaf_jax.runs import faces, resolve


def test_test_sets_that_are_not_there_are_left_out(config, tiny_faces, caplog):
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.evaluation.splits = ("test", "test_makeup")
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert list(resolve.resolve(config).faces.tests()) == ["test"]
    assert "no split 'test_makeup'" in caplog.text and "left out" in caplog.text
    config.evaluation.splits = ("tset",)
    with pytest.raises(prepared_sources.MissingSplitError, match="'tset'; there are: train, test"):
        resolve.resolve(config).faces.tests()


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


def test_faces_without_landmarks_are_no_labeled_faces(config, tmp_path, caplog):
    config.data.name, config.data.data_dir = "landmarks_folder", _splits_of_blank_faces(tmp_path)
    config.alignment.num_labels = 0
    assert resolve.resolve(config).faces.training().keys == ["0.png"]
    assert "1 of 2 faces have no known landmark" in caplog.text
    assert resolve.resolve(config).faces.split("train").keys == ["0.png", "1.png"]
    config.alignment.num_labels = 2
    with pytest.raises(ValueError, match=r"num_labels=2 is not in 1\.\.1"):
        resolve.resolve(config).faces.training()


def test_test_sets_may_be_a_pattern_and_those_without_landmarks_are_left_out(
    config, tmp_path, caplog
):
    config.data.name, config.data.data_dir = "landmarks_folder", _splits_of_blank_faces(tmp_path)
    config.evaluation.splits = ("test*", "val*", "*")
    assert resolve.resolve(config).faces.test_names() == ["test_a", "test_b", "val"]
    assert list(resolve.resolve(config).faces.tests()) == ["test_a", "val"]
    assert "split 'test_b' of" in caplog.text and "left out" in caplog.text
    config.evaluation.splits = ("dev*",)
    with pytest.raises(prepared_sources.MissingSplitError, match=r"'dev\*'; there are: .*train"):
        resolve.resolve(config).faces.tests()
    config.evaluation.splits = ("test_b",)
    with pytest.raises(faces.NoLabelsError, match="not one of its 1 faces has a known landmark"):
        resolve.resolve(config).faces.tests()
