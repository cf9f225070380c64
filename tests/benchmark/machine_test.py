"""The description of the machine: complete, and writable as JSON."""

import json

from scaf_jax.benchmark import machine


def test_description_is_complete(monkeypatch):
    monkeypatch.setattr(machine, "matmul_gflops", lambda: 100.0)
    found = json.loads(json.dumps(machine.describe()))
    assert found["platform"] == "cpu" and found["processor"]
    assert 1 <= found["usable_cores"] <= found["cores"]
    assert found["memory_gib"] is None or found["memory_gib"] > 0
    assert found["versions"]["jax"] and set(found["versions"]) >= {"jaxlib", "flax", "torch"}
    assert found["matmul_float32_gflops"] == 100.0


def test_libraries_that_are_not_there_have_no_version(monkeypatch):
    monkeypatch.setattr(machine, "matmul_gflops", lambda: 100.0)
    monkeypatch.setattr(machine, "_LIBRARIES", ("jax", "no-such-library"))
    assert machine.describe()["versions"]["no-such-library"] is None


def test_a_copy_reads_and_writes(monkeypatch):
    monkeypatch.setattr(machine.timing, "medians", lambda times: {"copy": 0.5})
    assert machine.copy_bandwidth(1, rounds=1) == 2 * 2**20 / 0.5


def test_the_rate_counts_operations_of_a_product(monkeypatch):
    monkeypatch.setattr(machine.timing, "medians", lambda times: {"product": 0.5})
    assert machine.matmul_gflops(10, rounds=1) == 2 * 10**3 / 0.5 / 1e9
