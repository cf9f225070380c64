"""Tests of the accepted annotations on disk and of a round's status."""

import json

import numpy as np
import pytest

from scaf_jax.annotation import store
from scaf_jax.annotation.faces import AnnotationError


def _annotation(key, value=1.5, mask=None):
    return store.Annotation(
        key=key,
        scheme="ibug68",
        landmarks=np.full((68, 2), value, np.float32),
        mask=np.ones(68, bool) if mask is None else mask,
        unchanged=False,
        source="given.json: task 1",
        format="label_studio",
    )


def test_what_is_written_is_read_and_absent_points_are_null(make_round):
    exported = make_round()
    face = exported.index.faces[1]
    mask = np.arange(68) != 3
    assert not store.write_annotation(exported.folder, face, _annotation(face.key, mask=mask))
    content = json.loads((exported.folder / "annotations" / f"{face.stem}.json").read_text())
    assert content["landmarks"][2:4] == [[1.5, 1.5], [None, None]]
    [annotation] = store.read_annotations(exported.folder).values()
    np.testing.assert_array_equal(annotation.landmarks, np.where(mask[:, None], [[1.5, 1.5]], 0))
    np.testing.assert_array_equal(annotation.mask, mask)
    assert annotation.key == face.key and annotation.source == "given.json: task 1"


def test_earlier_annotations_are_kept_each_under_its_own_name(make_round):
    exported = make_round()
    face = exported.index.faces[0]
    replaced = [
        store.write_annotation(exported.folder, face, _annotation(face.key, value))
        for value in (1.0, 1.0, 2.0, 3.0)
    ]
    assert replaced == [False, False, True, True]
    kept = sorted((exported.folder / "annotations" / "earlier").iterdir())
    assert [json.loads(path.read_text())["landmarks"][0] for path in kept] == [[1, 1], [2, 2]]


def test_status_counts(make_round):
    exported = make_round()
    assert store.status(exported.folder) == store.Status(3, (), tuple(exported.keys), ())
    face = exported.index.faces[2]
    store.write_annotation(exported.folder, face, _annotation(face.key))
    status = store.status(exported.folder)
    assert status.annotated == (face.key,) and status.missing == tuple(exported.keys[:2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version is not '1'"),
        ({"key": "other"}, "key is not"),
        ({"scheme": "wflw98"}, "scheme is not 'ibug68'"),
        ({"mask": [True] * 67}, "landmarks and mask do not agree"),
        ({"mask": [1] * 68}, "no mask"),
        ({"landmarks": [[1, 2]] * 67}, "not 68"),
        ({"landmarks": [[1, None]] * 68}, "do not agree"),
        ({"landmarks": [[1, "a"]] * 68}, "ValueError"),
        ({"landmarks": None}, "no mask"),
        ({"landmarks": {"a": 1}}, "TypeError"),
    ],
)
def test_damaged_annotations_are_named(make_round, change, message):
    exported = make_round()
    face = exported.index.faces[0]
    store.write_annotation(exported.folder, face, _annotation(face.key))
    path = exported.folder / "annotations" / f"{face.stem}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(AnnotationError, match=rf"{face.stem}\.json: damaged .*{message}"):
        store.read_annotations(exported.folder)
