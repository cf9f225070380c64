"""Means and deviations over seeds, in every form."""

import csv
import json

import cv2
import pytest

from scaf_jax.experiments import results, trials


def _result(row, seed, nme, curve=()):
    trial = trials.Trial(row, "50", "scaf", seed, {"active_learning.strategy": "nnm"})
    return results.Result(
        trial, {"test": nme}, {labels: {"test": value} for labels, value in curve}
    )


@pytest.fixture
def written(tmp_path):
    found = [
        _result("scaf nnm", 0, 8.0, [(10, 12.0), (50, 8.0)]),
        _result("scaf nnm", 1, 9.0, [(10, 13.0), (50, 9.0)]),
        _result("scaf random", 0, 10.0, [(50, 10.0)]),
    ]
    return tmp_path, results.write(tmp_path, "table4", found, planned=4)


def test_the_table_has_mean_deviation_and_number_of_seeds(written):
    folder, text = written
    assert "8.50 ± 0.71 (2)" in text and "10.00 (1)" in text and "3 of 4" in text
    assert "8.50 ± 0.71 (2)" in (folder / "table4.md").read_text()


def test_the_csv_has_every_training(written):
    rows = list(csv.DictReader((written[0] / "table4.csv").read_text().splitlines()))
    assert [(r["row"], r["seed"], r["labels"], r["nme_percent"]) for r in rows] == [
        ("scaf nnm", "0", "10", "12.0000"),
        ("scaf nnm", "0", "50", "8.0000"),
        ("scaf nnm", "1", "10", "13.0000"),
        ("scaf nnm", "1", "50", "9.0000"),
        ("scaf random", "0", "50", "10.0000"),
    ]


def test_json_and_plot_are_written(written):
    assert len(json.loads((written[0] / "table4.json").read_text())) == 3
    picture = cv2.imread(str(written[0] / "table4.png"))
    assert picture is not None and picture.std() > 5


def test_the_table_tells_how_long_trainings_took(tmp_path):
    trial = trials.Trial("scaf", "50", "scaf", 0, {})
    found = [results.Result(trial, {"test": 5.0}, {}, seconds) for seconds in (100.0, 120.0, None)]
    text = results.write(tmp_path, "labels", found, planned=3)
    assert "without compiling and the report: scaf, 50 labels: 110 s." in text


def test_times_that_are_not_known_are_not_told(written):
    assert "without compiling" not in written[1]
