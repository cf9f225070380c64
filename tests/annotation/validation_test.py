"""Tests of the checks, through imports from Label Studio: whatever may be wrong with a face."""

import pytest

from scaf_jax.landmarks.schemes import IBUG68

FLIP = list(IBUG68.flip_permutation)


# Ways to spoil the first face of a document, with what is then said: field and message.


def _result(document):
    return document[0]["annotations"][0]["result"]


def _point(document, name="5"):
    regions = (r for r in _result(document) if r["value"].get("keypointlabels") == [name])
    return next(regions)


def _reflect(regions):
    """Swaps the labels of left and right."""
    for region in regions:
        labels = region.get("value", region).get("keypointlabels")
        if labels:
            labels[0] = str(FLIP[int(labels[0])])


def _set_size(document, width):
    for region in _result(document):
        region["original_width"] = width


def _shift(document, percent):
    for region in _result(document):
        if "keypointlabels" in region["value"]:
            region["value"]["x"] = min(region["value"]["x"] * 0.1 + percent, 100)


def _absent(words):
    return {"id": "t", "type": "textarea", "from_name": "absent", "value": {"text": words}}


LABEL_STUDIO = {
    "missing point": (lambda d: _result(d).remove(_point(d)), "points", "1 of 68.* missing: 5"),
    "no points": (lambda d: _result(d).clear(), "points", "68 of 68 landmarks are missing"),
    "doubled point": (
        lambda d: _result(d).append(_point(d)),
        r"result\[69\]",
        r"landmark 5 is marked twice, first in result\[6\]",
    ),
    "unknown label": (
        lambda d: _point(d)["value"].update(keypointlabels=["nose"]),
        r"result\[6\]",
        "'nose' is no landmark of 'ibug68'",
    ),
    "label of a larger scheme": (
        lambda d: _result(d).append(_point(d) | {"value": {"keypointlabels": ["97"]}}),
        r"result\[69\]",
        "'97' is no landmark of 'ibug68'",
    ),
    "no label": (
        lambda d: _point(d)["value"].pop("keypointlabels"),
        r"result\[6\]",
        "exactly one label",
    ),
    "two labels": (
        lambda d: _point(d)["value"].update(keypointlabels=["5", "6"]),
        r"result\[6\]",
        "exactly one label",
    ),
    "label is no text": (
        lambda d: _point(d)["value"].update(keypointlabels=[{}]),
        r"result\[6\]",
        "'{}' is no landmark",
    ),
    "not a number": (
        lambda d: _point(d)["value"].update(x=float("nan")),
        r"result\[6\]\.x",
        "'nan' is not a finite number",
    ),
    "infinite": (
        lambda d: _point(d)["value"].update(y=float("inf")),
        r"result\[6\]\.y",
        "not a finite number",
    ),
    "absurdly long number": (
        lambda d: _point(d)["value"].update(y=10**1000),
        r"result\[6\]\.y",
        "not a finite number",
    ),
    "number as text": (
        lambda d: _point(d)["value"].update(x="12"),
        r"result\[6\]\.x",
        "'12' is not a finite number",
    ),
    "coordinate missing": (
        lambda d: _point(d)["value"].pop("x"),
        r"result\[6\]\.x",
        "'None' is not a finite number",
    ),
    "right of the photo": (
        lambda d: _point(d)["value"].update(x=100.5),
        r"result\[6\]",
        r"landmark 5 at \(116\.1.* is outside the photo of 116 x 96",
    ),
    "above the photo": (
        lambda d: _point(d)["value"].update(y=-1),
        r"result\[6\]",
        "landmark 5 .* is outside the photo",
    ),
    "left and right swapped": (
        lambda d: _reflect(_result(d)),
        "points",
        "left and right are swapped",
    ),
    "another face": (lambda d: _shift(d, 85), "points", "another face than the one asked for"),
    "another photo": (lambda d: _set_size(d, 640), "photo size", "'640' x '96' pixels, but 0001_"),
    "turned photo": (
        lambda d: _point(d).update(image_rotation=90),
        r"result\[6\]",
        "was turned in Label Studio",
    ),
    "skipped": (
        lambda d: d[0]["annotations"][0].update(was_cancelled=True),
        "was_cancelled",
        "the task was skipped",
    ),
    "two annotators": (
        lambda d: d[0]["annotations"].append(d[0]["annotations"][0] | {"id": 7}),
        "annotation",
        r"annotated 2 times \(given.json: task 1, annotation 101, given.json: .* annotation 7\)",
    ),
    "a polygon": (
        lambda d: _result(d).append({"type": "polygonlabels", "value": {"points": []}}),
        r"result\[69\]",
        "'polygonlabels' is no landmark",
    ),
    "absent landmark unknown": (
        lambda d: _result(d).append(_absent(["68"])),
        "absent",
        "'68' is no landmark of",
    ),
    "absent in words": (
        lambda d: _result(d).append(_absent(["the chin"])),
        r"result\[69\]",
        "'the' is no landmark",
    ),
    "nearly all absent": (
        lambda d: _result(d).append(_absent(["0-40"])),
        "points",
        "41 of 68 landmarks are said not to be in the photo",
    ),
}

LABEL_STUDIO_MIN = {
    "missing point": (lambda d: d[0]["keypoints"].pop(), "points", "missing: 67"),
    "doubled point": (
        lambda d: d[0]["keypoints"].append(d[0]["keypoints"][3]),
        r"keypoints\[68\]",
        "landmark 3 is marked twice",
    ),
    "not finite": (
        lambda d: d[0]["keypoints"][3].update(x=float("nan")),
        r"keypoints\[3\]\.x",
        "not a finite number",
    ),
    "no points": (lambda d: d[0].pop("keypoints"), "points", "68 of 68 landmarks are missing"),
    "points are no list": (lambda d: d[0].update(keypoints=3), "points", "68 of 68"),
    "annotated twice": (lambda d: d.append(dict(d[0])), "annotation", "annotated 2 times"),
    "left and right swapped": (
        lambda d: _reflect(d[0]["keypoints"]),
        "points",
        "left and right are swapped",
    ),
}


@pytest.mark.parametrize(("spoil", "field", "message"), LABEL_STUDIO.values(), ids=LABEL_STUDIO)
def test_bad_faces_in_the_full_json(expect_rejected, spoil, field, message):
    expect_rejected("label_studio", spoil, field, message)


@pytest.mark.parametrize(
    ("spoil", "field", "message"), LABEL_STUDIO_MIN.values(), ids=LABEL_STUDIO_MIN
)
def test_bad_faces_in_json_min(expect_rejected, spoil, field, message):
    expect_rejected("label_studio_min", spoil, field, message)
