"""The command as users call it, in a process of its own: libtpu changes the whole process."""

import json
import os
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_a_small_step_is_compiled_for_a_tpu_that_is_not_there(repository, tmp_path):
    pytest.importorskip("libtpu")
    command = [sys.executable, "-m", "scaf_jax.aot", "--config=configs/300w.py:smoke"]
    command += ["--stage=alignment", "--topology=v5e:2x2", "--images_per_chip=2"]
    command += [f"--output={tmp_path}", "--movers=3"]
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    done = subprocess.run(
        command, cwd=repository, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-4000:]
    (path,) = tmp_path.glob("*.json")
    figures = json.loads(path.read_text())
    assert (figures["chips"], figures["images"], figures["chip"]) == (4, 8, "v5e")
    assert figures["flops"] > 0 and figures["bytes"] > 0
    # The gradients of four chips are summed.
    assert figures["collectives"]["all-reduce"]["bytes"] > 0
    assert "| alignment | v5e:2x2 |" in (tmp_path / "table.md").read_text()
    assert done.stdout.count(" MB  ") == 3


def test_an_unknown_topology_ends_with_a_sentence(repository):
    command = [sys.executable, "-m", "scaf_jax.aot", "--config=configs/300w.py:smoke"]
    command += ["--stage=alignment", "--topology=nonsense"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert "--topology: 'nonsense' is none" in done.stderr and "Traceback" not in done.stderr
