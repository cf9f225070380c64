"""Tests of which faces are trained on: whatever looks like a split and is not clear, stops."""

import pathlib

import pytest

from data_builders import faces, split_names
from data_builders.landmarks_folder import listed, splits

ROOT = pathlib.Path("/set")


def _none() -> faces.Annotation:
    raise AssertionError("nothing is read to sort faces")


def _faces(*names, split=None, place="landmarks.csv"):
    return [listed.Listed(name, ROOT / name, place, _none, split) for name in names]


def _sorted(found):
    by_split, problems = splits.assign(ROOT, found)
    return {name: [face.name for face in members] for name, members in by_split.items()}, problems


def test_photos_without_landmarks_are_not_drawn_for_testing():
    found = [
        listed.Listed(f"{i}.jpg", ROOT / f"{i}.jpg", "", _none, blank=i > 1, boxed=True)
        for i in range(60)
    ]
    by_split, _ = _sorted(found)
    assert len(by_split["test"]) == 1 and by_split["test"][0] in ("0.jpg", "1.jpg")
    assert len(by_split["train"]) == 59


@pytest.mark.parametrize("name", ["train.txt", "lists/Test.lst", "splits.json", "my_split.csv"])
def test_lists_that_are_not_read_stop(tmp_path, name):
    (tmp_path / "lists").mkdir()
    (tmp_path / "notes.txt").touch()
    found = [listed.Listed(f"{i}.jpg", tmp_path / f"{i}.jpg", "", _none) for i in range(9)]
    splits.assign(tmp_path, found)  # drawn by a hash
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=f"{name}: looks like a list of splits"):
        splits.assign(tmp_path, found)


def _numbered(folder, count=10):
    return [f"{folder}/{i}.jpg" for i in range(count)]


@pytest.mark.parametrize(
    ("train", "held_out", "name"),
    [
        ("train", "test", "test"),
        ("Train", "Test", "test"),
        ("trainset", "testset", "test"),
        ("training", "testing", "test"),
        ("images/train2017", "images/val2017", "val"),
        ("TRAIN", "Valid", "val"),
        ("helen/trainset", "helen/testset", "test"),
        ("data/Training", "data/Test-Hard", "test_hard"),
        ("train_v2", "test_v2", "test_v2"),
    ],
)
def test_folders_decide(train, held_out, name):
    found, problems = _sorted(_faces(*_numbered(train), *_numbered(held_out)))
    assert found == {"train": _numbered(train), name: _numbered(held_out)}
    assert problems == []


def test_what_the_annotations_say_comes_first():
    given = [*_faces("test/a.jpg", split="train"), *_faces("images/b.jpg", split="val")]
    found, problems = _sorted(given)
    assert found == {"train": ["test/a.jpg"], "val": ["images/b.jpg"]}
    assert "1 faces are in another split than the folders" in problems[0]
    assert "test/a.jpg in 'train'" in problems[0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["train/a.jpg", "tset/b.jpg"], "'tset' looks like a split, but says not which"),
        (["Train/a.jpg", "Held/b.jpg"], "/set/Held: lies beside Train/"),
        (["trainval/a.jpg", "x/b.jpg"], "'trainval' looks like a split, but says not which"),
        (["dev/a.jpg", "b.jpg"], "'dev' looks like a split"),
        (["train/test/a.jpg", "b.jpg"], "'train/test' names several splits"),
        (["test/a.jpg", "b.jpg", "c.jpg"], "test/ says a split, but 2 photos, such as b.jpg, say"),
        (["train_1.jpg", "test_1.jpg", "x.jpg"], "test_1.jpg: its name says a split"),
        (["test_1.jpg", "val_1.jpg"], "do not say which are for training"),
        (["img_1.jpg", "img_2.jpg", "test_1.jpg"], "test_1.jpg: its name says a split"),
    ],
)
def test_what_is_not_clear_stops(names, message):
    with pytest.raises(ValueError, match=message):
        splits.assign(ROOT, _faces(*names))


def test_a_file_that_says_a_split_beside_one_that_says_none_stops():
    found = [
        *_faces("a.jpg", split="train", place="my_train.json: annotation 1"),
        *_faces("b.jpg", place="other.json: annotation 1"),
    ]
    with pytest.raises(
        ValueError, match=r"my_train\.json.* says the split 'train', but other\.json"
    ):
        splits.assign(ROOT, found)


def test_photos_names_decide_where_all_of_them_do():
    names = [*(f"train_{i}.jpg" for i in range(4)), "test_1.jpg", "val_7.jpg"]
    found, problems = _sorted(_faces(*names))
    assert found == {"train": names[:4], "test": ["test_1.jpg"], "val": ["val_7.jpg"]}
    assert "the photos' own names, such as test_1.jpg" in problems[0]


@pytest.mark.parametrize("name", ["img_{}.jpg", "test_{}.jpg", "train_{}.jpg", "latest/{}.jpg"])
def test_where_nothing_looks_like_a_split_photos_are_drawn(name):
    found, problems = _sorted(_faces(*(name.format(i) for i in range(40))))
    assert set(found) == {"train", "test"} and "by a hash of their names" in problems[0]


def test_what_is_missing_is_told():
    assert _sorted(_faces("train/a.jpg"))[1] == ["no faces for 'test'"]
    assert _sorted(_faces("a.jpg", split="val"))[1] == ["no faces for 'train'"]


def test_faces_without_a_photo_are_kept_for_their_message():
    lost = listed.unusable(ROOT, "/set/landmarks.csv:3", "no file below")
    found, _ = splits.assign(ROOT, [*_faces("train/a.jpg", "test/b.jpg"), lost])
    assert found[split_names.TRAIN][1] is lost
