"""Stage 1 on a network small enough for a test: what learns when, and that it learns."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from scaf_jax.inference import steps
from scaf_jax.models import adversarial_autoencoder
from scaf_jax.training import pretraining, pretraining_terms, state

SIZE, WIDTH, BATCH = 64, 0.05, 4
# All terms from the first step on.
STARTED = pretraining_terms.PretrainingSettings(image_start=0, structural_start=0)
ALL = dataclasses.replace(STARTED, learning_rate=1e-3)


def _build(dtype=None) -> adversarial_autoencoder.PretrainingModel:
    return adversarial_autoencoder.PretrainingModel(
        input_size=SIZE, width_multiplier=WIDTH, dtype=dtype, rngs=nnx.Rngs(0)
    )


def _images(seed: int = 0) -> np.ndarray:
    """Smooth color gradients (BATCH, S, S, 3) uint8, which a small network can learn."""
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, 255, (BATCH, 2, 2, 3))
    ramp = np.linspace(0, 1, SIZE)
    blend = np.stack([1 - ramp, ramp], axis=-1)
    return np.einsum("iy,jx,byxc->bijc", blend, blend, corners).astype(np.uint8)


def _batch(seed: int = 0, real: float = 0.0) -> dict[str, np.ndarray]:
    """Images, and real embeddings about a mean."""
    rng = np.random.default_rng(seed)
    embeddings = (real + rng.standard_normal((BATCH, 99))).astype(np.float32)
    return {"image": _images(seed), "real_embeddings": embeddings}


def _start(settings, dtype=None):
    """The step at 0, with weights of NumPy: JAX would compile each random shape."""
    graphdef, params, batch_stats = state.split(nnx.eval_shape(functools.partial(_build, dtype)))
    rng = np.random.default_rng(0)

    def draw(leaf):
        scale = np.prod(leaf.shape[:-1]) ** -0.5 if len(leaf.shape) > 1 else 0.0
        return jnp.asarray(scale * rng.standard_normal(leaf.shape), leaf.dtype)

    def one(path, leaf):
        is_one = path[-1].key in ("scale", "var")
        return jnp.ones(leaf.shape, leaf.dtype) if is_one else draw(leaf)

    params, batch_stats = jax.tree_util.tree_map_with_path(one, (params, batch_stats))
    optimizers_ = pretraining.build_optimizers(settings)
    step = functools.partial(
        pretraining.train_step,
        graphdef=graphdef,
        optimizers_=optimizers_,
        settings=settings,
        seed=0,
    )
    train_state = pretraining.start_state(params, batch_stats, optimizers_)
    return graphdef, train_state, jax.jit(step, static_argnames="terms")


@pytest.fixture(scope="module")
def full():
    """Definition, state at step 0 and compiled step with every term but interpolation."""
    return _start(ALL)


@pytest.fixture(scope="module")
def run(full):
    """The states before each of four steps and after the last; the steps' metrics."""
    _, train_state, step = full
    states, metrics = [train_state], []
    for number in range(4):
        terms = pretraining_terms.terms_at(number, ALL)
        train_state, values = step(train_state, _batch(number), terms=terms)
        states.append(train_state)
        metrics.append(values)
    return states, metrics


def _changed(before, after) -> bool:
    """Whether every leaf changed; fails where only some did."""
    changed = {
        not np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    }
    assert len(changed) == 1
    return changed.pop()


@pytest.mark.parametrize(
    ("network", "turns"),
    [
        ("embedding_discriminator", [True, False, False, False]),
        ("image_discriminator", [True, False, True, False]),
        ("generator", [True, True, True, True]),
        ("encoder", [True, True, True, True]),
    ],
)
def test_each_network_learns_in_its_turn(run, network, turns):
    states, _ = run
    pairs = list(zip(states, states[1:], strict=False))
    assert [_changed(a.params[network], b.params[network]) for a, b in pairs] == turns


def test_optimizers_count_their_own_steps(run):
    states, _ = run
    counts = {name: int(opt_state[0].count) for name, opt_state in states[-1].opt_state.items()}
    assert counts == {"autoencoder": 4, "embedding_discriminator": 1, "image_discriminator": 2}
    assert int(states[-1].step) == 4


def test_statistics_move_in_every_step(run):
    states, _ = run
    for network in ("encoder", "generator", "image_discriminator"):
        for before, after in zip(states, states[1:], strict=False):
            assert _changed(before.batch_stats[network], after.batch_stats[network])


def test_losses_are_reported_in_their_turn(run):
    _, metrics = run
    turns = {
        "embedding_discriminator": [True, False, False, False],
        "embedding_adversary": [True, False, True, False],
        "image_discriminator": [True, False, True, False],
        "image_adversary": [True] * 4,
        "reconstruction": [True] * 4,
        "structural": [True] * 4,
        "loss": [True] * 4,
        "gradient_norm": [True] * 4,
        "update_norm": [True] * 4,
    }
    assert set(metrics[0]) == set(turns)
    for name, expected in turns.items():
        assert [bool(np.isfinite(values[name])) for values in metrics] == expected


def test_the_loss_is_the_sum_of_its_terms(run):
    for values in run[1]:
        terms = 0.5 * values["reconstruction"] + 0.5 * values["structural"]
        terms += values["image_adversary"] + np.nan_to_num(values["embedding_adversary"])
        assert float(values["loss"]) == pytest.approx(float(terms), rel=1e-5)


def test_the_norm_of_updates_is_how_far_the_autoencoder_moved(run):
    states, metrics = run
    for before, after, values in zip(states, states[1:], metrics, strict=False):
        moved = jax.tree.map(
            lambda a, b: float(np.square(np.asarray(b, np.float64) - np.asarray(a)).sum()),
            *({n: s.params[n] for n in ("encoder", "generator")} for s in (before, after)),
        )
        expected = np.sqrt(sum(jax.tree.leaves(moved)))
        assert float(values["update_norm"]) == pytest.approx(expected, rel=1e-3)
        assert values["gradient_norm"] > 0


def test_reconstructions_improve(full):
    graphdef, train_state, step = full
    batch = _batch()
    losses = []
    for number in range(24):
        terms = pretraining_terms.terms_at(number, ALL)
        train_state, metrics = step(train_state, batch, terms=terms)
        losses.append(float(metrics["reconstruction"]))
    assert losses[-1] < 0.7 * losses[0]
    outputs = steps.rebuild(train_state.params, train_state.batch_stats, batch, graphdef=graphdef)
    images, embeddings = outputs["rebuilt"], outputs["embeddings"]
    assert images.shape == (BATCH, SIZE, SIZE, 3) and images.dtype == jnp.uint8
    assert embeddings.shape == (BATCH, 99) and embeddings.dtype == jnp.float32


def test_steps_repeat_exactly_and_follow_given_embeddings(full):
    _, train_state, step = full
    batch = _batch()
    terms = pretraining_terms.terms_at(0, ALL)
    first, second = (step(train_state, batch, terms=terms)[1] for _ in range(2))
    assert jax.tree.map(float, first) == jax.tree.map(float, second)
    others = step(train_state, _batch(real=3.0), terms=terms)[1]
    assert float(others["embedding_discriminator"]) != float(first["embedding_discriminator"])
    assert float(others["reconstruction"]) == float(first["reconstruction"])


def test_terms_start_one_after_the_other():
    settings = pretraining_terms.PretrainingSettings(
        embedding_start=0, image_start=10, structural_start=20, interpolation_start=5
    )

    def terms(*names):
        return pretraining_terms.Terms(
            **{n: n in names for n in ("embedding", "image", "structural", "interpolation")}
        )

    assert pretraining_terms.terms_at(0, settings) == terms("embedding")
    # Without an image discriminator there is nobody to look at interpolated faces.
    assert pretraining_terms.terms_at(9, settings) == terms("embedding")
    assert pretraining_terms.terms_at(10, settings) == terms("embedding", "image", "interpolation")
    assert all(dataclass_values(pretraining_terms.terms_at(20, settings)))


def dataclass_values(terms: pretraining_terms.Terms) -> list[bool]:
    return list(vars(terms).values())


def test_terms_that_are_off_leave_their_networks_alone():
    off = pretraining_terms.OFF
    settings = pretraining_terms.PretrainingSettings(
        embedding_start=off, image_start=off, structural_start=off
    )
    terms = pretraining_terms.terms_at(1000, settings)
    assert not any(dataclass_values(terms))
    _, before, step = _start(settings)
    after, metrics = step(before, {"image": _images()}, terms=terms)
    assert set(metrics) == {"reconstruction", "loss", "gradient_norm", "update_norm"}
    assert float(metrics["loss"]) == float(metrics["reconstruction"])
    for network in ("embedding_discriminator", "image_discriminator"):
        assert not _changed(before.params[network], after.params[network])
    assert not _changed(
        before.batch_stats["image_discriminator"], after.batch_stats["image_discriminator"]
    )
    assert _changed(before.params["encoder"], after.params["encoder"])


@pytest.mark.slow
def test_bfloat16_with_interpolation_stays_finite():
    settings = dataclasses.replace(STARTED, interpolation_start=0)
    _, train_state, step = _start(settings, jnp.bfloat16)
    terms = pretraining_terms.terms_at(0, settings)
    train_state, metrics = step(train_state, {"image": _images()}, terms=terms)
    assert all(np.isfinite(value) for value in metrics.values())
    assert {x.dtype for x in jax.tree.leaves(train_state.params)} == {jnp.dtype("float32")}
    assert all(bool(jnp.isfinite(x).all()) for x in jax.tree.leaves(train_state.params))


@pytest.mark.slow
def test_four_devices_compute_what_one_does(run_on_devices):
    code = """
        import functools, sys
        import jax, jax.numpy as jnp, numpy as np
        from flax import nnx
        from scaf_jax.models import adversarial_autoencoder
        from scaf_jax.training import pretraining, pretraining_terms, sharding, state

        jax.config.update("jax_enable_x64", True)  # so that only an error can be seen
        settings = pretraining_terms.PretrainingSettings(
            learning_rate=1e-3, image_start=0, structural_start=0)
        optimizers_ = pretraining.build_optimizers(settings)
        graphdef, params, batch_stats = state.split(nnx.eval_shape(lambda:
            adversarial_autoencoder.PretrainingModel(
                input_size=64, width_multiplier=0.05, rngs=nnx.Rngs(0))))
        rng = np.random.default_rng(0)
        def draw(leaf):
            return np.abs(0.1 * rng.standard_normal(leaf.shape)) + 0.02 * rng.standard_normal(
                leaf.shape)
        params, batch_stats = jax.tree.map(draw, (params, batch_stats))
        batch = {
            "image": rng.uniform(-0.5, 0.5, (8, 64, 64, 3)),
            "real_embeddings": rng.standard_normal((8, 99)),
        }
        results = []
        for count in (1, 4):
            mesh = sharding.make_mesh(devices=jax.devices()[:count])
            train_state = jax.device_put(
                pretraining.start_state(params, batch_stats, optimizers_),
                sharding.replicated(mesh))
            step = jax.jit(functools.partial(pretraining.train_step, graphdef=graphdef,
                optimizers_=optimizers_, settings=settings, seed=0), static_argnames="terms")
            sharded = jax.device_put(batch, sharding.batch_sharding(mesh))
            metrics = []
            for number in range(2):
                terms = pretraining_terms.terms_at(number, settings)
                train_state, values = step(train_state, sharded, terms=terms)
                metrics.append(values)
            results.append(jax.device_get((metrics, train_state)))
        worst = jax.tree.map(
            lambda a, b: float(np.max(np.nan_to_num(np.abs(a - b)))), results[0], results[1])
        print(max(jax.tree.leaves(worst)))
    """
    assert float(run_on_devices(4, code).split()[-1]) < 1e-6
