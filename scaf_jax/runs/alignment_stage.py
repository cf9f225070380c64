"""Stage 2 as a part of a run: its faces, its network's start and its training."""

import dataclasses
import functools
import pathlib
from typing import Any

import jax
import ml_collections
from absl import logging

from scaf_jax.data import coverage, sources
from scaf_jax.inference import bundle
from scaf_jax.models import aligner
from scaf_jax.runs import identity, settings, stage1, stage_training
from scaf_jax.training import alignment, blindness, state

ConfigDict = ml_collections.ConfigDict
PyTree = Any

_LISTED_LANDMARKS = 10


def run_alignment(
    config: ConfigDict,
    folder: pathlib.Path,
    pretrained: stage1.Stage1 | None,
    *,
    labeled: sources.Source | None = None,
) -> bundle.Bundle:
    """Trains stage 2 to its end, from where it was.

    Args:
      config: The run's config.
      folder: Gets `checkpoints/` and metrics.
      pretrained: A stage 1, or None to start from random weights.
      labeled: The faces to learn from; by default those that the config names. A folder belongs
        to the faces that it was begun with.

    Returns:
      The network.

    Raises:
      RunMismatchError: `folder` or `pretrained` was made with other settings.
      ValueError: A landmark is known in none of the faces.
    """
    stage = settings.alignment_settings(config)
    graphdef, _, _ = state.definition(settings.architecture(config).build)

    def init() -> state.TrainState:
        return alignment.init_state(build_aligner(config), stage)[1]

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
    faces = len(labeled) if labeled is not None else config.alignment.num_labels or "all"
    return bundle_of(config, train_state, stage1=stage1.describe(pretrained), labels=faces)


def bundle_of(
    config: ConfigDict, train_state: state.TrainState, **provenance: Any
) -> bundle.Bundle:
    """Returns a config's network, ready to look at faces.

    Args:
      config: The run's config.
      train_state: Its state.
      **provenance: Where it is from, beside its `steps`.
    """
    shape = settings.architecture(config)
    return bundle.Bundle(
        graphdef=state.definition(shape.build)[0],
        params=train_state.params,
        batch_stats=train_state.batch_stats,
        crop=settings.crop(config),
        provenance={"steps": int(train_state.step), **provenance},
        architecture=shape,
        codec=settings.codec(config),
        scheme=settings.scheme(config),
        decoder=config.evaluation.decoder,
    )


def untrained(config: ConfigDict, pretrained: stage1.Stage1) -> bundle.Bundle:
    """Returns the network as stage 2 finds it: its embeddings are stage 1's."""
    stage = settings.alignment_settings(config)
    first = jax.jit(lambda: alignment.init_state(build_aligner(config), stage)[1])()
    return bundle_of(config, with_pretrained(config, pretrained, first))


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
    return settings.architecture(config).build(config.seed)


def with_pretrained(
    config: ConfigDict, pretrained: stage1.Stage1, train_state: state.TrainState
) -> state.TrainState:
    """Returns a stage-2 state with stage 1's encoder and generator.

    Raises:
      identity.RunMismatchError: Stage 1 was trained at another size.
    """
    loaded = _load(config, pretrained, train_state.params, train_state.batch_stats)
    return dataclasses.replace(train_state, **loaded)


def rebuilder(
    config: ConfigDict, pretrained: stage1.Stage1 | None, network: bundle.Bundle
) -> bundle.Bundle | None:
    """Returns a network with stage 1's encoder and generator, to rebuild faces; None without one.

    Raises:
      identity.RunMismatchError: Stage 1 was trained at another size.
    """
    if pretrained is None:
        return None
    loaded = _load(config, pretrained, network.params, network.batch_stats)
    return dataclasses.replace(network, **loaded)


def _load(
    config: ConfigDict, pretrained: stage1.Stage1, params: PyTree, batch_stats: PyTree
) -> dict[str, PyTree]:
    """An aligner's `params` and `batch_stats` with those of stage 1 in their place."""
    stage1.check_fits(config, pretrained)
    own = {"params": params, "batch_stats": batch_stats}
    loaded = pretrained.load(own)
    logging.info("encoder and generator from %s", pretrained.name)
    return {kind: own[kind] | loaded[kind] for kind in own}
