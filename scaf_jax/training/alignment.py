"""Stage 2: landmark heatmaps from labeled faces, one training step and its settings.

Source: SCAF, sec. 3.1 and 4.2. The generator is frozen; encoder and generator keep their running
statistics; ITLs, skip bottlenecks and the heatmap head train together with the encoder.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from scaf_jax import default_config
from scaf_jax.landmarks import heatmaps
from scaf_jax.models import aligner
from scaf_jax.training import losses, optimizers, preprocessing, state

PyTree = Any
Batch = dict[str, jax.Array]
Metrics = dict[str, jax.Array]
_PUBLISHED = default_config.get_config().alignment


@dataclasses.dataclass(frozen=True)
class AlignmentSettings:
    """Settings of stage 2.

    Attributes:
      path_start: How ITLs and heatmap head begin, one of `aligner.PATH_STARTS`.
      learning_rate: Adam's rate for ITLs, bottlenecks and heatmap head.
      skip_gain_rate: The rate of the skips' gains, where they are learned, as a multiple of
        learning_rate.
      encoder_learning_rate: Adam's rate for the encoder.
      generator_learning_rate: Adam's rate for the generator; 0, as published, freezes it.
      encoder_start: First step in which the encoder trains: 0 for SCAF; later for 3FabRec's
        schedule, in which ITLs train alone at first.
      train_backbone_norm: Whether encoder and generator use and record batch statistics; only
        for training from random weights.
      beta1: Adam's first moment decay.
      beta2: Adam's second moment decay.
      schedule: `constant` (published) or `cosine`.
      warmup: Steps in which the rates rise from zero.
      gradient_clip: Longest gradient, over all that trains together; longer ones are shortened. 0
        leaves them, as published.
      steps: Length of the training, for the schedule.
    """

    path_start: str = _PUBLISHED.path_start
    learning_rate: float = _PUBLISHED.learning_rate
    skip_gain_rate: float = _PUBLISHED.skip_gain_rate
    encoder_learning_rate: float = _PUBLISHED.encoder_learning_rate
    generator_learning_rate: float = _PUBLISHED.generator_learning_rate
    encoder_start: int = _PUBLISHED.encoder_start
    train_backbone_norm: bool = _PUBLISHED.train_backbone_norm
    beta1: float = _PUBLISHED.beta1
    beta2: float = _PUBLISHED.beta2
    schedule: str = _PUBLISHED.schedule
    warmup: int = _PUBLISHED.warmup
    gradient_clip: float = _PUBLISHED.gradient_clip
    steps: int = _PUBLISHED.steps


def optimizer_table(settings: AlignmentSettings) -> optimizers.Table:
    """Returns the table of stage 2: which parameters train, and how."""

    def adam(rate: float, start: int = 0) -> optax.GradientTransformation | None:
        if not rate:
            return None
        kind, warmup = settings.schedule, settings.warmup
        remaining = max(1, settings.steps - start)
        scale = optimizers.schedule(kind, rate, steps=remaining, warmup=warmup)
        if start:
            scale = optax.join_schedules(
                [optax.constant_schedule(0.0), _as_schedule(scale)], [start]
            )
        return optax.adam(scale, b1=settings.beta1, b2=settings.beta2)

    path = adam(settings.learning_rate)
    if path is not None and settings.skip_gain_rate != 1:
        path = optimizers.faster(path, r"transfer/gains/.*", settings.skip_gain_rate)
    return (
        (r"encoder/.*", adam(settings.encoder_learning_rate, settings.encoder_start)),
        (r"generator/.*", adam(settings.generator_learning_rate)),
        (r"transfer/.*", path),
    )


def _as_schedule(rate: optimizers.Schedule) -> optax.Schedule:
    return rate if callable(rate) else optax.constant_schedule(rate)


def init_state(
    model: aligner.Aligner, settings: AlignmentSettings
) -> tuple[nnx.GraphDef[aligner.Aligner], state.TrainState]:
    """Returns the model's definition and the state at step 0."""
    graphdef, params, batch_stats = state.split(model)
    return graphdef, start_state(params, batch_stats, settings)


def start_state(
    params: PyTree, batch_stats: PyTree, settings: AlignmentSettings
) -> state.TrainState:
    """Returns the state at step 0 of a new network's parameters and running statistics."""
    if settings.path_start == aligner.IDENTITY:
        params = aligner.begin_as_identity(params)
    opt_state = optimizers.build(optimizer_table(settings), params).init(params)
    return state.TrainState(jnp.zeros((), jnp.int32), params, batch_stats, opt_state)


def train_step(
    train_state: state.TrainState,
    batch: Batch,
    *,
    graphdef: nnx.GraphDef[aligner.Aligner],
    settings: AlignmentSettings,
    codec: heatmaps.HeatmapCodec,
) -> tuple[state.TrainState, Metrics]:
    """Does one step of stage 2.

    Args:
      train_state: The state; donate it.
      batch: `image` (B, S, S, 3) uint8 or normalized floats, `landmarks` (B, L, 2) in crop
        pixels, `landmark_mask` (B, L); `heatmaps` (B, H, H, L), optional, replace the encoded
        landmarks.
      graphdef: The model's definition.
      settings: Settings of the stage.
      codec: Encodes the landmarks.

    Returns:
      The next state, and the step's metrics, float32 scalars: `loss`; `loss_of_empty_maps` and
      `loss_of_constant_maps`, what predictors have that do not look at the images
      (`losses.heatmap_of_blind`); `gradient_norm`, before clipping, and `update_norm`.
    """
    table = optimizer_table(settings)
    images = preprocessing.normalize(batch["image"])
    targets = batch["heatmaps"] if "heatmaps" in batch else codec.encode(batch["landmarks"])
    trainable, frozen = optimizers.partition(table, train_state.params)

    def loss(trainable: PyTree) -> tuple[jax.Array, PyTree]:
        params = optimizers.combine(trainable, frozen)
        model = state.merge(graphdef, params, train_state.batch_stats)
        predicted, _ = model(images, train=True, train_backbone=settings.train_backbone_norm)
        value = losses.heatmap(predicted, targets, batch["landmark_mask"])
        return value, state.batch_stats_of(model)

    (value, batch_stats), gradients = jax.value_and_grad(loss, has_aux=True)(trainable)
    empty, constant = losses.heatmap_of_blind(targets, batch["landmark_mask"])
    metrics = {
        "loss": value,
        "loss_of_empty_maps": empty,
        "loss_of_constant_maps": constant,
        "gradient_norm": optax.tree.norm(gradients),
    }
    if settings.gradient_clip:
        clip = optax.clip_by_global_norm(settings.gradient_clip)
        gradients, _ = clip.update(gradients, optax.EmptyState())
    optimizer = optimizers.build(table, train_state.params)
    # Frozen parameters have no gradient; their updates are zero whatever stands in for it.
    updates, opt_state = optimizer.update(
        optimizers.combine(gradients, jax.tree.map(jnp.zeros_like, frozen)),
        train_state.opt_state,
        train_state.params,
    )
    params = optax.apply_updates(train_state.params, updates)
    new_state = state.TrainState(train_state.step + 1, params, batch_stats, opt_state)
    return new_state, metrics | {"update_norm": optax.tree.norm(updates)}
