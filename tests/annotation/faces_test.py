"""Tests of the index of exported faces."""

import dataclasses
import json

import numpy as np
import pytest

from scaf_jax.annotation import export, faces
from scaf_jax.annotation.faces import AnnotationError
from scaf_jax.landmarks import scheme_files
from scaf_jax.landmarks.schemes import IBUG68


def test_the_index_is_read_as_it_was_written(make_round):
    exported = make_round()
    index = exported.index
    assert (index.scheme, index.model_version) == ("ibug68", "scaf round 0")
    faces.write_index(exported.folder, index)
    again = exported.index.faces
    for before, after in zip(index.faces, again, strict=True):
        np.testing.assert_array_equal(before.landmarks, after.landmarks)
        assert (before.file, before.key, before.box) == (after.file, after.key, after.box)


def test_file_names_are_safe_differ_and_do_not_change():
    hostile = ["../../etc/passwd", "con\x00", "a b.jpg", "ü", "\udcff", "x" * 9999]
    names = [faces.photo_stem(12, key) for key in hostile]
    assert all(name[:5] == "0012_" and len(name) == 13 and name.isascii() for name in names)
    assert len(set(names)) == len(names)
    assert faces.photo_stem(12345, "a") == "12345_ca978112"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda i: i.update(version=9), "version 9 is not 1"),
        (lambda i: i.pop("scheme"), "damaged .KeyError"),
        (lambda i: i.update(faces=3), "damaged .TypeError"),
        (lambda i: i["faces"][0].update(box=[1, 2]), "damaged .ValueError"),
        (lambda i: i["faces"][0].update(file="../x.jpg"), "not a name that an export gives"),
        (lambda i: i["faces"][0].update(landmarks="abc"), "damaged .ValueError"),
        (lambda i: i["faces"].append(None), "damaged .TypeError"),
    ],
)
def test_a_damaged_index_is_named(make_round, change, message):
    exported = make_round()
    path = exported.target / "index.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r"index\.json: .*" + message):
        faces.read_index(exported.folder)


def test_a_round_without_export_is_named(tmp_path):
    with pytest.raises(AnnotationError, match="export the round first"):
        faces.read_index(tmp_path)


def test_a_scheme_of_ones_own_travels_with_the_export(make_faces, tmp_path):
    content = {
        "name": "mine",
        "landmarks": ["left_eye", "right_eye", "nose"],
        "flip_pairs": [["left_eye", "right_eye"]],
        "normalizer": ["left_eye", "right_eye"],
    }
    scheme = scheme_files.scheme_from_dict(content, "test").scheme
    asked = [
        dataclasses.replace(face, landmarks=face.landmarks[[36, 45, 30]])
        for face in make_faces(IBUG68)
    ]
    folder = tmp_path / "rounds" / "round_0"
    target = export.export_faces(folder, asked, scheme, model_version="test")
    assert faces.read_scheme(folder) == scheme
    assert "called left_eye, right_eye, nose\n" in (target / "README.md").read_text()
    (target / faces.SCHEME_FILE).unlink()
    with pytest.raises(ValueError, match="unknown landmark scheme 'mine'"):
        faces.read_scheme(folder)
