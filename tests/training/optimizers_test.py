"""The table of optimizers and the learning-rate schedules."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from scaf_jax.training import optimizers

PARAMS = {
    "encoder": {"stem": {"kernel": jnp.ones((2, 2))}},
    "generator": {"head": {"kernel": jnp.ones(3), "bias": jnp.ones(1)}},
    "transfer": {"head": {"kernel": jnp.ones(4)}},
}
TABLE = (
    (r"encoder/.*", optax.sgd(0.1)),
    (r"generator/.*", None),
    (r".*/kernel", optax.adam(1.0)),
)


def test_the_first_matching_row_decides():
    positions = optimizers.assign(TABLE, PARAMS)
    assert jax.tree.leaves(positions) == [0, 1, 1, 2]


def test_paths_are_matched_as_a_whole():
    with pytest.raises(ValueError, match="no optimizer for 4 parameters"):
        optimizers.assign([("encoder", None), ("head", None)], PARAMS)


def test_uncovered_parameters_are_named():
    with pytest.raises(ValueError, match="no optimizer for 1 parameters, .*transfer/head/kernel"):
        optimizers.build(TABLE[:2], PARAMS)


def test_idle_rows_are_named():
    table = (*TABLE, (r"decoder/.*", None))
    with pytest.raises(ValueError, match=r"match no parameter: \['decoder/\.\*'\]"):
        optimizers.build(table, PARAMS)


def test_frozen_parameters_do_not_move_and_have_no_state():
    optimizer = optimizers.build(TABLE, PARAMS)
    opt_state = optimizer.init(PARAMS)
    gradients = jax.tree.map(jnp.ones_like, PARAMS)
    updates, _ = optimizer.update(gradients, opt_state, PARAMS)
    params = optax.apply_updates(PARAMS, updates)
    np.testing.assert_allclose(params["encoder"]["stem"]["kernel"], np.full((2, 2), 0.9))
    np.testing.assert_allclose(params["transfer"]["head"]["kernel"], np.zeros(4), atol=1e-5)
    jax.tree.map(np.testing.assert_array_equal, params["generator"], PARAMS["generator"])
    # Adam's two moments of the 4 values that it trains, and scalars.
    sizes = [x.size for x in jax.tree.leaves(opt_state) if x.ndim]
    assert sizes == [4, 4]


def test_some_parameters_move_faster_with_the_same_state():
    plain = optax.adam(0.1)
    faster = optimizers.faster(plain, r"generator/head/.*", 3.0)
    gradients = jax.tree.map(jnp.ones_like, PARAMS)
    updates, opt_state = faster.update(gradients, faster.init(PARAMS), PARAMS)
    expected, expected_state = plain.update(gradients, plain.init(PARAMS), PARAMS)
    expected["generator"] = jax.tree.map(lambda x: 3 * x, expected["generator"])
    jax.tree.map(np.testing.assert_array_equal, updates, expected)
    jax.tree.map(np.testing.assert_array_equal, opt_state, expected_state)


def test_partition_and_combine():
    trainable, frozen = optimizers.partition(TABLE, PARAMS)
    assert frozen["encoder"]["stem"]["kernel"] is None
    assert trainable["generator"]["head"] == {"kernel": None, "bias": None}
    assert len(jax.tree.leaves(trainable)) == len(jax.tree.leaves(frozen)) == 2
    together = optimizers.combine(trainable, frozen)
    jax.tree.map(np.testing.assert_array_equal, together, PARAMS)


def _rates(schedule, steps) -> list[float]:
    if not callable(schedule):
        return [schedule] * len(steps)
    return [float(jnp.asarray(schedule(step))) for step in steps]


@pytest.mark.parametrize(
    ("kind", "warmup", "expected"),
    [
        ("constant", 0, [2.0, 2.0, 2.0, 2.0]),
        ("constant", 50, [0.0, 2.0, 2.0, 2.0]),
        ("cosine", 0, [2.0, 1.0, 0.0, 0.0]),
        ("cosine", 50, [0.0, 2.0, 0.0, 0.0]),
    ],
)
def test_schedules(kind, warmup, expected):
    schedule = optimizers.schedule(kind, 2.0, steps=100, warmup=warmup)
    rates = _rates(schedule, [0, 50, 100, 150])
    np.testing.assert_allclose(rates, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "steps", "warmup", "message"),
    [
        ("linear", 10, 0, "schedule must be one of .*, not 'linear'"),
        ("cosine", 10, 10, r"warmup \(10\) must be shorter than the training \(10 steps\)"),
        ("constant", 10, -1, "warmup"),
    ],
)
def test_impossible_schedules_are_refused(kind, steps, warmup, message):
    with pytest.raises(ValueError, match=message):
        optimizers.schedule(kind, 1.0, steps=steps, warmup=warmup)
