"""Tests of COCO keypoints as people have them: nothing becomes a face of another photo."""

import json

import numpy as np
import pytest
from PIL import Image

POINTS = np.array([(10, 20), (30, 20), (20, 40)], float)


def _change(photos, name, change):
    path = photos.root / name
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.fixture
def two(photos):
    """Two photos with a face each, and how their file is changed."""
    photos.photo("a.jpg", "b.jpg")
    photos.coco("faces.json", ["a.jpg", "b.jpg"])
    return photos, lambda change: _change(photos, "faces.json", change)


@pytest.mark.parametrize("shown", [1, 2])
def test_0_0_is_not_labeled_whatever_v_says(two, shown):
    photos, change = two
    change(lambda d: d["annotations"][0]["keypoints"].__setitem__(slice(0, 3), [0, 0, shown]))
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], [(np.nan, np.nan), *POINTS[1:]])
    assert "1 keypoints of 1 faces lie at 0, 0 though v says" in photos.listed()[1]


@pytest.mark.parametrize("filler", [-1, -256, 0.5, 1])
def test_other_fillers_stop(two, filler):
    photos, change = two
    change(lambda d: d["annotations"][0]["keypoints"].__setitem__(slice(6, 9), [filler] * 2 + [2]))
    assert "annotation 1: landmark 3 lies at" in photos.read()["a.jpg"]
    assert photos.read()["a.jpg"].endswith("; write v = 0 where it is not known")


def test_fractions_stop(two):
    photos, change = two
    change(
        lambda d: d["annotations"][0].update(
            keypoints=[v if i % 3 == 2 else v / 60 for i, v in enumerate(photos.keypoints())]
        )
    )
    assert "all landmarks lie between 0 and 1" in photos.read()["a.jpg"]
    change(lambda d: d["annotations"][1].update(bbox=[0.1, 0.2, 0.5, 0.6]))
    assert "the box" in photos.read()["b.jpg"] and "fractions" in photos.read()["b.jpg"]


@pytest.mark.parametrize("kind", [float, str])
def test_ids_of_other_kinds_are_the_same(two, kind):
    photos, change = two
    change(lambda d: [image.update(id=kind(image["id"])) for image in d["images"]])
    assert set(photos.landmarks()) == {"a.jpg", "b.jpg"}
    change(lambda d: [a.update(category_id=kind(1)) for a in d["annotations"]])
    assert set(photos.landmarks()) == {"a.jpg", "b.jpg"}


@pytest.mark.parametrize("wrong", [None, [1], True, 1.5])
def test_what_is_no_id_is_nobodys(two, wrong):
    photos, change = two
    change(lambda d: d["annotations"][0].update(image_id=wrong))
    read = photos.read()
    assert "is no id; export" in read.pop("faces.json: annotation 1") and list(read) == ["b.jpg"]


def test_photos_without_ids_are_refused_with_their_names(two):
    photos, change = two
    change(lambda d: d["images"][1].pop("id"))
    with pytest.raises(ValueError, match=r"faces\.json: 1 images have no id \(b\.jpg\)"):
        photos.find()


def test_joined_files_are_refused_with_names(two):
    photos, change = two
    change(lambda d: d["images"][1].update(id=1.0))
    read = photos.read()
    assert "is the id of 2 entries (a.jpg, b.jpg)" in read["faces.json: annotation 1"]
    change(lambda d: (d["images"][1].update(id=2), d["images"][1].update(file_name="a.jpg")))
    assert "1 photos are listed under several ids (a.jpg)" in photos.listed()[1]


def test_two_categories_with_one_id_are_refused(two):
    photos, change = two
    reverse = {"id": 1, "name": "mask", "keypoints": ["chin", "right", "left"]}
    change(lambda d: d["categories"].append(reverse))
    assert "is the id of 2 entries (face, mask)" in photos.read()["faces.json: annotation 1"]


def test_a_face_that_is_listed_again_is_used_once(two):
    photos, change = two
    change(lambda d: d["annotations"].append(d["annotations"][0] | {"id": 9}))
    splits, problems = photos.listed()
    assert sorted(splits["train"] + splits["test"]) == ["a.jpg", "b.jpg"]
    assert "1 faces are listed again with the same landmarks and are used once: a.jpg" in problems


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("annotations/person_keypoints_train2017.json", "annotations/kp_val2017.json", "val"),
        ("my_train.json", "my_test.json", "test"),
        ("face_landmarks_train.json", "face_landmarks_valid.json", "val"),
        ("train_v2.json", "test_hard.json", "test_hard"),
        ("train/_annotations.coco.json", "valid/_annotations.coco.json", "val"),
        ("Annotations/Train.json", "Annotations/Test.json", "test"),
    ],
)
def test_names_of_files_say_splits(photos, first, second, name):
    folders = [
        path.rpartition("/")[0] if "_annotations" in path else "" for path in (first, second)
    ]
    for path, folder, photo in zip((first, second), folders, ("a.jpg", "b.jpg"), strict=True):
        photos.photo(f"{folder}/{photo}" if folder else photo)
        photos.coco(path, [photo])
    splits, problems = photos.listed()
    assert {split: [key[-5:] for key in keys] for split, keys in splits.items()} == {
        "train": ["a.jpg"],
        name: ["b.jpg"],
    }
    assert "hash" not in problems


@pytest.mark.parametrize("other", ["trainval.json", "rest.json", "dev.json"])
def test_a_name_that_is_not_understood_stops(photos, other):
    photos.photo("a.jpg", "b.jpg")
    photos.coco("my_train.json", ["a.jpg"])
    photos.coco(other, ["b.jpg"])
    with pytest.raises(ValueError, match="looks like a split|says the split 'train', but"):
        photos.find()


def test_photos_may_say_their_split(two):
    photos, change = two
    change(
        lambda d: [i.update(split=s) for i, s in zip(d["images"], ("Train", "VAL"), strict=True)]
    )
    assert photos.listed()[0] == {"train": ["a.jpg"], "val": ["b.jpg"]}
    change(lambda d: d["images"][0].update(split="rest"))
    assert "its photo's split is 'rest'" in photos.read()["faces.json: annotation 1"]


def test_annotations_may_say_their_split_and_other_fields_stop(two):
    photos, change = two
    change(
        lambda d: [a.update(split=s) for a, s in zip(d["annotations"], ("train", "test"), strict=1)]
    )
    assert photos.listed()[0] == {"train": ["a.jpg"], "test": ["b.jpg"]}
    change(lambda d: [a.update(subset=a.pop("split")) for a in d["annotations"]])
    with pytest.raises(ValueError, match="annotations: the field 'subset' looks as if it said"):
        photos.find()
    change(lambda d: [a.update(subset="", coco_url="http://x/train2017/a") for a in d["images"]])
    change(lambda d: [a.pop("subset") for a in d["annotations"]])
    assert "by a hash" in photos.listed()[1]


def test_other_json_files_are_told_and_not_read(two):
    photos, _ = two
    photos.write("settings.json", "{}")
    (photos.root / "scheme.json").rename(photos.root / "Scheme.JSON")
    assert set(photos.landmarks()) == {"a.jpg", "b.jpg"}
    assert "1 files have no images, annotations, categories" in photos.listed()[1]


def test_other_categories_are_told_only_where_they_are_used(two):
    photos, change = two
    change(lambda d: d["categories"].append({"id": 2, "name": "cat", "keypoints": ["tail"]}))
    change(lambda d: d["categories"][0].update(keypoints=[" left", "right ", "chin"]))
    assert set(photos.landmarks()) == {"a.jpg", "b.jpg"}
    change(lambda d: d["annotations"][0].update(category_id=2))
    assert "the skeleton's 1 points are not those of 'own'" in photos.read()["a.jpg"]
    change(lambda d: d["categories"].pop(0))
    with pytest.raises(ValueError, match="its 1 keypoints are not the 3 landmarks"):
        photos.find()


@pytest.mark.parametrize(("crowd", "count"), [("0", 2), (0.0, 2), ("1", 1), (True, 1)])
def test_a_crowd_is_no_face(two, crowd, count):
    photos, change = two
    change(lambda d: d["annotations"][0].update(iscrowd=crowd))
    assert len(photos.read()) == count


def test_faces_without_a_known_landmark_are_told(photos):
    names = [f"{i}.jpg" for i in range(4)]
    photos.photo(*names)
    content = photos.coco("train.json", names)
    for annotation in content["annotations"][1:]:
        annotation["keypoints"] = [0, 0, 0] * 3
    del content["annotations"][3]["bbox"]
    photos.write("train.json", json.dumps(content))
    splits, problems = photos.listed()
    assert splits == {"train": ["0.jpg", "1.jpg", "2.jpg"]}
    assert "train: 2 of 3 faces have a box but no known landmark" in problems
    assert "1 faces have neither a known landmark nor a box and are left out: 3.jpg" in problems
    assert [read["landmark_mask"].any() for read in photos.read().values()] == [True, False, False]


def test_a_test_set_without_landmarks_is_told(photos):
    photos.photo("a.jpg", "b.jpg")
    photos.coco("train.json", ["a.jpg"])
    content = photos.coco("test.json", ["b.jpg"])
    content["annotations"][0]["keypoints"] = [0] * 9
    photos.write("test.json", json.dumps(content))
    assert "test: no landmark is known, so that nothing can be measured on it" in photos.listed()[1]


@pytest.mark.parametrize(
    "box", [[0, 0, 0, 0], [0.0] * 4, [7, 8, 0, 0], [-1] * 4, [np.nan] * 4, [None] * 4, [], None]
)
def test_a_box_without_an_area_is_none(two, box):
    photos, change = two
    change(lambda d: d["annotations"][0].update(bbox=box))
    np.testing.assert_array_equal(
        photos.read()["a.jpg"]["box_ground_truth"], [10.5, 20.5, 30.5, 40.5]
    )
    assert ("1 boxes have no area" in photos.listed()[1]) == bool(box)


def _turned(photos, size):
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its side
    photos.photo("a.jpg", size=size, exif=exif)


def test_landmarks_are_given_as_people_see_the_photo(photos):
    _turned(photos, (50, 60))  # shows 60 x 50
    photos.coco("train.json", ["a.jpg"])
    np.testing.assert_array_equal(photos.landmarks()["a.jpg"], POINTS)
    _turned(photos, (60, 50))  # shows 50 x 60
    message = photos.read()["a.jpg"]
    assert "made for 60 x 50 pixels, but" in message and "remove its EXIF Orientation" in message


@pytest.mark.parametrize(
    ("width", "height", "good"),
    [("60", "50", True), (60.0, 50.0, True), (0, 0, True), (None, 50, True), (None, None, True)]
    + [(120, 100, False), ("x", 50, False), ([], {}, False), (50, 60, False)],
)
def test_the_size_that_a_file_tells_is_compared(photos, width, height, good):
    photos.photo("a.jpg")
    image = {"id": 1, "file_name": "a.jpg", "width": width, "height": height}
    photos.coco("train.json", ["a.jpg"], images=[image])
    read = photos.read()["a.jpg"]
    assert isinstance(read, dict) if good else "give the photo that was annotated" in read


def test_a_byte_order_mark_and_accents_in_either_spelling(photos):
    photos.photo("Zoe\u0308.jpg")
    path = photos.root / "train.json"
    photos.coco("train.json", ["Zo\u00eb.jpg"])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert list(photos.landmarks()) == ["Zoe\u0308.jpg"]


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("images/validation", "annotations/kp_val2017.json"),
        ("Valid", "my_val.json"),
        ("images/val2017", "annotations/kp_val2017.json"),
        ("images/default", "annotations/person_keypoints_default.json"),
        ("images", "annotations/val.json"),
    ],
)
def test_photos_are_found_in_the_folder_of_their_split(photos, folder, name):
    photos.photo(f"{folder}/a.jpg")
    photos.coco(name, ["a.jpg"])
    assert list(photos.landmarks()) == [f"{folder}/a.jpg"]


def test_a_photo_that_is_there_twice_stops(photos):
    photos.photo("a.jpg", "images/train/a.jpg")
    photos.coco("train.json", ["a.jpg"])
    assert "its photo 'a.jpg' is there 2 times" in photos.read()["train.json: annotation 1"]
