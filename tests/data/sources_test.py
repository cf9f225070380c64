"""Tests of prepared data sets, and of parts and unions of sources."""

import io
import pickle
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from scaf_jax.data import sources

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
    return sources.open_source("few_faces/plain", data_dir=str(data_dir), split="train")


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
    more = sources.open_source(
        "few_faces", data_dir=str(data_dir), split="test", landmarks_feature="landmarks_more"
    )
    np.testing.assert_array_equal(more[1]["landmarks"], np.full((3, 2), -1))
    with pytest.raises(ValueError, match="no feature 'landmarks_98'"):
        sources.open_source(
            "few_faces", data_dir=str(data_dir), split="test", landmarks_feature="landmarks_98"
        )


def test_the_newest_version_is_read(data_dir, tmp_path):
    plain = data_dir / "few_faces" / "plain"
    for version in ("9.0.0", "10.0.0", "11.0.0.incomplete"):
        shutil.copytree(plain / "1.0.0", tmp_path / "few_faces" / version)
    for file in (tmp_path / "few_faces" / "9.0.0").iterdir():
        file.unlink()
    opened = sources.open_source("few_faces", data_dir=str(tmp_path), split="train")
    assert opened.keys == [f"train/Zoë {i}.jpg" for i in range(7)]


def test_what_is_not_prepared_is_told_with_the_command(data_dir):
    with pytest.raises(
        sources.DataNotPreparedError,
        match=r"python -m data_builders\.prepare the300w --manual_dir=\S+ '--data_dir=/no place'",
    ):
        sources.open_source("the300w", data_dir="/no place", split="train")
    with pytest.raises(
        sources.DataNotPreparedError, match=f"few_faces --data_dir={data_dir} --builder_config=tiny"
    ):
        sources.open_source("few_faces/tiny", data_dir=str(data_dir), split="train")


def test_unknown_splits_and_names_are_refused(data_dir):
    with pytest.raises(ValueError, match=r"no split 'test_full'; there are: \w+, \w+\."):
        sources.open_source("few_faces", data_dir=str(data_dir), split="test_full")
    with pytest.raises(ValueError, match="no name of a data set"):
        sources.open_source("../few_faces", data_dir=str(data_dir), split="train")


def test_sources_can_be_sent_to_workers(source):
    both = sources.ConcatenatedSource([sources.SubsetSource(source, [4, 2]), source])
    copy = pickle.loads(pickle.dumps(both))
    assert [copy[i]["key"] for i in range(9)] == both.keys


def test_subsets_keep_the_order_given(source):
    subset = sources.SubsetSource(source, np.array([4, 0, 4]))
    assert len(subset) == 3
    assert subset.keys == ["train/Zoë 4.jpg", "train/Zoë 0.jpg", "train/Zoë 4.jpg"]
    assert [subset[i]["key"] for i in range(3)] == subset.keys
    assert subset[0]["index"] == 4
    with pytest.raises(ValueError, match=r"index 7 is not in 0\.\.6"):
        sources.SubsetSource(source, [7])


def test_unions_drop_labels(source, data_dir):
    test = sources.open_source("few_faces", data_dir=str(data_dir), split="test")
    both = sources.ConcatenatedSource([test, source])
    assert len(both) == 10
    assert both.keys == test.keys + source.keys
    for i in (0, 2, 3, 9):
        record = both[i]
        assert record["key"] == both.keys[i] and record["index"] == i
        assert record["landmarks"].shape == (0, 2) and record["landmark_mask"].shape == (0,)
    with pytest.raises(IndexError):
        _ = both[10]
    with pytest.raises(ValueError, match="no source"):
        sources.ConcatenatedSource([])


def test_the_first_labels():
    np.testing.assert_array_equal(sources.label_subset(9, 3), [0, 1, 2])
    np.testing.assert_array_equal(sources.label_subset(4, None, "random"), [0, 1, 2, 3])


def test_random_labels_are_nested_and_seeded():
    few = sources.label_subset(1000, 10, "random", seed=1)
    many = sources.label_subset(1000, 50, "random", seed=1)
    assert len(set(few)) == 10 and set(few) < set(many)
    assert list(many) == sorted(many)
    assert set(few) != set(sources.label_subset(1000, 10, "random", seed=2))
    assert set(few) != set(range(10))


@pytest.mark.parametrize("arguments", [(5, 6), (5, 0), (5, -1), (5, 2, "last")])
def test_subsets_that_make_no_sense_are_refused(arguments):
    with pytest.raises(ValueError):
        sources.label_subset(*arguments)
