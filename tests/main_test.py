import errno
import re
import subprocess
import sys

import pytest

from scaf_jax.commands import launch, runtime


def _run(repository, *arguments: str, cwd) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "scaf_jax.main", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin", "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_missing_data_ends_with_the_command_and_no_traceback(repository, tmp_path):
    done = _run(
        repository,
        "--config=300w:smoke",
        "--workdir=run",
        "--config.data.data_dir=prepared",
        cwd=tmp_path,
    )
    assert done.returncode == 1
    assert "python -m data_builders.prepare the300w" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_config_lists_the_shipped_ones(repository, tmp_path):
    done = _run(repository, "--config=configs/nowhere.py", "--workdir=run", cwd=tmp_path)
    assert done.returncode != 0
    assert "configs/300w.py" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "error, advice",
    [
        (OSError(errno.ENOSPC, "No space left", "/runs/a"), "'/runs/a'. Make room .* continues"),
        (PermissionError(errno.EACCES, "Permission denied", "/runs/a"), "the right to write"),
        (OSError(errno.EIO, "Input/output error", "/runs/a"), "the same command continues"),
    ],
)
def test_errors_of_the_system_end_with_what_to_do(error, advice, monkeypatch, caplog):
    monkeypatch.setattr(runtime, "configure", lambda: None)

    def work():
        raise error

    assert launch.run(work) == 1
    (record,) = caplog.records
    assert str(error) in record.getMessage() and re.search(advice, record.getMessage())
