"""Tests of which photo and category an annotation of a COCO file means."""

import pytest

from scaf_jax.formats import coco_entries, coco_reader

CATEGORY = {"id": 1, "name": "face", "keypoints": ["a", "b"]}


def _listed(images, annotations, categories=(CATEGORY,)):
    common = {"category_id": 1, "keypoints": [1, 2, 2, 3, 4, 2]}
    content = {
        "images": images,
        "annotations": [common | a for a in annotations],
        "categories": list(categories),
    }
    return coco_reader.list_faces(content)


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", "7.0"])
def test_one_id_however_it_is_written(value):
    assert coco_entries.id_of(value) == "7"


@pytest.mark.parametrize(
    "value", [None, True, [7], {}, "", " ", 7.5, float("nan"), float("inf"), 1e300, -(2.0**53)]
)
def test_what_is_no_id(value):
    assert coco_entries.id_of(value) is None


def test_texts_are_ids_and_zeros_before_a_number_count():
    values = ["a", "007", "0", 0, -3, "-3", 10**30]
    assert [coco_entries.id_of(x) for x in values] == [
        "a",
        "007",
        "0",
        "0",
        "-3",
        "-3",
        f"{10**30}",
    ]


@pytest.mark.parametrize("given", [1, 1.0, "1"])
@pytest.mark.parametrize("written", [1, 1.0, "1"])
def test_an_annotation_means_the_photo_of_its_id(written, given):
    images = [{"id": written, "file_name": "a.jpg", "width": 9}, {"id": 2, "file_name": "b.jpg"}]
    [face] = _listed(images, [{"image_id": given}]).faces
    assert (face.photo, face.size, face.objections) == ("a.jpg", (9, None), ())


@pytest.mark.parametrize("given", [None, [1], {}, True, 1.5, 3, "b.jpg"])
def test_other_ids_mean_no_photo(given):
    images = [{"id": 1, "file_name": "a.jpg"}, {"file_name": "b.jpg"}, {"id": [1]}]
    [face] = _listed(images, [{"image_id": given}]).faces
    assert face.photo is None and face.objections[0][0] == "image_id"


def test_joined_files():
    """Two exports whose ids begin at 1 each, written into one."""
    images = [{"id": i, "file_name": f"{part}/{i}.jpg"} for part in "ab" for i in (1, 2)]
    images.append({"id": 3, "file_name": "b/3.jpg"})
    found = _listed(images, [{"id": 9, "image_id": i} for i in (1, 2, 3)])
    first, second, third = found.faces
    assert "is the id of 2 entries (a/1.jpg, b/1.jpg)" in first.objections[0][1]
    assert second.objections and not third.objections and third.photo == "b/3.jpg"


def test_an_entry_that_is_there_twice_is_one():
    images = [{"id": 1, "file_name": "a.jpg"}, {"id": 1.0, "file_name": "a.jpg", "license": 2}]
    [face] = _listed(images, [{"image_id": 1}]).faces
    assert not face.objections


def test_photos_without_ids_or_under_several_are_named():
    images = [{"file_name": "a.jpg"}, {"id": [], "file_name": 7}]
    images += [{"id": i, "file_name": "b.jpg"} for i in (1, 2)]
    found = _listed(images, [{"image_id": 2}])
    assert found.without_id == ["a.jpg", "without a name"] and found.listed_twice == ["b.jpg"]


def test_categories_of_one_id_must_agree():
    other = {"id": "1", "name": "pet", "keypoints": ["b", "a"]}
    [face] = _listed([{"id": 1, "file_name": "a"}], [{"image_id": 1}], [CATEGORY, other]).faces
    assert "category_id '1' is the id of 2 entries (face, pet)" in face.objections[0][1]


def test_what_is_no_face_is_counted():
    found = _listed([], [{"keypoints": []}, {"iscrowd": 1}, {"keypoints": None}])
    assert not found.faces and found.passed_over == 3


@pytest.mark.parametrize(
    ("keypoints", "blank", "unplaced"),
    [
        ([0] * 6, True, 0),
        ([0, 0, 2, 0, 0, 1], True, 2),
        ([5, 6, 0, 0.0, -0.0, 1], True, 1),
        ([5, 6, 1, 0, 0, 2], False, 1),
        ([0, 6, 1, 5, 0, 2], False, 0),
        ("0 0 0", False, 0),
        ([0, 0], False, 0),
        ([None, "0", [], 0, 0, None], False, 1),
    ],
)
def test_what_is_not_labeled(keypoints, blank, unplaced):
    [face] = _listed([{"id": 1}], [{"image_id": 1, "keypoints": keypoints}]).faces
    assert coco_reader.is_blank(face) == blank
    assert coco_reader.count_unplaced(face) == unplaced
