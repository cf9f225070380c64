"""Tests of what may be wrong with a face in COCO keypoints."""

import re

import numpy as np
import pytest

from scaf_jax.annotation import importing, store
from scaf_jax.landmarks.schemes import IBUG68

FLIP = list(IBUG68.flip_permutation)


def _keypoints(document):
    return document["annotations"][0]["keypoints"]


def _mirror_coco(document):
    points = np.array(_keypoints(document)).reshape(-1, 3)
    document["annotations"][0]["keypoints"] = points[FLIP].ravel().tolist()


COCO = {
    "too few numbers": (lambda d: _keypoints(d).pop(), "keypoints", "there are 203 numbers"),
    "keypoints are no list": (
        lambda d: d["annotations"][0].update(keypoints="1 2 2"),
        "keypoints",
        "there are no numbers",
    ),
    "category unknown": (
        lambda d: d["annotations"][0].update(category_id=9),
        "category_id",
        "category_id '9' is not in the file",
    ),
    "visibility 3": (
        lambda d: _keypoints(d).__setitem__(2, 3),
        r"keypoints\[0\]",
        "landmark 0 has visibility '3'",
    ),
    "not finite": (
        lambda d: _keypoints(d).__setitem__(4, float("-inf")),
        r"keypoints\[3\]\.y",
        "not a finite number",
    ),
    "null": (
        lambda d: _keypoints(d).__setitem__(3, None),
        r"keypoints\[3\]\.x",
        "'None' is not a finite number",
    ),
    "outside": (
        lambda d: _keypoints(d).__setitem__(3, 500),
        r"keypoints\[3\]",
        "landmark 1 .* outside the photo",
    ),
    "another photo's size": (
        lambda d: d["images"][0].update(width=5, height=[]),
        "photo size",
        r"'5' x '\[\]' pixels",
    ),
    "most points not labeled": (
        lambda d: _keypoints(d).__setitem__(slice(0, 180), [0, 0, 0] * 60),
        "points",
        "60 of 68 landmarks are said not to be in the photo",
    ),
    "annotated twice": (
        lambda d: d["annotations"].append(d["annotations"][0] | {"id": 77}),
        "annotation",
        "annotated 2 times .*annotation 1, .*annotation 77",
    ),
    "0, 0 though visible": (
        lambda d: _keypoints(d).__setitem__(slice(90, 93), [0, 0, 2]),
        r"keypoints\[90\]",
        "landmark 30 lies at 0, 0, which means that nobody marked it",
    ),
    "-1, -1": (
        lambda d: _keypoints(d).__setitem__(slice(90, 93), [-1, -1, 1]),
        r"keypoints\[90\]",
        "landmark 30 lies at .*nobody marked",
    ),
    "many at one place": (
        lambda d: _keypoints(d).__setitem__(slice(60, 90), [48, 48, 2] * 10),
        r"keypoints\[60\]",
        "landmark 20, 21.*too many landmarks lie",
    ),
    "fractions": (
        lambda d: d["annotations"][0].update(
            keypoints=[v if i % 3 == 2 else v / 200 for i, v in enumerate(_keypoints(d))]
        ),
        "points",
        "fractions of width and height",
    ),
    "left and right swapped": (_mirror_coco, "points", "left and right are swapped"),
}


@pytest.mark.parametrize(("spoil", "field", "message"), COCO.values(), ids=COCO)
def test_bad_faces(expect_rejected, spoil, field, message):
    expect_rejected("coco", spoil, field, message)


def _given(exported, save, document):
    report = importing.import_annotations(save(document), exported.folder, exported.scheme)
    return report, store.read_annotations(exported.folder)


@pytest.mark.parametrize("other", [float, str], ids=["1.0", "text"])
def test_ids_of_another_kind_mean_the_same_photo(make_round, save, other):
    exported = make_round()
    points = exported.moved()
    document = exported.coco(points)
    for image in document["images"]:
        image["id"] = other(image["id"])
    document["annotations"] = document["annotations"][:1]
    report, annotations = _given(exported, save, document)
    assert report.accepted == (exported.keys[0],) and not report.rejected
    np.testing.assert_allclose(
        annotations[exported.keys[0]].landmarks, points[exported.keys[0]], atol=6e-3
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: d["annotations"][0].update(image_id=[1]), r"image_id '\[1\]' is no id"),
        (lambda d: d["annotations"][0].pop("image_id"), "image_id 'None' is no id"),
        (lambda d: d["annotations"][0].update(image_id=True), "image_id 'True' is no id"),
        (lambda d: d["annotations"][0].update(image_id=1.5), "image_id '1.5' is no id"),
        (lambda d: d["annotations"][0].update(image_id=77), "image_id '77' is not in the file"),
    ],
)
def test_what_is_no_id_matches_no_photo(make_round, save, spoil, message):
    exported = make_round()
    document = exported.coco(exported.moved())
    spoil(document)
    report, annotations = _given(exported, save, document)
    [problem] = report.rejected
    assert problem.field == "image_id" and problem.message and problem.key is None
    assert re.search(message, problem.message)
    assert list(annotations) == exported.keys[1:]


def test_photos_of_one_id_and_photos_without_are_named(make_round, save):
    exported = make_round()
    document = exported.coco(exported.moved())
    names = [image["file_name"] for image in document["images"]]
    document["images"][1]["id"] = document["images"][0]["id"]
    del document["images"][2]["id"]
    report, annotations = _given(exported, save, document)
    assert not annotations and not report.accepted
    messages = [problem.message for problem in report.rejected]
    assert f"1 photos have no id ({names[2]})" in messages[0]
    assert f"is the id of 2 entries ({names[0]}, {names[1]})" in messages[1]
    assert ["is not in the file, whose ids are" in m for m in messages[2:]] == [True, True]


def test_annotations_of_other_photos_are_not_believed(make_round, save):
    """An export whose ids count from 0 in one place and from 1 in the other."""
    exported = make_round()
    document = exported.coco(exported.moved())
    proposed = exported.coco({face.key: face.landmarks for face in exported.index.faces})
    document["annotations"] = proposed["annotations"][:2]
    document["annotations"][0]["image_id"] = 2
    report, annotations = _given(exported, save, document)
    assert list(annotations) == [exported.keys[1]] == list(report.accepted) or not report.accepted
    first = report.rejected[0]
    assert first.key == exported.keys[1] and "most are where they were proposed for 0001_" in str(
        first
    )


def test_landmarks_of_smaller_photos_are_refused(make_round, save):
    exported = make_round()
    smaller = {key: (points + 0.5) * 0.8 - 0.5 for key, points in exported.moved().items()}
    report, annotations = _given(exported, save, exported.coco(smaller))
    assert not annotations and len(report.rejected) == 3
    assert "where those of photos 0.8 times as large would be" in str(report.rejected[0])


def test_names_that_were_sorted_without_their_points_are_refused(make_round, save):
    exported = make_round()
    rolled = {key: points.copy() for key, points in exported.moved().items()}
    for points in rolled.values():
        points[[8, 30, 36]] = points[[30, 36, 8]]
    report, annotations = _given(exported, save, exported.coco(rolled))
    assert not annotations and len(report.rejected) == 3
    told = "on all faces 3 landmarks are where others were proposed: 8 where 30, 30 where 36"
    assert told in str(report.rejected[0])


def test_names_in_capital_letters(make_round, save):
    exported = make_round()
    document = exported.coco(exported.moved())
    for image in document["images"]:
        image["file_name"] = image["file_name"].upper()
    assert len(_given(exported, save, document)[0].accepted) == 3


def test_categories_of_one_id_are_refused_unless_they_say_the_same(make_round, save):
    exported = make_round()
    document = exported.coco(exported.moved())
    document["categories"].append(dict(document["categories"][0]))
    report, _ = _given(exported, save, document)
    assert len(report.accepted) == 3
    document["categories"][1]["keypoints"] = document["categories"][1]["keypoints"][::-1]
    report, _ = _given(exported, save, document)
    assert not report.accepted and len(report.rejected) == 3
    assert report.rejected[0].message.startswith("category_id '1' is the id of 2 entries (face, f")
