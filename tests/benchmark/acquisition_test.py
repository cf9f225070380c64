"""The measurement of scores runs and writes what it says; its times are not judged."""

import argparse
import json

import numpy as np
import pytest

from scaf_jax.benchmark import acquisition, machine


@pytest.fixture
def quick_machine(monkeypatch):
    monkeypatch.setattr(machine, "describe", lambda: {"processor": "none"})


def _arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    acquisition.add_arguments(parser)
    return parser.parse_args(words)


def test_writes_all_times_and_a_table(tmp_path, quick_machine, capsys):
    output = tmp_path / "times.json"
    arguments = _arguments(
        "--landmarks", "3", "--batch", "2", "1", "--size=16", "--rounds=2", f"--output={output}"
    )
    assert acquisition.main(arguments) == 0
    result = json.loads(output.read_text())
    assert [(row["landmarks"], row["batch"]) for row in result["rows"]] == [(3, 2), (3, 1)]
    for row in result["rows"]:
        assert set(row["seconds"]) == set(acquisition.TITLES)
        assert all(len(times) == 2 for times in row["seconds"].values())
        median = np.median(row["seconds"]["nnm"])
        assert row["milliseconds_per_face"]["nnm"] == pytest.approx(1e3 * median / row["batch"])
    text = (tmp_path / "times.md").read_text()
    assert "3 maps, batch 2" in text and "entropy / NNM" in text
    assert "3 maps, batch 1" in capsys.readouterr().out


def test_contestants_compute_what_they_are_named_for():
    found = {name: run() for name, run in acquisition.contestants(2, 3, 16).items()}
    np.testing.assert_array_equal(found[acquisition.LIMIT], found[acquisition.NUMPY])
    np.testing.assert_allclose(found[acquisition.NNM], found[acquisition.ONE_PASS][1], rtol=1e-5)
    assert found[acquisition.ENTROPY].shape == (2,)


def test_ratios_by_hand():
    seconds = {name: [0.001 * (i + 1)] for i, name in enumerate(acquisition.TITLES)}
    row = {
        "batch": 1,
        "landmarks": 68,
        "milliseconds_per_face": {name: 1e3 * values[0] for name, values in seconds.items()},
        "ratios": {"a": 2.0, "b": 3.0, "c": 2.0, "d": 4 / 3},
    }
    text = acquisition.table_of([row]).text()
    assert "1.000" in text and "1.33" in text
