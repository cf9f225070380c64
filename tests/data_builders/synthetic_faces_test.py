"""Tests of the builder of the procedural faces."""

import pathlib
import sys
from typing import Any

import cv2
import numpy as np
import pytest
import tensorflow_datasets as tfds

from data_builders.synthetic_faces import examples
from data_builders.synthetic_faces.renderer import render_face
from data_builders.synthetic_faces.synthetic_faces_dataset_builder import Builder


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tiny form, prepared without TensorFlow, and opened again."""
    before = "tensorflow" in sys.modules
    builder = Builder(config="tiny", data_dir=tmp_path_factory.mktemp("data"))
    builder.download_and_prepare(file_format="array_record")
    assert before or "tensorflow" not in sys.modules
    return tfds.builder_from_directory(pathlib.Path(builder.data_path))


def test_tiny_has_its_splits_and_features(prepared: Any) -> None:
    assert prepared.info.full_name == "synthetic_faces/tiny/1.0.0"
    counts = {name: split.num_examples for name, split in prepared.info.splits.items()}
    assert counts == {"train": 64, "test": 32}
    names = "image landmarks landmarks_98 box_detector box_ground_truth key subset index".split()
    assert isinstance(prepared.info.features, tfds.features.FeaturesDict)
    assert sorted(prepared.info.features) == sorted(names)


def test_what_is_read_is_what_was_rendered(prepared: Any) -> None:
    for split, seed in (("train", 1), ("test", 2)):
        source = prepared.as_data_source(split)
        for index in (0, 1, len(source) - 1):
            example, face = source[index], render_face(seed, index)
            np.testing.assert_array_equal(example["landmarks"], face.landmarks68)
            np.testing.assert_array_equal(example["landmarks_98"], face.landmarks98)
            np.testing.assert_array_equal(example["box_detector"], face.box_detector)
            np.testing.assert_array_equal(example["box_ground_truth"], face.box_ground_truth)
            assert example["key"] == f"{split}/{index:06d}".encode()
            assert (example["subset"], example["index"]) == (split.encode(), index)
            image = cv2.imdecode(np.frombuffer(example["image"], np.uint8), cv2.IMREAD_COLOR)
            assert image is not None and image.shape == face.image.shape
            assert np.abs(image[..., ::-1].astype(int) - face.image).mean() < 6


def test_splits_share_no_face(prepared: Any) -> None:
    seen = {
        example["landmarks"].tobytes()
        for split in ("train", "test")
        for example in prepared.as_data_source(split)
    }
    assert len(seen) == 96


def test_several_processes_give_the_same_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = list(examples.examples(1, "train", 6, 48))
    monkeypatch.setattr(examples, "_num_processors", lambda: 2)
    monkeypatch.setattr(examples, "_SMALLEST_SHARED", 2)
    monkeypatch.setattr(examples, "_CHUNK", 2)
    shared = list(examples.examples(1, "train", 6, 48))
    assert [e["index"] for e in shared] == list(range(6))
    for one, other in zip(alone, shared, strict=True):
        assert one["image"] == other["image"]
        np.testing.assert_array_equal(one["landmarks"], other["landmarks"])
