"""Tests of what an evaluation makes of predictions; whole ones are tested with whole runs."""

import numpy as np

from scaf_jax import default_config
from scaf_jax.data import sources
from scaf_jax.reporting import report
from scaf_jax.runs import alignment_stage, evaluation, faces, resolve


def test_errors_are_divided_by_the_true_box_whichever_is_cropped(tiny_faces, tmp_path, monkeypatch):
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", tiny_faces
    config.evaluation.splits, config.evaluation.full = ("test",), ""
    config.evaluation.boxes = ("ground_truth", "detector")
    config.evaluation.normalizer = "box_diagonal"
    run = resolve.resolve(config)
    source = sources.SubsetSource(run.faces.split("test"), range(8))
    truth = np.stack([source[i]["box_ground_truth"] for i in range(8)])
    assert (truth != np.stack([source[i]["box_detector"] for i in range(8)])).any(axis=1).all()
    monkeypatch.setattr(faces.Faces, "tests", lambda _: {"test": source})
    monkeypatch.setattr(evaluation.evaluation_pictures, "draw", lambda *_: [])
    written = {}
    monkeypatch.setattr(report, "write_report", lambda _, **values: written.update(values))
    network = alignment_stage.bundle_of(run, run.landmark_stage().stage.init())
    evaluation.evaluate(run, network, tmp_path)
    assert [split.name for split in written["splits"]] == ["test", "test (detector box)"]
    for split in written["splits"]:
        np.testing.assert_array_equal(split.boxes, truth)
        errors = np.linalg.norm(split.predicted - split.truth, axis=-1).mean(axis=1)
        diagonals = np.linalg.norm(truth[:, 2:] - truth[:, :2], axis=1)
        nme = split.nme(run.scheme, "box_diagonal")[split.decoder]
        np.testing.assert_allclose(nme, 100 * errors / diagonals)
