"""The command `accelerator`: every goal is found in the results and judged by them."""

import argparse
import json

import pytest

from scaf_jax.benchmark import accelerator, feeding, machine, workloads

FOUND = {
    "feeding": {
        "machine": {"device": "card"},
        "steps": {workloads.PRETRAINING: 100.0, workloads.ALIGNMENT: 200.0},
        "loader": {"0": 50.0, "14": 130.0},
        "device_crops": 3000.0,
        "first_step": {"cold": {"seconds": 39.0}, "warm": {"seconds": 9.0}},
    },
    "acquisition": {
        "rows": [{"landmarks": 68, "batch": 32, "ratios": {"landmarks_and_nnm_to_maximum": 1.9}}]
    },
}


def _steps(ours: float, torch: float):
    row = {
        "kind": workloads.PRETRAINING,
        "title": "stage 1 step",
        "batch_size": 50,
        "steps_per_run": 4,
        "contestants": {
            "ours": {"images_per_second": ours, "median_seconds": 2.0, "work": {"bytes": 3e9}},
            "torch": {"images_per_second": torch},
        },
    }
    return {"rows": [row], "copy_bytes_per_second": 1e10}


def test_goals_are_judged_by_what_was_found():
    results = FOUND | {"steps_50": _steps(130, 100), "steps_256": _steps(129, 100)}
    rows = {row[0]: row[2:] for row in accelerator.goals(results)}
    assert len(rows) == 10 - 1  # both batches are called alike in this test
    assert rows["loader / stage 1 step"] == ("1.30", "yes")
    assert rows["loader / stage 2 step"] == ("0.65", "no")
    assert rows["device crops, share of a stage 1 step"] == ("3.3%", "yes")
    assert rows["device crops, share of a stage 2 step"] == ("6.7%", "no")
    assert rows["first step of stage 1, cold cache"] == ("39.0 s", "yes")
    assert rows["first step of stage 1, warm cache"] == ("9.0 s", "no")
    assert rows["stage 1 step, batch 50 / fastest PyTorch, f32"] == ("1.29", "no")
    assert rows["stage 1 step, batch 50, share of the bandwidth"] == ("0.60", "yes")
    assert rows["one pass / maximum, 68 maps, batch 32"] == ("1.90", "yes")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute")  # of torch.compile
def test_the_command_can_be_tried_at_tiny_sizes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "matmul_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "copy_bandwidth", lambda: 2e9)
    monkeypatch.setattr(feeding, "first_steps", lambda arguments: {})
    assert accelerator.main(argparse.Namespace(folder=tmp_path, tiny=True)) == 0
    names = {path.name for path in tmp_path.glob("*.json")}
    assert names == {f"{n}.json" for n in ("feeding", "steps_50", "steps_256", "acquisition")}
    assert (tmp_path / "goals.md").read_text().strip() in capsys.readouterr().out
    assert json.loads((tmp_path / "steps_50.json").read_text())["rows"]
