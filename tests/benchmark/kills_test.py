import datetime
import json
import random

import jax.numpy as jnp
import pytest

from scaf_jax.benchmark import killed_runs, kills
from scaf_jax.training import checkpointing


def _leave(workdir, *, weight=1.0, seconds=3.0, extra=False):
    """What a run of one step leaves."""
    stage = workdir / "alignment"
    with checkpointing.Checkpoints(stage / "checkpoints") as checkpoints:
        checkpoints.save(1, {"w": jnp.full(3, weight)}, iterator_state={"batches_drawn": 1})
    (stage / "metrics.jsonl").write_text(
        json.dumps(
            {"step": 1, "time": seconds, "train/loss": 0.5, "pace/faces_per_second": seconds}
        )
    )
    result = {"nme": 1.5, "folder": str(workdir), "seconds to the first step": seconds}
    (workdir / "metrics.json").write_text(json.dumps(result))
    if extra:
        (workdir / "more.csv").write_text("a,b\n")


def test_times_and_folders_are_no_results_and_all_else_is(tmp_path):
    _leave(tmp_path / "whole")
    _leave(tmp_path / "same", seconds=7.0)
    _leave(tmp_path / "other", weight=1.0000001, extra=True)
    whole, same, other = (killed_runs.facts(tmp_path / n) for n in ("whole", "same", "other"))
    assert len(whole) == 4 and killed_runs.compare(whole, same) == []
    assert killed_runs.compare(whole, other) == [
        "alignment/checkpoints/1/w is other",
        "more.csv is there besides",
    ]
    assert "more.csv is not there" in killed_runs.compare(other, whole)


def test_how_long_phases_take_is_read_from_the_log():
    log = """
I1126 23:59:50.000000 1 feeding.py:86] the loader: 1 processes, 1 threads in each
I1126 23:59:51.500000 1 stage_training.py:94] /runs/a/pretraining: 64 faces, 4 steps of 8
I1126 23:59:58.000000 1 metric_writers.py:214] pretraining step 1 of 4, 5s left: train/loss 1
I1127 00:00:01.500000 1 metric_writers.py:214] pretraining step 4 of 4, 0s left: train/loss 1
I1127 00:00:02.500000 1 feeding.py:86] the loader: 1 processes, 1 threads in each
I1127 00:00:03.500000 1 stage_training.py:94] /runs/a/rounds/round_0/alignment: 8 faces, 4 steps
""".splitlines()
    started = datetime.datetime(2026, 11, 26, 23, 59, 40)
    assert killed_runs.durations(log, started) == {
        "opening the data": 11.5,
        "stage 1": 10.0,
        "its report": 2.0,
    }


@pytest.mark.slow
def test_killed_runs_end_with_the_same_bits(tmp_path):
    found = kills.measure(tmp_path, 6, random.Random(0))
    assert found["differences"] == {} and len(found["kills"]) == 6
