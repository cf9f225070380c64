"""All annotated faces of the rounds as a data set: read back by its builder."""

import json

import numpy as np
import pytest

from data_builders import prepare
from scaf_jax.annotation import collecting, importing
from scaf_jax.annotation.faces import AnnotationError
from scaf_jax.data import prepared_sources
from scaf_jax.landmarks import scheme_files, schemes


def _annotated(made, tmp_path, points):
    (tmp_path / "given.json").write_text(json.dumps(made.coco(points)))
    return importing.import_annotations(tmp_path / "given.json", made.folder, made.scheme)


def test_a_data_set_of_what_was_annotated(make_round, tmp_path):
    made = make_round()
    points = made.moved()
    document = made.coco(points)
    absent = document["annotations"][1]
    absent["keypoints"][3:6] = [0, 0, 0]
    del document["annotations"][2]  # not annotated yet
    (tmp_path / "given.json").write_text(json.dumps(document))
    importing.import_annotations(tmp_path / "given.json", made.folder, made.scheme)
    target = tmp_path / "set"
    assert collecting.collect([made.folder], target) == 2
    assert scheme_files.read_scheme(target / "scheme.json").scheme == schemes.IBUG68
    data_dir = str(tmp_path / "data")
    prepare.prepare("landmarks_folder", manual_dir=str(target), data_dir=data_dir)
    records = {}
    for split in prepared_sources.split_names("landmarks_folder", data_dir=data_dir):
        source = prepared_sources.open_source("landmarks_folder", data_dir=data_dir, split=split)
        records |= {key: source[i] for i, key in enumerate(source.keys)}
    names = {f"photos/round_0_{face.file}": face for face in made.index.faces}
    assert set(records) == set(list(names)[:2])
    for key, record in records.items():
        face = names[key]
        mask = record["landmark_mask"].astype(bool)
        assert mask.sum() == 68 - (face.rank == 2) and (face.rank == 1 or not mask[1])
        np.testing.assert_allclose(record["landmarks"][mask], points[face.key][mask], atol=0.02)
        np.testing.assert_allclose(record["box_ground_truth"], face.box, atol=1e-3)


def test_nothing_is_lost_and_what_is_missing_is_told(make_round, tmp_path):
    made, target = make_round(), tmp_path / "set"
    with pytest.raises(AnnotationError, match="nothing is annotated yet"):
        collecting.collect([made.folder], target)
    assert not target.exists()
    _annotated(made, tmp_path, made.moved())
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(AnnotationError, match="set is there already; give an empty folder"):
        collecting.collect([made.folder], target)
    (target / "mine.txt").unlink()
    (made.target / "photos" / made.index.faces[1].file).unlink()
    with pytest.raises(AnnotationError, match="is gone; `python -m scaf_jax.active_learning expor"):
        collecting.collect([made.folder], target)
    assert not (target / "landmarks.csv").exists()
