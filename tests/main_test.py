import subprocess
import sys


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
