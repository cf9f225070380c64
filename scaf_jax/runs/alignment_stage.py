"""Stage 2 as a part of a run: its faces, its network's start and its training."""

import functools
import pathlib

import jax
import ml_collections
from absl import logging
from flax import nnx

from scaf_jax.data import coverage, sources
from scaf_jax.models import aligner
from scaf_jax.runs import identity, settings, stage1, stage_training
from scaf_jax.training import alignment, blindness, state

ConfigDict = ml_collections.ConfigDict

_LISTED_LANDMARKS = 10


def run_alignment(
    config: ConfigDict,
    folder: pathlib.Path,
    pretrained: stage1.Stage1 | None,
    *,
    labeled: sources.Source | None = None,
) -> tuple[nnx.GraphDef[aligner.Aligner], state.TrainState]:
    """Trains stage 2 to its end, from where it was.

    Args:
      config: The run's config.
      folder: Gets `checkpoints/` and metrics.
      pretrained: A stage 1, or None to start from random weights.
      labeled: The faces to learn from; by default those that the config names. A folder belongs
        to the faces that it was begun with.

    Returns:
      The model's definition and the last state.

    Raises:
      RunMismatchError: `folder` or `pretrained` was made with other settings.
      ValueError: A landmark is known in none of the faces.
    """
    stage = settings.alignment_settings(config)
    build = functools.partial(build_aligner, config)
    graphdef, _, _ = state.split(nnx.eval_shape(build))

    def init() -> state.TrainState:
        return alignment.init_state(build(), stage)[1]

    step = functools.partial(
        alignment.train_step, graphdef=graphdef, settings=stage, codec=settings.codec(config)
    )
    train_state = stage_training.train(
        config,
        config.alignment,
        folder,
        kind="alignment",
        init=init,
        source=lambda: labeled_faces(config, labeled),
        faces_digest="" if labeled is None else identity.digest(labeled.keys),
        scheme=settings.scheme(config),
        step=jax.jit(step, donate_argnums=0),
        bind=lambda jitted: lambda _, train_state, batch: jitted(train_state, batch),
        start=None
        if pretrained is None
        else functools.partial(with_pretrained, config, pretrained),
        watch=blindness.Watch(config.alignment.steps),
        origin=stage1.origin(pretrained),
    )
    return graphdef, train_state


def labeled_faces(config: ConfigDict, labeled: sources.Source | None = None) -> sources.Source:
    """Returns the faces to learn from, after a look at whether they show every landmark.

    Args:
      config: The run's config.
      labeled: The faces; by default those that the config names.

    Raises:
      ValueError: A landmark is known in none of the faces, so that it cannot be learned.
    """
    faces = labeled or settings.labeled_source(config)
    scheme = settings.scheme(config)
    unknown = coverage.unknown_landmarks(faces, scheme.num_landmarks)
    if not unknown:
        return faces
    names = [scheme.landmark_names[i] for i in unknown[:_LISTED_LANDMARKS]]
    more = len(unknown) - len(names)
    raise ValueError(
        f"none of the {len(faces)} labelled faces has the landmarks {', '.join(names)}"
        + (f" and {more} more" if more else "")
        + f" of the scheme '{scheme.name}', so they cannot be learned: label faces that show them "
        "(or use more of the labels: alignment.num_labels), or leave them out of the scheme"
    )


def build_aligner(config: ConfigDict) -> aligner.Aligner:
    """Returns the stage-2 network of a config, with random weights."""
    return aligner.Aligner(
        input_size=config.input_size,
        heatmap_size=config.alignment.heatmap_size,
        num_landmarks=settings.scheme(config).num_landmarks,
        skips=config.alignment.skips,
        skip_gain=config.alignment.skip_gain,
        width_multiplier=config.width_multiplier,
        dtype=settings.compute_dtype(config),
        rngs=nnx.Rngs(config.seed),
    )


def with_pretrained(
    config: ConfigDict, pretrained: stage1.Stage1, train_state: state.TrainState
) -> state.TrainState:
    """Returns a stage-2 state with stage 1's encoder and generator.

    Raises:
      identity.RunMismatchError: Stage 1 was trained at another size.
    """
    stage1.check_fits(config, pretrained)
    loaded = pretrained.load(train_state)
    logging.info("encoder and generator from %s", pretrained.name)
    return state.TrainState(
        step=train_state.step,
        params=train_state.params | loaded["params"],
        batch_stats=train_state.batch_stats | loaded["batch_stats"],
        opt_state=train_state.opt_state,
    )
