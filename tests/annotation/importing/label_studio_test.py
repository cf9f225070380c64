"""Round trips through Label Studio's own library, where it is installed (pip: label-studio-sdk)."""

import copy
import importlib
import json
import warnings

import numpy as np
import pytest

from scaf_jax.annotation import importing, store
from scaf_jax.landmarks.schemes import IBUG68, WFLW98

SCHEMES = pytest.mark.parametrize("scheme", [IBUG68, WFLW98], ids=lambda s: s.name)


@pytest.fixture(scope="module")
def sdk():
    """Imports a module of the library, whose own warnings are none of ours."""
    pytest.importorskip("label_studio_sdk")

    def load(name):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(f"label_studio_sdk.{name}")

    return load


@SCHEMES
@pytest.mark.filterwarnings("ignore")
def test_label_studio_accepts_the_configuration_and_every_prediction(sdk, make_round, scheme):
    exported = make_round(scheme)
    config = (exported.target / "labeling_config.xml").read_text()
    interface = sdk("label_interface").LabelInterface(config)
    interface.validate()
    for task in exported.load("tasks.json"):
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == []
        wrong = copy.deepcopy(task["predictions"][0])
        wrong["result"][1]["value"]["keypointlabels"] = ["nose"]
        assert interface.validate_prediction(wrong, return_errors=True) != []


def _convert(sdk, exported, tasks, form, tmp_path):
    given = tmp_path / "project.json"
    given.write_text(json.dumps(tasks))
    config = (exported.target / "labeling_config.xml").read_text()
    converter = sdk("converter").Converter(config, str(tmp_path), download_resources=False)
    converter.convert(str(given), str(tmp_path / form), form, is_dir=False)
    return tmp_path / form / "result.json"


@SCHEMES
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("form", "tolerance"),
    [("JSON", 1e-3), ("JSON_MIN", 1e-3), ("COCO", 0.51)],  # its COCO rounds to whole pixels
)
def test_what_label_studio_exports_is_taken_back(
    sdk, make_round, tmp_path, scheme, form, tolerance
):
    exported = make_round(scheme)
    points = exported.moved()
    tasks = exported.label_studio(points)
    if form != "COCO":
        absent = {"from_name": "absent", "to_name": "image", "type": "textarea", "id": "a"}
        tasks[0]["annotations"][0]["result"].append(absent | {"value": {"text": ["3 4-5"]}})
    path = _convert(sdk, exported, tasks, form, tmp_path)
    report = importing.import_annotations(path, exported.folder, scheme)
    assert report.rejected == () and report.missing == ()
    annotations = store.read_annotations(exported.folder)
    for key, annotation in annotations.items():
        mask = annotation.mask
        np.testing.assert_allclose(annotation.landmarks[mask], points[key][mask], atol=tolerance)
    absent = np.flatnonzero(~annotations[exported.keys[0]].mask).tolist()
    assert absent == ([] if form == "COCO" else [3, 4, 5])
