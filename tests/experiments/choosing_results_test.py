"""Paired differences, their intervals, the worst tenth, and what is written."""

import json

import numpy as np
import pytest

from scaf_jax.experiments import choosing_results
from scaf_jax.experiments.choosing_run import Outcome


def _outcome(row, draw, nme, labels=50):
    errors = {"test": np.full(20, nme) + np.where(np.arange(20) < 2, 9.0, 0.0)}
    return Outcome(row, draw, labels, errors, ("a", "b"), 60.0)


def test_differences_are_paired_and_their_interval_is_students():
    own, random = {0: 5.0, 1: 5.5, 2: 4.9, 7: 1.0}, {0: 5.3, 1: 5.6, 2: 5.4, 3: 9.0}
    found = choosing_results.difference(own, random)
    assert found is not None and found.draws == 3
    values = np.array([-0.3, -0.1, -0.5])
    assert found.mean == pytest.approx(-0.3)
    # The 97.5 % quantile of t with two degrees of freedom, from a table.
    assert found.half == pytest.approx(4.3027 * values.std(ddof=1) / np.sqrt(3), rel=1e-4)
    assert found.text() == "-0.30 [-0.80, +0.20]"
    assert choosing_results.difference({0: 1.0}, {1: 1.0}) is None


def test_only_what_leaves_0_out_is_sure():
    sure = choosing_results.Difference(-0.3, 0.2, 5)
    assert sure.is_sure and sure.text() == "-0.30 [-0.50, -0.10] *"
    single = choosing_results.difference({0: 4.0}, {0: 5.0})
    assert single is not None and not single.is_sure and single.text() == "-1.00 (1 draw)"


def test_the_worst_tenth_is_rounded_up_and_knows_missing_errors():
    errors = np.array([*range(1, 12), np.nan], float)
    assert choosing_results.worst_tenth(errors) == 10.5  # two of eleven
    assert choosing_results.mean_error(errors) == 6


def test_everything_is_written(tmp_path):
    outcomes = [
        _outcome("random", 0, 5.0),
        _outcome("nnm", 0, 4.5),
        _outcome("random", 1, 5.2),
        _outcome("nnm", 1, 4.8),
    ]
    text = choosing_results.write(tmp_path, outcomes, planned=6)
    assert "4 of 6 networks are done" in text
    line = next(line for line in text.splitlines() if line.startswith("nnm"))
    assert "5.55 ± 0.21 (2)" in line and "-0.45 [" in line
    assert "14.10 ± 0.14" in next(x for x in text.splitlines() if x.startswith("random"))
    assert (tmp_path / "choosing.md").read_text().count("| nnm | 50 |") == 1
    rows = (tmp_path / "choosing.csv").read_text().splitlines()
    assert rows[2] == "nnm,0,50,test,5.4000,13.5000"
    facts = json.loads((tmp_path / "choosing.json").read_text())
    assert facts[1]["errors"]["test"]["NME"] == pytest.approx(5.4)
    assert facts[1]["chosen"] == ["a", "b"]
    assert (tmp_path / "curves_test.png").read_bytes()[:4] == b"\x89PNG"
