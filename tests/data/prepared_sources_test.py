"""Tests of prepared data sets: their versions, splits, features and records."""

import importlib
import io
import pathlib
import pickle
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from etils import epath
from PIL import Image

from data_builders import prepare
from scaf_jax.data import photo_scan, prepared_sources, sources

_COUNTS = {"train": 7, "test": 3}


def _jpeg(value):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (value, 0, 0)).save(file, "JPEG")
    return file.getvalue()


class _Faces(tfds.core.GeneratorBasedBuilder):
    """A few faces with two and with three landmarks, in two configs."""

    name = "few_faces"
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [
        tfds.core.BuilderConfig(name="plain"),
        tfds.core.BuilderConfig(name="tiny"),
    ]

    def _info(self):
        tensor = tfds.features.Tensor
        features = {
            "image": tensor(shape=(), dtype=np.object_),
            "landmarks": tensor(shape=(2, 2), dtype=np.float32),
            "landmarks_more": tensor(shape=(3, 2), dtype=np.float32),
            "box_detector": tensor(shape=(4,), dtype=np.float32),
            "box_ground_truth": tensor(shape=(4,), dtype=np.float32),
            "key": tfds.features.Text(),
            "subset": tfds.features.Text(),
            "index": tfds.features.Scalar(dtype=np.int32),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features), disable_shuffling=True
        )

    def _split_generators(self, dl_manager):
        return {name: self._generate_examples(name) for name in _COUNTS}

    def _generate_examples(self, split):
        for i in range(_COUNTS[split]):
            yield (
                i,
                {
                    "image": _jpeg(i),
                    "landmarks": np.full((2, 2), i, np.float32),
                    "landmarks_more": np.full((3, 2), -i, np.float32),
                    "box_detector": np.array([0, 0, 1, i + 1], np.float32),
                    "box_ground_truth": np.array([0, 0, 2, i + 1], np.float32),
                    "key": f"{split}/Zoë {i}.jpg",
                    "subset": split,
                    "index": i,
                },
            )


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    builder = _Faces(data_dir=str(folder), config="plain", file_format="array_record")
    builder.download_and_prepare()
    return folder


@pytest.fixture(scope="module")
def source(data_dir):
    return prepared_sources.open_source("few_faces/plain", data_dir=str(data_dir), split="train")


def test_records_come_in_the_published_order(source):
    assert len(source) == 7
    assert [source[i]["index"] for i in range(7)] == list(range(7))
    assert source.keys == [f"train/Zoë {i}.jpg" for i in range(7)]
    record = source[3]
    assert record["image"] == _jpeg(3)
    assert record["key"] == "train/Zoë 3.jpg" and record["subset"] == "train"
    np.testing.assert_array_equal(record["landmarks"], np.full((2, 2), 3))
    np.testing.assert_array_equal(record["landmark_mask"], [True, True])
    np.testing.assert_array_equal(record["box_detector"], [0, 0, 1, 4])
    np.testing.assert_array_equal(record["box_ground_truth"], [0, 0, 2, 4])


def test_the_scheme_may_be_another_feature(data_dir):
    more = prepared_sources.open_source(
        "few_faces", data_dir=str(data_dir), split="test", landmarks_feature="landmarks_more"
    )
    np.testing.assert_array_equal(more[1]["landmarks"], np.full((3, 2), -1))
    with pytest.raises(ValueError, match="no feature 'landmarks_98'"):
        prepared_sources.open_source(
            "few_faces", data_dir=str(data_dir), split="test", landmarks_feature="landmarks_98"
        )


def test_the_newest_version_is_read(data_dir, tmp_path):
    plain = data_dir / "few_faces" / "plain"
    for version in ("9.0.0", "10.0.0", "11.0.0.incomplete"):
        shutil.copytree(plain / "1.0.0", tmp_path / "few_faces" / version)
    for file in (tmp_path / "few_faces" / "9.0.0").iterdir():
        file.unlink()
    opened = prepared_sources.open_source("few_faces", data_dir=str(tmp_path), split="train")
    assert opened.keys == [f"train/Zoë {i}.jpg" for i in range(7)]


def test_what_is_not_prepared_is_told_with_the_command(data_dir):
    with pytest.raises(
        prepared_sources.DataNotPreparedError,
        match=r"python -m data_builders\.prepare the300w --manual_dir=\S+ '--data_dir=/no place'",
    ):
        prepared_sources.open_source("the300w", data_dir="/no place", split="train")
    with pytest.raises(
        prepared_sources.DataNotPreparedError,
        match=f"few_faces --data_dir={data_dir} --builder_config=tiny",
    ):
        prepared_sources.open_source("few_faces/tiny", data_dir=str(data_dir), split="train")


def test_the_command_names_the_downloads_of_every_set_that_needs_them():
    for name in prepare.known_names():
        builder = importlib.import_module(f"data_builders.{name}.{name}_dataset_builder").Builder
        command = prepared_sources.preparation_command(name, "data")
        needed = builder.MANUAL_DOWNLOAD_INSTRUCTIONS is not None
        assert ("--manual_dir=" in command) == needed, name


def test_data_sets_may_be_in_a_bucket(data_dir, source, tmp_path, monkeypatch):
    @epath.register_path_cls("bucket://")
    class Bucket:
        """Stands for what gs:// is: a path that pathlib does not know."""

        def __new__(cls, address):
            return epath.Path(address.replace("bucket://faces", str(data_dir)))

    opened = prepared_sources.open_source("few_faces", data_dir="bucket://faces", split="train")
    assert not isinstance(opened.folder, pathlib.Path)
    assert opened.keys == source.keys and opened[2]["image"] == source[2]["image"]
    assert (
        opened.identity
        == prepared_sources.open_source(
            "few_faces", data_dir="bucket://faces", split="train"
        ).identity
    )
    assert prepared_sources.split_names("few_faces", data_dir="bucket://faces") == ["test", "train"]
    assert prepared_sources.prepared_metadata("few_faces", data_dir="bucket://faces") == {}
    monkeypatch.setenv("HOME", str(tmp_path))
    assert tmp_path in photo_scan.below("bucket://faces", "scans").parents
    with pytest.raises(ValueError, match="http://faces' is no place"):
        prepared_sources.split_names("few_faces", data_dir="http://faces")


def test_unknown_splits_and_names_are_refused(data_dir):
    with pytest.raises(ValueError, match=r"no split 'test_full'; there are: \w+, \w+\."):
        prepared_sources.open_source("few_faces", data_dir=str(data_dir), split="test_full")
    with pytest.raises(ValueError, match="no name of a data set"):
        prepared_sources.open_source("../few_faces", data_dir=str(data_dir), split="train")


def test_sources_can_be_sent_to_workers(source):
    both = sources.ConcatenatedSource([sources.SubsetSource(source, [4, 2]), source])
    copy = pickle.loads(pickle.dumps(both))
    assert [copy[i]["key"] for i in range(9)] == both.keys
