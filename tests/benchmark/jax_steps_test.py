"""Our side of the measurement: contestants do not disturb each other, and the cache stays out."""

import jax
import numpy as np
import pytest

from scaf_jax.benchmark import jax_steps, workloads


@pytest.mark.slow
def test_contestants_share_neither_weights_nor_state():
    """Donated states must not write into the weights that the next contestant starts from."""
    workload = workloads.Workload(workloads.ALIGNMENT, 64, 2, 1 / 16)
    weights, batch = workload.weights(), workload.batch()
    before = jax.tree.map(np.copy, weights)
    ours = jax_steps.build(workload, weights, batch, plain=False).step
    found = [float(ours()["loss"]) for _ in range(3)]
    jax.tree.map(np.testing.assert_array_equal, weights, before)
    plain = jax_steps.build(workload, weights, batch, plain=True).step
    np.testing.assert_allclose([float(plain()["loss"]) for _ in range(3)], found, rtol=1e-3)
    assert found[2] != found[0]


def test_the_cache_is_off_only_inside(tmp_path):
    def compile_new(number: int) -> None:
        jax.jit(lambda x: x * number).lower(1.0).compile()

    folder = jax.config.jax_compilation_cache_dir
    least = jax.config.jax_persistent_cache_min_compile_time_secs
    jax.config.update("jax_compilation_cache_dir", str(tmp_path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax_steps.compilation_cache.reset_cache()
    try:
        with jax_steps.no_compilation_cache():
            compile_new(3)
        assert list(tmp_path.iterdir()) == []
        compile_new(5)
        assert list(tmp_path.iterdir())
    finally:
        jax.config.update("jax_compilation_cache_dir", folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", least)
        jax_steps.compilation_cache.reset_cache()
