"""The step in another process: it runs there, without our settings, and ends when told to."""

import os

import pytest

from scaf_jax.benchmark import default_process, workloads
from scaf_jax.commands import runtime


def test_only_our_flag_is_taken_back(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
    runtime._choose_cpu_convolutions()
    assert "fusion_type" in os.environ["XLA_FLAGS"]
    runtime.restore_default_flags()
    assert os.environ["XLA_FLAGS"] == "--xla_backend_optimization_level=0"


@pytest.mark.slow
def test_steps_until_it_is_closed():
    other = default_process.DefaultProcess(workloads.Workload(workloads.INFERENCE, 64, 2, 1 / 16))
    assert other.compile_seconds > 0 and other.memory["total"] > 0
    other.step()
    other.step()
    other.close()
    assert other._process.exitcode == 0


@pytest.mark.slow
def test_a_process_that_fails_is_told(capfd):
    with pytest.raises(RuntimeError, match="--no-default"):
        default_process.DefaultProcess(workloads.Workload(workloads.INFERENCE, 63, 2, 1 / 16))
    assert "63" in capfd.readouterr().err
