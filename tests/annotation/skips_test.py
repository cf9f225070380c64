"""Skipped faces: by key or number, kept, and no longer missing."""

import json

import numpy as np
import pytest

from data_builders.synthetic_faces import renderer
from scaf_jax.annotation import export, skips, store
from scaf_jax.annotation.faces import AnnotationError, FaceToAnnotate
from scaf_jax.files import atomic
from scaf_jax.landmarks.schemes import IBUG68


@pytest.fixture
def folder(tmp_path):
    drawn = renderer.render_face(1, 0, size=64)
    path = tmp_path / "photo.png"
    atomic.write_png(path, drawn.image)
    faces = [
        FaceToAnnotate(key, path.read_bytes(), np.array(drawn.landmarks68), np.array(box), None)
        for key, box in (("a", drawn.box_ground_truth), ("b", drawn.box_ground_truth))
    ]
    export.export_faces(tmp_path / "round", faces, IBUG68, model_version="m")
    return tmp_path / "round"


def test_a_face_is_skipped_by_its_key_or_number_and_once(folder):
    assert skips.read(folder) == ()
    assert skips.add(folder, ["2"]) == ("b",)
    assert skips.add(folder, ["b"]) == skips.read(folder) == ("b",)
    status = store.status(folder)
    assert (status.missing, status.skipped) == (("a",), ("b",))


def test_unknown_faces_and_damaged_files_are_refused(folder):
    with pytest.raises(AnnotationError, match="no face '3': give keys, or numbers from 1 to 2"):
        skips.add(folder, ["a", "3"])
    assert skips.read(folder) == ()
    (folder / skips.FILE).write_text(json.dumps({"version": 1, "keys": [3]}))
    with pytest.raises(AnnotationError, match=r"skipped\.json: damaged"):
        skips.read(folder)
