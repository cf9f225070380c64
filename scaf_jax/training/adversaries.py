"""The two adversaries of stage 1: when each discriminator learns, and what it asks for.

Source: 3FabRec (CVPR 2020), whose procedure SCAF follows (sec. 4.2).
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from scaf_jax.training import losses, pretraining_terms, state

PyTree = Any
Metrics = dict[str, jax.Array]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Step:
    """What one step carries through its parts: updated parameters, statistics and metrics."""

    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    metrics: Metrics

    def with_metrics(self, **metrics: jax.Array) -> "Step":
        """Returns the step with further metrics."""
        return dataclasses.replace(self, metrics=self.metrics | metrics)


def embedding_terms(
    step: Step,
    graphdef: nnx.GraphDef[Any],
    optimizers_: dict[str, optax.GradientTransformation],
    settings: pretraining_terms.PretrainingSettings,
    number: jax.Array,
    embeddings: jax.Array,
    real: jax.Array,
    key: jax.Array,
) -> tuple[Step, jax.Array]:
    """Updates the embedding discriminator in every fourth step, by the embeddings of this one.

    Returns the step that goes on, and the encoder's adversary, which counts in every second step.
    """
    keys = list(jax.random.split(key, 3)) if settings.dropout else [None] * 3

    def judge(params: PyTree, x: jax.Array, dropout_key: jax.Array | None) -> jax.Array:
        model = state.merge(
            graphdef, step.params | {"embedding_discriminator": params}, step.batch_stats
        )
        return model.embedding_discriminator(x, dropout_key=dropout_key)

    fake = jax.lax.stop_gradient(embeddings)

    def loss(params: PyTree) -> tuple[jax.Array, PyTree]:
        value = losses.discriminator(judge(params, real, keys[0]), judge(params, fake, keys[1]))
        return value, step.batch_stats

    learned = _updated(step, "embedding_discriminator", loss, optimizers_, turn=number % 4 == 0)
    frozen = jax.lax.stop_gradient(learned.params["embedding_discriminator"])
    value = losses.adversary(judge(frozen, embeddings, keys[2]))
    turn = number % 2 == 0
    metric = jnp.where(turn, value, jnp.nan)
    return learned.with_metrics(embedding_adversary=metric), jnp.where(turn, value, 0.0)


def image_terms(
    step: Step,
    graphdef: nnx.GraphDef[Any],
    optimizers_: dict[str, optax.GradientTransformation],
    number: jax.Array,
    images: jax.Array,
    fakes: list[tuple[float, jax.Array]],
) -> tuple[Step, jax.Array]:
    """Updates the image discriminator in every second step.

    Returns the step that goes on, and the generator's adversary. The discriminator's running
    statistics move at each of its forward passes.
    """
    name = "image_discriminator"

    def judge(
        params: PyTree, batch_stats: PyTree, batches: list[jax.Array]
    ) -> tuple[list[jax.Array], PyTree]:
        model = state.merge(graphdef, step.params | {name: params}, batch_stats)
        verdicts = [model.image_discriminator(x, train=True) for x in batches]
        new_statistics = state.batch_stats_of(model)[name]
        return verdicts, batch_stats | {name: new_statistics}

    def loss(params: PyTree) -> tuple[jax.Array, PyTree]:
        batches = [images, *(jax.lax.stop_gradient(fake) for _, fake in fakes)]
        (real, *verdicts), batch_stats = judge(params, step.batch_stats, batches)
        value = sum(
            weight * losses.discriminator(real, verdict)
            for (weight, _), verdict in zip(fakes, verdicts, strict=True)
        )
        return jnp.asarray(value), batch_stats

    learned = _updated(step, name, loss, optimizers_, turn=number % 2 == 0)
    frozen = jax.lax.stop_gradient(learned.params[name])
    verdicts, batch_stats = judge(frozen, learned.batch_stats, [fake for _, fake in fakes])
    value = jnp.asarray(
        sum(
            weight * losses.adversary(verdict)
            for (weight, _), verdict in zip(fakes, verdicts, strict=True)
        )
    )
    after = dataclasses.replace(learned, batch_stats=batch_stats)
    return after.with_metrics(image_adversary=value), value


def _updated(
    step: Step,
    name: str,
    loss: Callable[[PyTree], tuple[jax.Array, PyTree]],
    optimizers_: dict[str, optax.GradientTransformation],
    *,
    turn: jax.Array,
) -> Step:
    """Returns the step after one of the optimizer of the discriminator `name`, if it is its turn.

    The turn is decided on the device, so that the whole cycle is one compiled program. The loss
    that is reported where it is not is NaN: there is none.
    """
    params, opt_state, batch_stats = step.params[name], step.opt_state[name], step.batch_stats

    def learn() -> tuple[PyTree, PyTree, PyTree, jax.Array]:
        (value, new_statistics), gradients = jax.value_and_grad(loss, has_aux=True)(params)
        updates, new_opt_state = optimizers_[name].update(gradients, opt_state, params)
        return optax.apply_updates(params, updates), new_opt_state, new_statistics, value

    def wait() -> tuple[PyTree, PyTree, PyTree, jax.Array]:
        value = jnp.full_like(jax.eval_shape(learn)[3], jnp.nan)
        return params, opt_state, batch_stats, value

    learned, new_opt_state, batch_stats, value = jax.lax.cond(turn, learn, wait)
    return Step(
        params=step.params | {name: learned},
        batch_stats=batch_stats,
        opt_state=step.opt_state | {name: new_opt_state},
        metrics=step.metrics | {name: value},
    )


def interpolate(embeddings: jax.Array, key: jax.Array) -> jax.Array:
    """Returns embeddings (B, 99) at random places between each face and the next one."""
    share = jax.random.uniform(key, (embeddings.shape[0], 1), embeddings.dtype)
    return share * embeddings + (1.0 - share) * jnp.roll(embeddings, 1, axis=0)
