"""The devices of TPUs that are not there, as libtpu describes them to the compiler."""

import importlib.util
import os
from typing import Any

import jax
from jax.experimental import topologies

from scaf_jax.aot import chips

# libtpu asks for these on a TPU's own machine; here any one host will do.
_ENVIRONMENT = {
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    # No chip is opened, so that several processes may compile at once.
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_STDERR_LOG_LEVEL": "3",
    "TPU_MIN_LOG_LEVEL": "3",
}


def configure() -> None:
    """Keeps JAX's own arrays on the CPU; call it before the first array is made.

    It changes the environment of the process, which should do nothing but compile.
    """
    os.environ.update(_ENVIRONMENT)
    jax.config.update("jax_platforms", "cpu")


def devices(name: str) -> list[Any]:
    """Returns the devices of a topology, one a chip, for a mesh to compile for.

    Args:
      name: Such as 'v5e:2x4' (8 chips) or 'v4:2x2x1' (4 chips).

    Raises:
      ValueError: There is no such topology; libtpu's reason is in the message.
      ModuleNotFoundError: libtpu is not installed.
    """
    chip = chips.of_topology(name)
    if importlib.util.find_spec("libtpu") is None:
        raise ModuleNotFoundError(
            "compiling for TPUs needs libtpu, on any Linux machine: pip install 'scaf_jax[tpu]'"
        )
    options: dict[str, Any] = {"chip_config_name": chip.config_name} if chip.config_name else {}
    if chip.name == "v4":
        options["chips_per_host_bounds"] = (2, 2, 1)
    try:
        return list(topologies.get_topology_desc(name, "tpu", **options).devices)
    except jax.errors.JaxRuntimeError as error:
        raise ValueError(f"--topology: libtpu has no '{name}': {str(error)[:300]}") from error
