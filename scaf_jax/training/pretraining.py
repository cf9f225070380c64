"""Stage 1: the unsupervised adversarial auto-encoder, one training step and its settings.

Source: 3FabRec (CVPR 2020), whose procedure SCAF follows (sec. 4.2).
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from flax.typing import Dtype

from scaf_jax import losses
from scaf_jax.models import autoencoder, discriminators
from scaf_jax.training import optimizers, preprocessing, state

PyTree = Any
Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]

OFF = -1


@dataclasses.dataclass(frozen=True)
class PretrainingSettings:
    """Settings of stage 1. A start step of -1 switches a term off.

    Attributes:
      learning_rate: Adam's rate for encoder, generator and embedding discriminator.
      image_discriminator_rate: Adam's rate for the image discriminator, as a share of that.
      beta1: Adam's first moment decay.
      beta2: Adam's second moment decay.
      schedule: `constant` (published) or `cosine`.
      warmup: Steps in which the rate rises from zero.
      steps: Length of the training, for the schedule.
      embedding_start: First step of the embedding discriminator and its adversary.
      image_start: First step of the image discriminator and its adversary.
      structural_start: First step of the structural loss.
      interpolation_start: First step in which images generated from interpolated pairs of
        embeddings are shown to the image discriminator, too.
      interpolation_weight: Their weight.
      dropout: Whether the embedding discriminator drops units out.
    """

    learning_rate: float = 2e-5
    image_discriminator_rate: float = 0.5
    beta1: float = 0.0
    beta2: float = 0.999
    schedule: str = "constant"
    warmup: int = 0
    steps: int = 1
    embedding_start: int = 0
    image_start: int = 0
    structural_start: int = 0
    interpolation_start: int = OFF
    interpolation_weight: float = 0.25
    dropout: bool = True


@dataclasses.dataclass(frozen=True)
class Terms:
    """Which terms of the loss have started (static under jit: a change compiles anew)."""

    embedding: bool
    image: bool
    structural: bool
    interpolation: bool


def terms_at(step: int, settings: PretrainingSettings) -> Terms:
    """Returns the terms that have started by step number `step` (from 0)."""

    def started(start: int) -> bool:
        return start != OFF and step >= start

    image = started(settings.image_start)
    return Terms(
        embedding=started(settings.embedding_start),
        image=image,
        structural=started(settings.structural_start),
        interpolation=image and started(settings.interpolation_start),
    )


class PretrainingModel(nnx.Module):
    """The four networks of stage 1."""

    def __init__(
        self,
        *,
        input_size: int,
        width_multiplier: float = 1.0,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        common: dict[str, Any] = {
            "width_multiplier": width_multiplier,
            "dtype": dtype,
            "rngs": rngs,
        }
        self.encoder = autoencoder.Encoder(input_size=input_size, **common)
        self.generator = autoencoder.Generator(output_size=input_size, **common)
        self.embedding_discriminator = discriminators.EmbeddingDiscriminator(**common)
        self.image_discriminator = discriminators.ImageDiscriminator(
            input_size=input_size, **common
        )


def build_optimizers(
    settings: PretrainingSettings,
) -> dict[str, optax.GradientTransformation]:
    """Returns one Adam each for the auto-encoder and the two discriminators.

    They are apart because they take different numbers of steps.
    """

    def adam(share: float, every: int) -> optax.GradientTransformation:
        rate = optimizers.schedule(
            settings.schedule,
            share * settings.learning_rate,
            steps=max(1, settings.steps // every),
            warmup=settings.warmup // every,
        )
        return optax.adam(rate, b1=settings.beta1, b2=settings.beta2)

    return {
        "autoencoder": adam(1.0, 1),
        "embedding_discriminator": adam(1.0, 4),
        "image_discriminator": adam(settings.image_discriminator_rate, 2),
    }


def _autoencoder_part(params: PyTree) -> PyTree:
    return {name: params[name] for name in ("encoder", "generator")}


def init_state(
    model: PretrainingModel, optimizers_: dict[str, optax.GradientTransformation]
) -> tuple[nnx.GraphDef[PretrainingModel], state.TrainState]:
    """Returns the model's definition and the state at step 0."""
    graphdef, params, batch_stats = state.split(model)
    return graphdef, start_state(params, batch_stats, optimizers_)


def start_state(
    params: PyTree, batch_stats: PyTree, optimizers_: dict[str, optax.GradientTransformation]
) -> state.TrainState:
    """Returns the state at step 0 of given parameters and running statistics."""
    trained = {
        "autoencoder": _autoencoder_part(params),
        "embedding_discriminator": params["embedding_discriminator"],
        "image_discriminator": params["image_discriminator"],
    }
    opt_state = {name: optimizers_[name].init(part) for name, part in trained.items()}
    return state.TrainState(jnp.zeros((), jnp.int32), params, batch_stats, opt_state)


@dataclasses.dataclass
class _Step:
    """What one step carries through its parts: updated parameters, statistics and metrics."""

    params: PyTree
    batch_stats: PyTree
    opt_state: PyTree
    metrics: Metrics


def train_step(
    train_state: state.TrainState,
    batch: Batch,
    *,
    graphdef: nnx.GraphDef[PretrainingModel],
    optimizers_: dict[str, optax.GradientTransformation],
    settings: PretrainingSettings,
    terms: Terms,
    seed: int,
) -> tuple[state.TrainState, Metrics]:
    """Does one step of stage 1.

    Within a cycle of four steps the embedding discriminator learns once, its adversary and the
    image discriminator count twice, everything else in each step. Order: the embedding
    discriminator learns from the new embeddings and the encoder meets its updated form; likewise
    for the image discriminator and the generator; then one Adam step of encoder and generator on
    the sum of their terms.

    Args:
      train_state: The state; donate it.
      batch: `image` (B, S, S, 3) uint8 or normalised floats; `real_embeddings` (B, 99), optional:
        drawn from N(0, I) by seed and step where absent.
      graphdef: The model's definition.
      optimizers_: From `build_optimizers`.
      settings: Settings of the stage.
      terms: From `terms_at`; static.
      seed: Seed of embeddings, dropout and interpolation.

    Returns:
      The next state, and the losses of this step (scalars); NaN for a term whose turn it was not.
    """
    images = preprocessing.normalize(batch["image"])
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), train_state.step), 4)
    real_embeddings = batch.get("real_embeddings")
    if real_embeddings is None:
        shape = (images.shape[0], autoencoder.EMBEDDING_SIZE)
        real_embeddings = jax.random.normal(keys[0], shape)
    run = functools.partial(
        _losses,
        train_state=train_state,
        images=images,
        real_embeddings=real_embeddings,
        keys=keys,
        graphdef=graphdef,
        optimizers_=optimizers_,
        settings=settings,
        terms=terms,
    )
    trainable = _autoencoder_part(train_state.params)
    gradients, step = jax.grad(run, has_aux=True)(trainable)
    updates, opt_state = optimizers_["autoencoder"].update(
        gradients, train_state.opt_state["autoencoder"], trainable
    )
    trained = optax.apply_updates(trainable, updates)
    new_state = state.TrainState(
        step=train_state.step + 1,
        params=step["params"] | trained,
        batch_stats=step["batch_stats"],
        opt_state=step["opt_state"] | {"autoencoder": opt_state},
    )
    return new_state, step["metrics"]


def _losses(
    trainable: PyTree,
    *,
    train_state: state.TrainState,
    images: jax.Array,
    real_embeddings: jax.Array,
    keys: jax.Array,
    graphdef: nnx.GraphDef[PretrainingModel],
    optimizers_: dict[str, optax.GradientTransformation],
    settings: PretrainingSettings,
    terms: Terms,
) -> tuple[jax.Array, dict[str, PyTree]]:
    """Returns the auto-encoder's loss; as auxiliary output, the discriminators' new state."""
    number = train_state.step
    step = _Step(train_state.params, train_state.batch_stats, train_state.opt_state, metrics={})
    model = state.merge(graphdef, train_state.params | trainable, train_state.batch_stats)
    embeddings, _ = model.encoder(images, train=True)
    reconstructions = model.generator(embeddings, train=True).astype(images.dtype)
    total = jnp.zeros((), images.dtype)
    if terms.embedding:
        total += _embedding_terms(
            step, graphdef, optimizers_, settings, number, embeddings, real_embeddings, keys[1]
        )
    total += _reconstruction_terms(step, terms, images, reconstructions)
    if terms.image:
        fakes = [(1.0, reconstructions)]
        if terms.interpolation:
            weight = settings.interpolation_weight
            mixed = _interpolate(embeddings, keys[2])
            generated = model.generator(mixed, train=True).astype(images.dtype)
            fakes = [(1.0 - weight, reconstructions), (weight, generated)]
        total += _image_terms(step, graphdef, optimizers_, number, images, fakes)
    step.metrics["loss"] = total
    own_statistics = state.batch_stats_of(model)
    batch_stats = step.batch_stats | _autoencoder_part(own_statistics)
    return total, {
        "params": step.params,
        "batch_stats": batch_stats,
        "opt_state": step.opt_state,
        "metrics": step.metrics,
    }


def _embedding_terms(
    step: _Step,
    graphdef: nnx.GraphDef[PretrainingModel],
    optimizers_: dict[str, optax.GradientTransformation],
    settings: PretrainingSettings,
    number: jax.Array,
    embeddings: jax.Array,
    real: jax.Array,
    key: jax.Array,
) -> jax.Array:
    """Updates the embedding discriminator in every fourth step, by the embeddings of this one.

    Returns the encoder's adversary, which counts in every second step.
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

    _update(step, "embedding_discriminator", loss, optimizers_, turn=number % 4 == 0)
    frozen = jax.lax.stop_gradient(step.params["embedding_discriminator"])
    value = losses.adversary(judge(frozen, embeddings, keys[2]))
    turn = number % 2 == 0
    step.metrics["embedding_adversary"] = jnp.where(turn, value, jnp.nan)
    return jnp.where(turn, value, 0.0)


def _reconstruction_terms(
    step: _Step, terms: Terms, images: jax.Array, reconstructions: jax.Array
) -> jax.Array:
    value = losses.reconstruction(images, reconstructions).mean()
    step.metrics["reconstruction"] = value
    if not terms.structural:
        return value
    structural = losses.STRUCTURAL_WEIGHT * losses.structural(images, reconstructions).mean()
    step.metrics["structural"] = structural
    return 0.5 * value + 0.5 * structural


def _image_terms(
    step: _Step,
    graphdef: nnx.GraphDef[PretrainingModel],
    optimizers_: dict[str, optax.GradientTransformation],
    number: jax.Array,
    images: jax.Array,
    fakes: list[tuple[float, jax.Array]],
) -> jax.Array:
    """Updates the image discriminator in every second step; returns the generator's adversary.

    The discriminator's running statistics move at each of its forward passes.
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

    _update(step, name, loss, optimizers_, turn=number % 2 == 0)
    frozen = jax.lax.stop_gradient(step.params[name])
    verdicts, step.batch_stats = judge(frozen, step.batch_stats, [fake for _, fake in fakes])
    value = sum(
        weight * losses.adversary(verdict)
        for (weight, _), verdict in zip(fakes, verdicts, strict=True)
    )
    step.metrics["image_adversary"] = jnp.asarray(value)
    return jnp.asarray(value)


def _update(
    step: _Step,
    name: str,
    loss: Callable[[PyTree], tuple[jax.Array, PyTree]],
    optimizers_: dict[str, optax.GradientTransformation],
    *,
    turn: jax.Array,
) -> None:
    """Takes one optimizer step of the discriminator `name`, if it is its turn.

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

    learned, new_opt_state, step.batch_stats, value = jax.lax.cond(turn, learn, wait)
    step.params = step.params | {name: learned}
    step.opt_state = step.opt_state | {name: new_opt_state}
    step.metrics[name] = value


def _interpolate(embeddings: jax.Array, key: jax.Array) -> jax.Array:
    """Returns embeddings (B, 99) at random places between each face and the next one."""
    share = jax.random.uniform(key, (embeddings.shape[0], 1), embeddings.dtype)
    return share * embeddings + (1.0 - share) * jnp.roll(embeddings, 1, axis=0)


def evaluation_step(
    params: PyTree,
    batch_stats: PyTree,
    images: jax.Array,
    *,
    graphdef: nnx.GraphDef[PretrainingModel],
) -> tuple[jax.Array, jax.Array]:
    """Reconstructs images with running statistics.

    Args:
      params: Parameters of the model.
      batch_stats: Running statistics of the model.
      images: (B, S, S, 3) uint8.
      graphdef: The model's definition.

    Returns:
      Reconstructions (B, S, S, 3) uint8 and embeddings (B, 99) float32.
    """
    model = state.merge(graphdef, params, batch_stats)
    embeddings, _ = model.encoder(preprocessing.normalize(images), train=False)
    reconstructions = model.generator(embeddings, train=False)
    return preprocessing.denormalize(reconstructions), embeddings.astype(jnp.float32)
