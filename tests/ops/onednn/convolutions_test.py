"""oneDNN inside compiled programs: the numbers of plain lax, and only where it may be used."""

import concurrent.futures
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scaf_jax.ops import convolutions, platform_forms
from scaf_jax.ops.onednn import convolutions as onednn
from scaf_jax.ops.onednn import library

# height, width, channels, features, kernel side, stride, padding
CASES = [
    (9, 7, 3, 5, 3, 1, 1),
    (9, 8, 3, 5, 3, 2, 1),
    (16, 15, 3, 8, 7, 2, 3),
    (10, 8, 4, 16, 4, 2, 1),
    (9, 7, 2, 3, 4, 2, 1),
    (6, 5, 16, 4, 1, 2, 0),
]


def _draw(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def _value_and_gradients(function, *args):
    value, pullback = jax.vjp(jax.jit(function), *args)
    return value, *pullback(_draw(9, *value.shape))


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("transposed", [False, True])
def test_values_and_gradients_of_plain_lax(installed, case, transposed):
    height, width, channels, features, side, stride, padding = case
    x, kernel = _draw(0, 2, height, width, channels), _draw(1, side, side, channels, features)
    function = convolutions.conv_transpose2d if transposed else convolutions.conv2d
    run = functools.partial(function, stride=stride, padding=padding)
    text = jax.jit(lambda x, k: jax.vjp(run, x, k)[1](run(x, k))).lower(x, kernel).as_text()
    assert text.count("scaf_jax_onednn_convolution") >= 3
    results = _value_and_gradients(run, x, kernel)
    with platform_forms.plain_lax():
        expected = _value_and_gradients(run, x, kernel)
    for result, wanted in zip(results, expected, strict=True):
        scale = max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(result, wanted, rtol=0, atol=1e-5 * scale)


def test_in_loops_conditions_and_maps_over_a_batch(installed):
    x, kernel = _draw(0, 3, 8, 8, 4), _draw(1, 3, 3, 4, 4)
    convolve = functools.partial(convolutions.conv2d, stride=1, padding=1)
    expected = convolve(x, kernel)

    def one(image):
        return convolve(image[None], kernel)[0]

    looped = jax.jit(functools.partial(jax.lax.map, one))(x)
    branched = jax.jit(lambda turn: jax.lax.cond(turn, lambda: convolve(x, kernel), lambda: x))
    for result in (looped, branched(True), jax.vmap(one)(x)):
        np.testing.assert_allclose(result, expected, rtol=0, atol=1e-5)


def test_calls_from_many_threads_do_not_mix(installed):
    kernels = [_draw(seed, 3, 3, 4, 4) for seed in range(8)]
    x = _draw(99, 2, 32, 32, 4)
    run = jax.jit(functools.partial(convolutions.conv2d, stride=1, padding=1))
    expected = [np.asarray(run(x, kernel)) for kernel in kernels]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda i: np.asarray(run(x, kernels[i % 8])), range(64)))
    for i, result in enumerate(found):
        np.testing.assert_array_equal(result, expected[i % 8])


@pytest.mark.parametrize("padding,is_called", [(1, True), (0, False)])
def test_matrix_products_are_left_to_xla(installed, padding, is_called):
    x, kernel = _draw(0, 2, 3, 3, 8), _draw(1, 3, 3, 8, 4)

    def loss(x, kernel):
        return (convolutions.conv2d(x, kernel, padding=padding) ** 2).sum()

    text = jax.jit(jax.grad(loss, argnums=(0, 1))).lower(x, kernel).as_text()
    assert ("scaf_jax_onednn" in text) == is_called


def test_programs_for_accelerators_have_nothing_of_it(installed):
    x, kernel = _draw(0, 2, 8, 8, 3), _draw(1, 3, 3, 3, 4)

    def loss(x, k):
        return convolutions.conv2d(x, k, padding=1).sum()

    traced = jax.jit(jax.grad(loss, argnums=(0, 1))).trace(x, kernel)
    texts = {
        platform: traced.lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "tpu", "cuda")
    }
    assert {p for p, text in texts.items() if "scaf_jax_onednn" in text} == {"cpu"}


def test_only_float32_and_only_where_it_is_not_switched_off(installed, monkeypatch):
    assert not onednn.is_usable(jnp.float64) and not onednn.is_usable(jnp.bfloat16)
    monkeypatch.setenv("SCAF_JAX_ONEDNN", "0")
    assert not onednn.is_usable(jnp.float32)


@pytest.fixture
def forgotten(monkeypatch):
    """oneDNN is looked for anew."""
    for module, name in ((library, "library"), (library, "engine"), (onednn, "_is_ready")):
        monkeypatch.setattr(module, name, functools.cache(getattr(module, name).__wrapped__))


def test_without_the_package_convolutions_are_xlas(forgotten, monkeypatch, caplog):
    monkeypatch.setattr(library, "PACKAGE", "no-such-package")
    with caplog.at_level("WARNING"):
        assert not onednn.is_usable(jnp.float32)
    assert not caplog.records
    x, kernel = _draw(0, 2, 8, 8, 3), _draw(1, 3, 3, 3, 4)
    assert convolutions.conv2d(x, kernel, padding=1).shape == (2, 8, 8, 4)


def test_another_version_is_told_once_and_left_alone(installed, forgotten, monkeypatch, caplog):
    monkeypatch.setattr(library, "_MAJOR", 4)
    with caplog.at_level("WARNING"):
        assert not onednn.is_usable(jnp.float32) and not onednn.is_usable(jnp.float32)
    (record,) = caplog.records
    assert "needed is version 4" in record.message and "SCAF_JAX_ONEDNN=0" in record.message


_ON_TWO_DEVICES = """
    import jax, jax.numpy as jnp
    from scaf_jax.ops.onednn import convolutions
    print(jax.device_count(), convolutions.is_usable(jnp.float32))
"""


def test_not_on_several_devices(run_on_devices):
    assert run_on_devices(2, _ON_TWO_DEVICES).split() == ["2", "False"]


_CACHED = """
    import sys
    import jax, jax.numpy as jnp
    jax.config.update("jax_compilation_cache_dir", sys.argv[1])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    from scaf_jax.ops import convolutions
    x, kernel = jnp.ones((1, 6, 6, 2)), jnp.ones((3, 3, 2, 4))
    run = jax.jit(lambda x, k: convolutions.conv2d(x, k, padding=1))
    hits = []
    jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))
    print(float(run(x, kernel).sum()), sum("cache_hits" in hit for hit in hits))
"""


def test_programs_from_the_compilation_cache_find_it(installed, run_on_devices, tmp_path):
    first, second = (run_on_devices(1, _CACHED, tmp_path).split() for _ in range(2))
    assert first[0] == second[0] == str(float(2 * 4 * 16 * 16))
    assert int(first[1]) == 0 and int(second[1]) > 0
