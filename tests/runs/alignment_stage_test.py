"""Tests of how stage 2 of a run begins; what it trains is tested with whole runs."""

import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.runs import alignment_stage, faces, resolve, stage_training, stages


class _Faces:
    """Three faces that know some of 68 landmarks."""

    def __init__(self, unknown):
        self._mask = np.ones(68, bool)
        self._mask[unknown] = False
        self.keys = ["a.jpg", "b.jpg", "c.jpg"]

    def __len__(self):
        return 3

    def __getitem__(self, index):
        return {"key": self.keys[index], "landmark_mask": self._mask}


def test_landmarks_that_no_labeled_face_has_are_named():
    run = resolve.resolve(default_config.get_config())
    complete = _Faces([])
    assert alignment_stage.labeled_faces(run, complete) is complete
    message = (
        "none of the 3 labeled faces has the landmarks 8, 36 of the scheme 'ibug68'.*label faces"
    )
    with pytest.raises(ValueError, match=message):
        alignment_stage.labeled_faces(run, _Faces([8, 36]))
    with pytest.raises(ValueError, match="landmarks 0, .* 9 and 58 more of the scheme"):
        alignment_stage.labeled_faces(run, _Faces(range(68)))


def test_they_stop_a_run_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setattr(faces.Faces, "training", lambda self: _Faces([8]))
    with pytest.raises(ValueError, match="landmarks 8 of the scheme"):
        stages.run(resolve.resolve(default_config.get_config()), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_they_stop_stage_2_with_faces_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(stage_training, "train", lambda run, work, folder: work.open_faces())
    config = default_config.get_config()
    default_config.shrink(config)
    with pytest.raises(ValueError, match="landmarks 8 of the scheme"):
        alignment_stage.run_alignment(resolve.resolve(config), tmp_path, None, labeled=_Faces([8]))
