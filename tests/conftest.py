"""Fixtures and set-up that all tests share."""

import os
import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Callable

# Before JAX is imported by any test: tests run on the CPU, whatever else the machine has.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
# Most of the suite's time would go into optimizing programs that run for milliseconds.
os.environ["XLA_FLAGS"] = (
    os.environ.get("XLA_FLAGS", "") + " --xla_backend_optimization_level=0"
).strip()
# Several tests run the same training steps: each is compiled once.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR",
    str(pathlib.Path(__file__).resolve().parents[1] / ".pytest_cache" / "xla"),
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "1")

import pytest
from absl import flags

from data_builders import prepare

# Grain's workers read absl flags; outside absl's app.run they raise UnparsedFlagAccessError.
flags.FLAGS.mark_as_parsed()

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> pathlib.Path:
    """The folder that holds the package, configs and tests."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The optional folder of real faces and reference numbers beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared (real faces, reference numbers), which is absent")
    return folder


@pytest.fixture(scope="session")
def shared_faces(shared: pathlib.Path) -> pathlib.Path:
    """The optional real faces, laid out like 300-W."""
    folder = shared / "data" / "faces_300w_layout"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared/data/faces_300w_layout (photos), which is absent")
    return folder


@pytest.fixture(scope="session")
def tiny_faces(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder in which `synthetic_faces/tiny` is prepared."""
    data_dir = str(tmp_path_factory.mktemp("data"))
    prepare.main(["synthetic_faces", "--builder_config=tiny", f"--data_dir={data_dir}"])
    return data_dir


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """The weights file of a landmark network with random weights: 64 px, a sixteenth as wide."""
    import jax
    import numpy as np

    from scaf_jax.data import geometry
    from scaf_jax.inference import bundle
    from scaf_jax.landmarks import heatmaps, schemes
    from scaf_jax.models import aligner
    from scaf_jax.training import state

    shape = aligner.Architecture(64, 32, 68, width_multiplier=1 / 16)
    graphdef, *shapes = state.definition(shape.build)
    rng = np.random.default_rng(0)  # several times as fast as the network's own initial values
    weights = jax.tree.map(lambda x: rng.uniform(0.05, 0.15, x.shape).astype("f4"), shapes)
    network = bundle.Bundle(
        graphdef=graphdef,
        params=weights[0],
        batch_stats=weights[1],
        crop=geometry.CropSettings(64),
        provenance={"steps": 1, "flip": False},
        architecture=shape,
        codec=heatmaps.HeatmapCodec(64, 32, blur_size=3),
        scheme=schemes.IBUG68,
        decoder="subpixel",
    )
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    network.save(path)
    return path


@pytest.fixture(scope="session")
def run_on_devices() -> Callable[..., str]:
    """Runs Python code in a process of its own that sees several (fake) CPU devices.

    `run_on_devices(count, code, *arguments)` gives what the code prints and fails the test when
    the code fails. The devices are fake only here because with several of them every other test
    would compile its steps for all of them.
    """

    def run(count: int, code: str, *arguments: object) -> str:
        flags_without_count = [
            flag
            for flag in os.environ.get("XLA_FLAGS", "").split()
            if "force_host_platform_device_count" not in flag
        ]
        count_flag = f"--xla_force_host_platform_device_count={count}"
        environment = dict(
            os.environ,
            JAX_PLATFORMS="cpu",
            XLA_FLAGS=" ".join([*flags_without_count, count_flag]),
            PYTHONPATH=os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")]),
        )
        result = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=1800,
        )
        assert result.returncode == 0, f"{result.stdout}\n{result.stderr[-4000:]}"
        return result.stdout

    return run
