import os

import pytest

from scaf_jax.data import hosts


@pytest.mark.parametrize(
    ("accelerators", "cores", "trainings", "workers"),
    [
        (0, 2, 1, 0),
        (0, 96, 1, 0),  # the CPU computes: no loader is slower
        (1, 16, 1, 14),
        (1, 2, 1, 1),
        (1, 96, 1, 16),
        (8, 96, 1, 94),  # one process with all devices of the host
        (1, 96, 8, 10),  # a process for each
        (1, 4, 8, 1),
    ],
)
def test_workers_follow_devices_and_cores(accelerators, cores, trainings, workers):
    found = hosts.default_workers(accelerators=accelerators, cores=cores, trainings=trainings)
    assert found == workers


def test_cores_are_those_that_may_be_used(monkeypatch):
    assert 1 <= hosts.usable_cores() <= os.cpu_count()
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert hosts.usable_cores() == os.cpu_count()
