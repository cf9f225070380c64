"""Stage 1: the unsupervised adversarial autoencoder, one training step.

Source: 3FabRec (CVPR 2020), whose procedure SCAF follows (sec. 4.2).
"""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from scaf_jax.models import autoencoder, embedding_guide
from scaf_jax.models.adversarial_autoencoder import PretrainingModel
from scaf_jax.training import adversaries, losses, optimizers, preprocessing, state
from scaf_jax.training.pretraining_terms import PretrainingSettings, Terms

PyTree = Any
Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]


@functools.lru_cache(maxsize=8)  # the same ones, so that their steps are one program
def build_optimizers(
    settings: PretrainingSettings,
) -> dict[str, optax.GradientTransformation]:
    """Returns one Adam each for the autoencoder and the two discriminators.

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


def with_guide(train_state: state.TrainState, images: np.ndarray) -> state.TrainState:
    """Returns the state with the embedding's guide computed from training crops.

    Args:
      train_state: State of a guided model.
      images: (N, S, S, 3) uint8, crops as the training will see them.
    """
    rows = np.asarray(embedding_guide.shrink(preprocessing.normalize(jnp.asarray(images))))
    values = embedding_guide.whitened_components(rows, autoencoder.EMBEDDING_SIZE)
    old = train_state.batch_stats["embedding_guide"]
    guide = {name: jax.device_put(values[name], old[name].sharding) for name in old}
    return dataclasses.replace(
        train_state, batch_stats=train_state.batch_stats | {"embedding_guide": guide}
    )


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
      batch: `image` (B, S, S, 3) uint8 or normalized floats; `real_embeddings` (B, 99), optional:
        drawn from N(0, I) by seed and step where absent.
      graphdef: The model's definition.
      optimizers_: From `build_optimizers`.
      settings: Settings of the stage.
      terms: From `terms_at`; static.
      seed: Seed of embeddings, dropout and interpolation.

    Returns:
      The next state, and the step's metrics, float32 scalars: the losses, NaN for a term whose turn
      it was not; `gradient_norm` and `update_norm` of encoder and generator.
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
        params=step.params | trained,
        batch_stats=step.batch_stats,
        opt_state=step.opt_state | {"autoencoder": opt_state},
    )
    norms = {"gradient_norm": optax.tree.norm(gradients), "update_norm": optax.tree.norm(updates)}
    return new_state, step.metrics | norms


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
) -> tuple[jax.Array, adversaries.Step]:
    """Returns the autoencoder's loss; as auxiliary output, what the discriminators have learned.

    The running statistics in it are those of all networks.
    """
    number = train_state.step
    step = adversaries.Step(
        train_state.params, train_state.batch_stats, train_state.opt_state, metrics={}
    )
    model = state.merge(graphdef, train_state.params | trainable, train_state.batch_stats)
    embeddings, _ = model.encoder(images, train=True)
    reconstructions = model.generator(embeddings, train=True).astype(images.dtype)
    total = jnp.zeros((), images.dtype)
    if terms.embedding:
        step, adversary = adversaries.embedding_terms(
            step, graphdef, optimizers_, settings, number, embeddings, real_embeddings, keys[1]
        )
        total += adversary
    rebuilt, metrics = _reconstruction_terms(terms, images, reconstructions)
    total += rebuilt
    if settings.guide_weight:
        distance = jnp.square(embeddings - model.embedding_guide(images)).mean()
        metrics["guide"] = distance
        total += settings.guide_weight * distance
    if terms.image:
        fakes = [(1.0, reconstructions)]
        if terms.interpolation:
            weight = settings.interpolation_weight
            mixed = adversaries.interpolate(embeddings, keys[2])
            generated = model.generator(mixed, train=True).astype(images.dtype)
            fakes = [(1.0 - weight, reconstructions), (weight, generated)]
        step, adversary = adversaries.image_terms(
            step, graphdef, optimizers_, number, images, fakes
        )
        total += adversary
    own_statistics = _autoencoder_part(state.batch_stats_of(model))
    step = dataclasses.replace(step, batch_stats=step.batch_stats | own_statistics)
    return total, step.with_metrics(**metrics, loss=total)


def _reconstruction_terms(
    terms: Terms, images: jax.Array, reconstructions: jax.Array
) -> tuple[jax.Array, Metrics]:
    value = losses.reconstruction(images, reconstructions).mean()
    if not terms.structural:
        return value, {"reconstruction": value}
    structural = losses.STRUCTURAL_WEIGHT * losses.structural(images, reconstructions).mean()
    return 0.5 * value + 0.5 * structural, {"reconstruction": value, "structural": structural}
