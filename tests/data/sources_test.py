"""Tests of parts and unions of sources, and of the choice of labels."""

import numpy as np
import pytest

from scaf_jax.data import sources


class _Faces:
    """Faces of two landmarks that a test holds in memory."""

    def __init__(self, name, count):
        self.keys = [f"{name}/{i}.jpg" for i in range(count)]

    def __len__(self):
        return len(self.keys)

    def __getitem__(self, index):
        landmarks = np.full((2, 2), index, np.float32)
        mask = np.ones(2, bool)
        key = self.keys[index]
        return {"landmarks": landmarks, "landmark_mask": mask, "key": key, "index": index}


@pytest.fixture
def source():
    return _Faces("train", 7)


def test_subsets_keep_the_order_given(source):
    subset = sources.SubsetSource(source, np.array([4, 0, 4]))
    assert len(subset) == 3
    assert subset.keys == ["train/4.jpg", "train/0.jpg", "train/4.jpg"]
    assert [subset[i]["key"] for i in range(3)] == subset.keys
    assert subset[0]["index"] == 4
    with pytest.raises(ValueError, match=r"index 7 is not in 0\.\.6"):
        sources.SubsetSource(source, [7])


def test_unions_drop_labels(source):
    test = _Faces("test", 3)
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
