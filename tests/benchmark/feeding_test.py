"""The command `feeding`: what it writes hangs together; no test looks at how long things take."""

import argparse
import json

import pytest

from scaf_jax.benchmark import feeding, jax_steps, machine, workloads

TINY = ["--size=64", "--width=0.0625", "--batch=2", "--photo=120", "--batches=2"]


def _run(*options: str) -> int:
    parser = argparse.ArgumentParser()
    feeding.add_arguments(parser)
    return feeding.main(parser.parse_args([*TINY, *options]))


def _step(kind: str) -> jax_steps.CompiledStep:
    return jax_steps.CompiledStep(lambda: kind, 1.5, {}, {})


def test_both_feeds_stand_beside_the_steps(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(machine, "matmul_gflops", lambda: 100.0)
    # Steps are measured in steps_test.py.
    monkeypatch.setattr(jax_steps, "build", lambda work, *_, **__: _step(work.kind))
    output = tmp_path / "found.json"
    assert _run(f"--output={output}", "--workers", "0", "--no-start") == 0
    found = json.loads(output.read_text())
    assert set(found["steps"]) == {workloads.PRETRAINING, workloads.ALIGNMENT}
    rates = [found["places"], found["device_crops"], *found["loader"].values()]
    assert len(rates) == 3 and all(rate > 0 for rate in rates) and found["first_step"] == {}
    printed = capsys.readouterr().out
    assert printed.strip() == output.with_suffix(".md").read_text().strip()
    assert "| loader, 0 processes |" in printed and "| device crops |" in printed


def test_the_table_divides_by_what_steps_take():
    result = {
        "steps": {workloads.PRETRAINING: 100.0, workloads.ALIGNMENT: 200.0},
        "loader": {"4": 150.0},
        "places": 400.0,
        "device_crops": 4000.0,
        "first_step": {"cold": {"seconds": 9.0, "compile_seconds": 7.0}},
        "load_average": 0.5,
        "machine": {"device": "none", "usable_cores": 2},
        "arguments": {"batch": 2, "size": 64, "photo": 100},
    }
    text = feeding.report(result)
    assert "| loader, 4 processes | 150 | 1.50 | 0.75 |" in text
    assert "| device crops | 4000 | 40.00 | 20.00 | 2.5 %, 5.0 % |" in text
    assert "first step, cold cache: 9.0 s, 7.0 of them to compile" in text


@pytest.mark.slow
def test_the_first_step_is_measured_in_processes_that_share_a_cache(monkeypatch):
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    parser = argparse.ArgumentParser()
    feeding.add_arguments(parser)
    found = feeding.first_steps(parser.parse_args(TINY))
    assert list(found) == ["cold", "warm"]
    assert all(one["seconds"] > one["compile_seconds"] > 0 for one in found.values())
