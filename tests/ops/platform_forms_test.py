"""Which form of an operation is lowered where."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import convolutions, platform_forms, pooling


def test_plain_lax_is_a_different_program_of_the_same_jitted_function():
    traces = []

    @jax.jit
    def run(x, kernel):
        traces.append(None)
        return convolutions.conv_transpose2d(x, kernel, stride=2, padding=1)

    rng = np.random.default_rng(0)
    args = [rng.standard_normal(s).astype(np.float32) for s in ((1, 4, 4, 2), (4, 4, 2, 3))]
    dilated = "lhs_dilate = [2, 2]"
    assert dilated not in run.lower(*args).as_text()
    outside = run(*args)
    with platform_forms.plain_lax():
        assert dilated in run.lower(*args).as_text()
        inside = run(*args)
    np.testing.assert_allclose(outside, inside, atol=1e-5)
    count = len(traces)
    run(*args)
    assert len(traces) == count


@pytest.mark.parametrize("platform", ["tpu", "cuda"])
def test_accelerators_get_plain_lax(platform):
    """The program lowered for an accelerator is the dilated convolution, without loops."""

    def loss(x, kernel):
        y = convolutions.conv_transpose2d(x, kernel, stride=2, padding=1)
        return (pooling.max_pool(y) ** 2).sum()

    args = jnp.zeros((2, 64, 64, 2)), jnp.zeros((4, 4, 2, 3))
    traced = jax.jit(jax.grad(loss, (0, 1))).trace(*args)
    text = traced.lower(lowering_platforms=(platform,)).as_text()
    assert text.count("stablehlo.convolution") == 3
    assert "lhs_dilate = [2, 2]" in text
    assert "stablehlo.reduce_window" in text
    assert "stablehlo.select_and_scatter" in text
    assert "stablehlo.while" not in text
