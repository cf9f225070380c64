"""Tests of the mesh, the sharding rules and the step from local to global arrays."""

import json

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec

from scaf_jax.training import sharding


def test_mesh_uses_every_device_with_automatic_axes():
    mesh = sharding.make_mesh()
    assert dict(mesh.shape) == {"data": jax.device_count(), "fsdp": 1}
    assert set(mesh.axis_types) == {jax.sharding.AxisType.Auto}


@pytest.mark.parametrize("sizes", [(3, 5), (-1, 0), (0, 1), (-2, 1), (-1, 7)])
def test_mesh_that_does_not_fit_is_refused(sizes):
    with pytest.raises(ValueError, match="mesh"):
        sharding.make_mesh(*sizes, devices=jax.devices()[:1])


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
        ({"SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"TPU_WORKER_HOSTNAMES": "host0,host1"}, True),
        ({"SLURM_STEP_NUM_TASKS": "4"}, True),
        ({"JAX_COORDINATOR_ADDRESS": "host0:1234"}, True),
        ({"SCAF_JAX_DISTRIBUTED": "1"}, True),
        ({"SCAF_JAX_DISTRIBUTED": "0"}, False),
    ],
)
def test_several_processes_only_where_the_environment_asks(environment, expected):
    assert sharding._environment_asks_for_several_processes(environment) is expected


def test_initialize_distributed_is_harmless_on_one_machine():
    assert sharding.initialize_distributed() is False
    assert jax.process_count() == 1


def test_a_process_says_what_it_has():
    count = jax.device_count()
    said = sharding.describe_processes()
    assert said == f"process 1 of 1: {count} of {count} devices (cpu)"


def test_to_global_keeps_values_and_types():
    mesh = sharding.make_mesh()
    images = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    batch = {"image": images, "valid": np.array([True, False])}
    placed = sharding.to_global(batch, mesh)
    assert placed["image"].sharding.spec == PartitionSpec(("data", "fsdp"))
    assert placed["image"].dtype == np.uint8
    np.testing.assert_array_equal(placed["image"], images)
    np.testing.assert_array_equal(placed["valid"], [True, False])


def test_to_global_names_the_entry_without_batch_axis():
    with pytest.raises(ValueError, match="'seed'"):
        sharding.to_global({"seed": np.float32(1)}, sharding.make_mesh())


def test_batch_size_must_be_positive():
    with pytest.raises(ValueError, match="batch"):
        sharding.local_batch_size(0, sharding.make_mesh())


def test_processes_that_differ_are_told_what_in(monkeypatch):
    mine = {"alignment.batch_size": 8, "seed": 0}
    sharding.check_agreement(mine, "config")  # of one process
    theirs = json.dumps({"alignment.batch_size": 16, "seed": 0, "new": 1})
    monkeypatch.setattr(sharding, "gather_text", lambda text: [text, text, theirs])
    expected = "batch_size is 8 in process 0 and 16 in process 2; new is None .* and 1 in process 2"
    with pytest.raises(ValueError, match=f"differ in their config: .*{expected}"):
        sharding.check_agreement(mine, "config")


FOUR_DEVICES = """
    import json
    import jax, jax.numpy as jnp, numpy as np
    from scaf_jax.training import sharding

    mesh = sharding.make_mesh(fsdp=2)
    abstract = {
        "kernel": jax.ShapeDtypeStruct((3, 3, 64, 32), jnp.float32),
        "square": jax.ShapeDtypeStruct((64, 64), jnp.float32),
        "odd": jax.ShapeDtypeStruct((4099, 7), jnp.float32),
        "odd_then_even": jax.ShapeDtypeStruct((4099, 6), jnp.float32),
        "bias": jax.ShapeDtypeStruct((64,), jnp.float32),
        "step": jax.ShapeDtypeStruct((), jnp.int32),
    }
    shardings = sharding.state_shardings(mesh, abstract, min_bytes=2**12)
    weights = sharding.abstract_with_shardings(abstract, shardings)
    kernel = jax.device_put(jnp.ones((3, 3, 64, 32)), weights["kernel"].sharding)

    local = np.arange(8 * 5, dtype=np.float32).reshape(8, 5)
    batch = sharding.to_global({"x": local}, mesh)["x"]
    total = jax.jit(jnp.sum, out_shardings=sharding.replicated(mesh))(batch)

    def error(function):
        try:
            function()
        except ValueError as e:
            return str(e)

    print(json.dumps({
        "mesh": dict(mesh.shape),
        "specs": {name: str(tuple(s.spec)) for name, s in shardings.items()},
        "kernel_shard": kernel.addressable_shards[0].data.shape,
        "batch_shards": [np.asarray(s.data)[:, 0].tolist() for s in batch.addressable_shards],
        "sum": float(total),
        "local": sharding.local_batch_size(8, mesh),
        "batch_error": error(lambda: sharding.local_batch_size(10, mesh)),
        "entry_error": error(lambda: sharding.to_global({"x": local[:6]}, mesh)),
        "mesh_error": error(lambda: sharding.make_mesh(fsdp=3)),
    }))
"""


def test_four_devices(run_on_devices):
    result = json.loads(run_on_devices(4, FOUR_DEVICES))
    assert result["mesh"] == {"data": 2, "fsdp": 2}
    assert result["specs"] == {
        "kernel": "(None, None, 'fsdp')",
        "square": "(None, 'fsdp')",
        "odd": "()",  # no axis divides by 2
        "odd_then_even": "(None, 'fsdp')",
        "bias": "()",  # too small to cut
        "step": "()",
    }
    assert result["kernel_shard"] == [3, 3, 32, 32]
    assert result["batch_shards"] == [[0, 5], [10, 15], [20, 25], [30, 35]]
    assert result["sum"] == sum(range(40))
    assert result["local"] == 8
    assert "8 or 12" in result["batch_error"]
    assert "'x'" in result["entry_error"] and "(6, 5)" in result["entry_error"]
    assert "4" in result["mesh_error"] and "fsdp" in result["mesh_error"]
