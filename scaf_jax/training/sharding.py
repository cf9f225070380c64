"""Where arrays live: the device mesh, which array is cut along which axis, local to global arrays.

The mesh has two axes. Batches are cut over both. Large parameters (and their optimizer states) are
cut over 'fsdp' and repeated over 'data'; small ones are repeated everywhere. Models know nothing
of it: the compiler inserts the communication.
"""

import collections.abc
import json
import os
import socket
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from scaf_jax.files import strict_json

DATA_AXIS = "data"
FSDP_AXIS = "fsdp"
_TOLD_DIFFERENCES = 8

PyTree = Any


def initialize_distributed() -> bool:
    """Connects this process to the others of a multi-host run, where the environment asks for one.

    Call it before anything else touches JAX. On a single machine it does nothing. A multi-host run
    is recognized by `JAX_COORDINATOR_ADDRESS` (with `JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`), by
    the variables of a TPU pod, Slurm or Open MPI; where none of them is set (a TPU pod started by
    hand), `SCAF_JAX_DISTRIBUTED=1` asks for JAX's own detection.

    Returns:
      Whether the process is now part of a multi-host run.
    """
    if jax.distributed.is_initialized():
        return True
    if not _environment_asks_for_several_processes(os.environ):
        return False
    num_processes, process_id = (
        int(os.environ[name]) if os.environ.get(name) else None
        for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")
    )
    jax.distributed.initialize(num_processes=num_processes, process_id=process_id)
    return True


def _environment_asks_for_several_processes(env: collections.abc.Mapping[str, str]) -> bool:
    if env.get("JAX_COORDINATOR_ADDRESS") or env.get("SCAF_JAX_DISTRIBUTED", "0") == "1":
        return True
    if "," in env.get("TPU_WORKER_HOSTNAMES", ""):
        return True
    counts = ("MEGASCALE_NUM_SLICES", "SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
    return any(env.get(name, "").isdigit() and int(env[name]) > 1 for name in counts)


def make_mesh(
    data: int = -1, fsdp: int = 1, devices: collections.abc.Sequence[Any] | None = None
) -> Mesh:
    """Arranges all devices as a ('data', 'fsdp') mesh.

    Args:
      data: Number of replicas of the parameters; -1 takes all devices that `fsdp` leaves.
      fsdp: Number of devices that share one copy of the large parameters.
      devices: The jax devices to use; by default all devices of all processes.

    Returns:
      A mesh with automatic axes (the compiler chooses the sharding of intermediate values).

    Raises:
      ValueError: If data * fsdp is not the number of devices.
    """
    devices = jax.devices() if devices is None else list(devices)
    count = len(devices)
    if fsdp < 1 or (data < 1 and data != -1):
        raise ValueError(
            f"mesh sizes must be positive (data may be -1 = the rest); got {data=}, {fsdp=}"
        )
    if data == -1:
        data = max(count // fsdp, 1)
    if data * fsdp != count:
        raise ValueError(
            f"a mesh of data={data} x fsdp={fsdp} needs {data * fsdp} devices, and there are "
            f"{count}: set data to -1 and fsdp to a divisor of {count}"
        )
    # make_mesh's default, Explicit axes, would ask the models for sharding annotations.
    return jax.make_mesh(
        (data, fsdp), (DATA_AXIS, FSDP_AXIS), (AxisType.Auto, AxisType.Auto), devices=devices
    )


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Sharding of a batch: the first axis is cut over all devices."""
    return NamedSharding(mesh, PartitionSpec((DATA_AXIS, FSDP_AXIS)))


def replicated(mesh: Mesh) -> NamedSharding:
    """Sharding of a value that every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def state_shardings(mesh: Mesh, abstract_state: PyTree, *, min_bytes: int = 2**20) -> PyTree:
    """Shardings of a training state, decided for each array by its shape alone.

    An array of at least `min_bytes` is cut over 'fsdp' along its longest axis that divides evenly
    (the last of equally long ones). Every other array is held whole by every device. As the rule
    looks at shapes only, a parameter and its optimizer moments are cut alike.

    Args:
      mesh: A mesh from `make_mesh`.
      abstract_state: Tree of arrays or `jax.ShapeDtypeStruct`.
      min_bytes: Arrays smaller than this are not worth the communication.

    Returns:
      A tree of NamedSharding, shaped as `abstract_state`.
    """
    fsdp = mesh.shape[FSDP_AXIS]

    def rule(leaf: Any) -> NamedSharding:
        size = int(np.prod(leaf.shape)) * np.dtype(leaf.dtype).itemsize
        divisible = [axis for axis, n in enumerate(leaf.shape) if n and n % fsdp == 0]
        if fsdp == 1 or size < min_bytes or not divisible:
            return replicated(mesh)
        longest = max(divisible, key=lambda axis: (leaf.shape[axis], axis))
        spec = [None] * longest + [FSDP_AXIS]
        return NamedSharding(mesh, PartitionSpec(*spec))

    return jax.tree.map(rule, abstract_state)


def abstract_with_shardings(abstract_state: PyTree, shardings: PyTree) -> PyTree:
    """Joins shapes and shardings: what `Checkpoints.restore` needs to place what it reads."""
    return jax.tree.map(
        lambda leaf, s: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=s),
        abstract_state,
        shardings,
    )


def local_batch_size(batch_size: int, mesh: Mesh) -> int:
    """Number of examples of a global batch that this process has to supply.

    Raises:
      ValueError: If the batch cannot be cut evenly over the devices; names sizes that can.
    """
    count = mesh.size
    if batch_size < 1 or batch_size % count:
        below, above = batch_size // count * count, (max(batch_size, 0) // count + 1) * count
        sizes = f"{below} or {above}" if below > 0 else f"{above}"
        raise ValueError(
            f"a batch of {batch_size} cannot be cut evenly over the {count} devices of the mesh "
            f"{dict(mesh.shape)}: set the batch size to {sizes}"
        )
    local_devices = sum(d.process_index == jax.process_index() for d in mesh.devices.flat)
    return batch_size // count * local_devices


def to_global(local_batch: PyTree, mesh: Mesh) -> PyTree:
    """Turns this process's part of a batch into global arrays cut over the devices.

    Args:
      local_batch: Tree of NumPy arrays; first axis = examples of this process, in order.
      mesh: A mesh from `make_mesh`.

    Returns:
      The same tree of jax.Array with `batch_sharding(mesh)`; the parts of all processes in turn.

    Raises:
      ValueError: If the first axis cannot be cut evenly over this process's devices.
    """
    sharding = batch_sharding(mesh)
    local_devices = len(sharding.addressable_devices)

    def place(path: Any, value: np.ndarray) -> jax.Array:
        value = np.asarray(value)
        if value.ndim == 0 or value.shape[0] % local_devices:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise ValueError(
                f"batch entry '{name}' has shape {value.shape}: its first axis must be a "
                f"multiple of the {local_devices} devices of this process (change the batch size)"
            )
        return jax.make_array_from_process_local_data(sharding, value)

    return jax.tree_util.tree_map_with_path(place, local_batch)


def synchronize(name: str) -> None:
    """Waits until every process has come here; a name belongs to one place in the program."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices(name)


def describe_processes() -> str:
    """Says which process this is, such as `process 1 of 2: 4 of 8 devices (tpu)`."""
    own, all_devices = jax.local_device_count(), jax.device_count()
    number, count = jax.process_index() + 1, jax.process_count()
    return f"process {number} of {count}: {own} of {all_devices} devices ({jax.default_backend()})"


def processes_on_this_host() -> int:
    """Returns how many processes of the run share this one's host; all must call it."""
    return gather_text(socket.gethostname()).count(socket.gethostname())


def gather_text(text: str) -> list[str]:
    """The given text of every process, in order of the processes; all must call it."""
    if jax.process_count() == 1:
        return [text]
    data = np.frombuffer(text.encode(), np.uint8)
    lengths = np.ravel(multihost_utils.process_allgather(np.int32(data.size)))
    padded = np.zeros(int(lengths.max()), np.uint8)
    padded[: data.size] = data
    rows = np.asarray(multihost_utils.process_allgather(padded))
    return [bytes(row[:n]).decode() for row, n in zip(rows, lengths, strict=True)]


def check_agreement(values: collections.abc.Mapping[str, Any], what: str) -> None:
    """Looks at whether all processes were given the same; all must call it.

    Args:
      values: What has to be the same, JSON values by name.
      what: What it is, for the message, such as 'config'.

    Raises:
      ValueError: They differ; the message names what differs, with the processes' values. Every
        process raises it, so that none waits for the others.
    """
    texts = gather_text(json.dumps(dict(values), sort_keys=True, default=str))
    first, *others = (strict_json.parse_json(text, f"a process's {what}") for text in texts)
    for number, other in enumerate(others, start=1):
        differing = [n for n in sorted({*first, *other}) if first.get(n) != other.get(n)]
        if differing:
            told = "; ".join(
                f"{name} is {first.get(name)!r} in process 0 and {other.get(name)!r} in process "
                f"{number}"
                for name in differing[:_TOLD_DIFFERENCES]
            )
            raise ValueError(f"the processes of this run differ in their {what}: {told}")
