"""Tests of what may be wrong with a face in COCO keypoints."""

import numpy as np
import pytest

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
        "the skeleton's 0 points are not those of 'ibug68'",
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
    "most points not labelled": (
        lambda d: _keypoints(d).__setitem__(slice(0, 180), [0, 0, 0] * 60),
        "points",
        "60 of 68 landmarks are said not to be in the photo",
    ),
    "annotated twice": (
        lambda d: d["annotations"].append(d["annotations"][0] | {"id": 77}),
        "annotation",
        "annotated 2 times .*annotation 1, .*annotation 77",
    ),
    "left and right swapped": (_mirror_coco, "points", "left and right are swapped"),
}


@pytest.mark.parametrize(("spoil", "field", "message"), COCO.values(), ids=COCO)
def test_bad_faces(expect_rejected, spoil, field, message):
    expect_rejected("coco", spoil, field, message)
