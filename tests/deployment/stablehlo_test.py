"""StableHLO programs compute what networks do, without this project's code."""

import pathlib
import subprocess
import sys

import jax.export
import numpy as np
import pytest

from scaf_jax.deployment import checks, stablehlo
from scaf_jax.inference import exported_network
from scaf_jax.weights import exported, header


@pytest.fixture(scope="module")
def description(network, describe):
    return describe(network)


@pytest.fixture(scope="module")
def program(network, description):
    return stablehlo.program(network, description)


@pytest.fixture(scope="module")
def file(program, description, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "network.stablehlo"
    exported.write_archive(path, description, program)
    return path


def test_it_gives_what_the_network_gives(network, description, file, crops):
    found = exported_network.load(file)
    assert found.description == description
    ours = checks.own_outputs(network, description)(crops)
    agreement = checks.agreement(ours, found.ask(crops), description)
    assert agreement.is_close and agreement.moved[0] == 0, agreement
    assert found.ask(crops[:1])["landmarks"].shape == (1, 68, 2)


def test_it_is_for_every_platform_and_calls_nothing_outside_of_xla(program):
    found = jax.export.deserialize(bytearray(program))
    assert found.platforms == stablehlo.PLATFORMS
    assert "onednn" not in found.mlir_module()
    with pytest.raises(ValueError, match="platforms must be of"):
        stablehlo.program(None, None, ["abacus"])


def test_the_example_needs_jax_alone(file, crops, tmp_path, repository):
    np.save(tmp_path / "crops.npy", crops)
    example = repository / "examples" / "stablehlo_landmarks.py"
    code = f"""
import runpy, sys
sys.modules["scaf_jax"] = None
sys.argv = ["example", {str(file)!r}, {str(tmp_path / "crops.npy")!r}]
runpy.run_path({str(example)!r}, run_name="__main__")
assert not set(sys.modules) & {{"flax", "cv2", "optax"}}
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "landmarks (3, 68, 2)" in done.stdout and "margin_top" in done.stdout


@pytest.mark.slow
def test_bfloat16_is_smaller_and_close(network, describe, program, crops):
    description = describe(network, "bfloat16")
    half = stablehlo.program(network, description)
    assert len(half) < len(program)
    found = exported_network.stablehlo(description, half, "here")
    ours = checks.own_outputs(network, description)(crops)
    assert checks.agreement(ours, found.ask(crops), description).is_close


def _cut(path: pathlib.Path) -> bytes:
    return path.read_bytes()[:-1000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (_cut, "is damaged, cut short or no exported program"),
        (lambda path: b"PK\x03\x04hello", "is damaged"),
        (lambda path: path.read_bytes().replace(b'"decode": true', b'"decode": 1234'), "damaged"),
    ],
)
def test_damaged_files_are_refused(content, message, file, tmp_path):
    path = tmp_path / "bad.stablehlo"
    path.write_bytes(content(file))
    with pytest.raises(header.WeightsError, match=f"bad.stablehlo.*{message}"):
        exported_network.load(path)


def test_damaged_programs_are_refused(program, description):
    for damaged in (b"", b"hello", program[:1000]):
        with pytest.raises(header.WeightsError, match="here: its program is damaged"):
            exported_network.stablehlo(description, damaged, "here")


def test_programs_of_other_inputs_and_platforms_are_refused(description):
    def of(shape, platform):
        images = jax.ShapeDtypeStruct(shape, np.uint8)
        run = jax.jit(lambda images: {"landmarks": images})
        return bytes(jax.export.export(run, platforms=[platform])(images).serialize())

    with pytest.raises(header.WeightsError, match="not crops of 64 pixels"):
        exported_network.stablehlo(description, of((2, 32, 32, 3), "cpu"), "here")
    with pytest.raises(header.WeightsError, match=r"is for tpu, and this is cpu"):
        exported_network.stablehlo(description, of((2, 64, 64, 3), "tpu"), "here")
    other = exported_network.stablehlo(description, of((1, 64, 64, 3), "cpu"), "here")
    with pytest.raises(header.WeightsError, match="gives other outputs"):
        other.ask(np.zeros((1, 64, 64, 3), np.uint8))
