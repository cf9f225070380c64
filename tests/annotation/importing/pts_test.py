"""Tests of what may be wrong with a face in a `.pts` file."""

import pytest

from scaf_jax.annotation import importing, store
from scaf_jax.landmarks.schemes import IBUG68

FLIP = list(IBUG68.flip_permutation)


def _lines(edit):
    def spoil(document):
        name = min(document)
        lines = document[name].splitlines()
        edit(lines)
        document[name] = "\n".join(lines)

    return spoil


def _mirror_pts(lines):
    points = lines[3:-1]
    lines[3:-1] = [points[i] for i in FLIP]


PTS = {
    "missing point": (_lines(lambda x: x.pop(4)), "points", "n_points says 68.* holds 67"),
    "doubled point": (_lines(lambda x: x.insert(4, x[4])), "points", "n_points says 68"),
    "wrong scheme": (
        _lines(lambda x: (x.pop(4), x.__setitem__(1, "n_points: 67"))),
        "points",
        "expected 68 points",
    ),
    "not a number": (_lines(lambda x: x.__setitem__(4, "nan 3")), "points", r"^0001_\w+\.pts:5:"),
    "cut short": (_lines(lambda x: x.pop()), "points", "cut short"),
    "outside": (_lines(lambda x: x.__setitem__(4, "1 99")), "point 1", "outside the photo"),
    "0 0": (_lines(lambda x: x.__setitem__(33, "0 0")), "point 30", "30 lies .*nobody marked"),
    "-1 -1": (_lines(lambda x: x.__setitem__(33, "-1 -1")), "point 30", "30 lies .*nobody marked"),
    "left and right swapped": (_lines(_mirror_pts), "points", "left and right are swapped"),
}


@pytest.mark.parametrize(("spoil", "field", "message"), PTS.values(), ids=PTS)
def test_bad_faces(expect_rejected, spoil, field, message):
    expect_rejected("pts", spoil, field, message)


def test_a_point_that_the_photo_does_not_show(make_round, save):
    exported = make_round()
    document = exported.pts(exported.moved())
    name = min(document)
    lines = document[name].splitlines()
    lines[4] = "nan nan"
    document[name] = "\n".join(lines)
    report = importing.import_annotations(save(document), exported.folder, exported.scheme)
    assert not report.rejected
    masks = {k: a.mask for k, a in store.read_annotations(exported.folder).items()}
    assert [len(mask) - mask.sum() for mask in masks.values()] == [1, 0, 0]
    assert not masks[exported.keys[0]][1]


def test_a_byte_order_mark_and_a_macs_hidden_files_are_fine(make_round, save):
    exported = make_round()
    document = exported.pts(exported.moved())
    document = {name: "\ufeff" + text for name, text in document.items()}
    document["._" + min(document)] = "Mac OS X"
    report = importing.import_annotations(save(document), exported.folder, exported.scheme)
    assert len(report.accepted) == 3 and not report.rejected
