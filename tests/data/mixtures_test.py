"""Tests of mixtures: shares, faces left out, and that what is drawn depends on the seed alone."""

import collections

import numpy as np
import pytest

from scaf_jax.data import mixtures, sources


class _Numbers:
    """A source whose face i has the photo `photos[i]` and the box `boxes[i]`."""

    def __init__(self, name, photos):
        self._name, self._photos = name, photos

    def __len__(self):
        return len(self._photos)

    def __getitem__(self, index):
        box = np.array([0, 0, 10, 10 + index // 100], np.float32)
        return {
            "image": self._photos[index],
            "landmarks": np.ones((68, 2), np.float32),
            "landmark_mask": np.ones(68, bool),
            "box_ground_truth": box,
            "box_detector": box,
            "key": self.keys[index],
            "subset": "",
            "index": index,
        }

    @property
    def keys(self):
        return [f"{self._name}/{i:03d}" for i in range(len(self))]


def _part(name, digests, weight=1.0):
    source = _Numbers(name, [b""] * len(digests))
    return mixtures.Part(mixtures.Entry(name, "train", weight), source, digests)


def _digests(*photos):
    return [f"{photo:032d}{'0' * 16}" for photo in photos]


def test_entries_are_read_from_one_text_or_several():
    text = "the300w:train=1.0, faces_folder/mine:train ,folder:/my photos/a=b=0.5"
    expected = [
        mixtures.Entry("the300w", "train", 1.0),
        mixtures.Entry("faces_folder/mine", "train", 1.0),
        mixtures.Entry("folder", "/my photos/a=b", 0.5),
    ]
    assert mixtures.parse(text) == expected
    assert mixtures.parse(tuple(text.split(","))) == expected
    assert mixtures.parse("") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the300w=1", "'the300w=1' is no entry; write NAME:SPLIT=WEIGHT"),
        ("../x:train=1", "is no entry"),
        ("folder:=1", "is no entry"),
        ("the300w:train=0", "the weight must be a positive number"),
        ("the300w:train=-1", "the weight must be a positive number"),
        ("the300w:train=inf", "the weight must be a positive number"),
        ("the300w:train=many", "the weight must be a positive number"),
        ("the300w:train=1,the300w:train=2", "a set is named twice"),
    ],
)
def test_what_is_no_entry_is_explained(text, message):
    with pytest.raises(ValueError, match=message):
        mixtures.parse(text)


def test_weights_are_the_shares_of_what_is_drawn():
    mixed = mixtures.MixedSource(
        [_part("a", _digests(*range(30)), 1), _part("b", _digests(*range(100, 110)), 2)]
    )
    assert [count.drawn for count in mixed.counts] == [30, 60]
    drawn = collections.Counter(mixed.keys)
    assert {key: n for key, n in drawn.items() if n != 6 and key.startswith("b/")} == {}
    assert all(drawn[f"a/{i:03d}"] == 1 for i in range(30)) and len(drawn) == 40
    assert [mixed[i]["key"] for i in range(len(mixed))] == mixed.keys
    assert [mixed[i]["index"] for i in range(len(mixed))] == list(range(90))
    assert mixed[0]["landmarks"].shape == (0, 2)
    with pytest.raises(IndexError, match=r"index 90 is not in 0\.\.89"):
        mixed[90]


def test_repeats_differ_by_one_at_most():
    mixed = mixtures.MixedSource(
        [_part("a", _digests(*range(25)), 1), _part("b", _digests(*range(100, 110)), 1)]
    )
    drawn = collections.Counter(mixed.keys)
    assert {drawn[f"b/{i:03d}"] for i in range(10)} == {2, 3}


def test_a_face_is_used_where_it_occurs_first():
    mixed = mixtures.MixedSource(
        [_part("a", _digests(1, 2, 2)), _part("b", _digests(2, 3, 4)), _part("c", _digests(4, 5))]
    )
    assert {key for key in mixed.keys} == {"a/000", "a/001", "b/001", "b/002", "c/001"}
    assert [count.duplicates for count in mixed.counts] == [1, 1, 1]


def test_photos_and_keys_can_be_excluded():
    digests = ["1" * 32 + "a" * 16, "1" * 32 + "b" * 16, "2" * 48, "3" * 48, "4" * 48]
    mixed = mixtures.MixedSource(
        [_part("a", digests)], excluded_photos={"1" * 32}, excluded_keys=["a/003", "b/"]
    )
    assert mixed.keys == ["a/002", "a/004"]
    (count,) = mixed.counts
    assert (count.found, count.excluded, count.duplicates, count.drawn) == (5, 3, 0, 2)
    table = mixtures.table(mixed.counts)
    assert "| a:train | 1 | 5 | 0 | 3 | 2 | 100.0 % |" in table.splitlines()


def test_nothing_left_and_hopeless_weights_are_errors():
    with pytest.raises(ValueError, match="none of the 2 faces of b:train is left: 2 are in sets"):
        mixtures.MixedSource([_part("a", _digests(1, 2)), _part("b", _digests(1, 2))])
    with pytest.raises(ValueError, match="choose weights nearer to the sets' sizes"):
        mixtures.MixedSource([_part("a", _digests(1), 1), _part("b", _digests(2), 1e5)])


def test_a_mixture_is_a_source():
    mixed = mixtures.MixedSource([_part("a", _digests(1, 2, 3))])
    subset = sources.SubsetSource(mixed, [2, 0])
    assert subset.keys == ["a/002", "a/000"]
