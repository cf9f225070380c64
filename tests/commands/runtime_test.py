import subprocess
import sys

from scaf_jax.commands import runtime

_SHOW = """
import os
from scaf_jax.commands import runtime
runtime.configure()
import jax
print(jax.config.jax_compilation_cache_dir, jax.config.jax_enable_compilation_cache)
print(os.environ["XLA_FLAGS"])
print(float(jax.jit(lambda x: x + 1)(1.0)))
"""


def _lines(repository, **environment: str) -> list[str]:
    result = subprocess.run(
        [sys.executable, "-c", _SHOW],
        env={"PYTHONPATH": str(repository), "PATH": "/usr/bin:/bin", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout.splitlines()


def test_programs_are_kept_in_the_users_cache_folder(repository, tmp_path):
    cache, flags, result = _lines(repository, XDG_CACHE_HOME=str(tmp_path), HOME=str(tmp_path))
    assert cache == f"{tmp_path}/scaf_jax/xla True"
    assert flags.startswith("--xla_cpu_experimental_ynn_fusion_type")
    assert result == "2.0"


def test_the_environment_decides_about_cache_and_flags(repository, tmp_path):
    cache, flags, _ = _lines(
        repository,
        HOME=str(tmp_path),
        JAX_COMPILATION_CACHE_DIR="",
        XLA_FLAGS="--xla_force_host_platform_device_count=2",
    )
    assert cache.endswith("False")
    assert flags.startswith("--xla_force_host_platform_device_count=2 --xla_cpu")


def test_cache_folder_follows_xdg(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert runtime.cache_folder() == tmp_path / "scaf_jax" / "xla"
