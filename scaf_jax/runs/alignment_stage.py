"""Stage 2 as a part of a run: its faces, its network's start and its training."""

import dataclasses
import functools
from typing import Any

from absl import logging

from scaf_jax.data import coverage, sources
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle
from scaf_jax.runs import identity, landmark_start, stage1, stage_training
from scaf_jax.runs.run import Run
from scaf_jax.training import alignment, blindness, programs, state

PyTree = Any

_LISTED_LANDMARKS = 10


def run_alignment(
    run: Run,
    folder: Place,
    pretrained: stage1.Stage1 | None,
    *,
    labeled: sources.Source | None = None,
) -> bundle.Bundle:
    """Trains stage 2 to its end, from where it was.

    Args:
      run: The run.
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
    train_state = stage_training.train(run, work(run, pretrained, labeled), folder)
    faces = len(labeled) if labeled is not None else run.faces.num_labels or "all"
    return bundle_of(run, train_state, stage1=stage1.describe(pretrained), labels=faces)


def work(
    run: Run, pretrained: stage1.Stage1 | None = None, labeled: sources.Source | None = None
) -> stage_training.Work:
    """Returns what the training of stage 2 is about; see `run_alignment`."""
    trained = run.landmark_stage()
    step = functools.partial(
        alignment.train_step,
        graphdef=trained.stage.graphdef,
        settings=trained.settings,
        codec=trained.codec,
    )
    return stage_training.Work(
        stage=trained.stage,
        step=stage_training.jit_step(run, trained.stage, step),
        open_faces=functools.partial(labeled_faces, run, labeled),
        scheme=run.scheme,
        start=functools.partial(with_pretrained, run, pretrained) if pretrained else None,
        faces_digest="" if labeled is None else identity.digest(labeled.keys),
        watch=blindness.Watch(trained.stage.steps),
        origin=stage1.origin(pretrained),
    )


def bundle_of(run: Run, train_state: state.TrainState, **provenance: Any) -> bundle.Bundle:
    """Returns a run's landmark network, ready to look at faces.

    Args:
      run: The run.
      train_state: The network's state.
      **provenance: Where it is from, beside its `steps`.
    """
    trained = run.landmark_stage()
    return bundle.Bundle(
        graphdef=trained.stage.graphdef,
        params=train_state.params,
        batch_stats=train_state.batch_stats,
        crop=run.crop,
        provenance={"steps": int(train_state.step), **provenance},
        architecture=trained.architecture,
        codec=trained.codec,
        scheme=run.scheme,
        decoder=run.evaluation.decoder,
    )


def untrained(run: Run, pretrained: stage1.Stage1) -> bundle.Bundle:
    """Returns the network as stage 2 finds it: its embeddings are stage 1's."""
    first = programs.jitted(run.landmark_stage().stage.init)()
    return bundle_of(run, with_pretrained(run, pretrained, first))


def labeled_faces(run: Run, labeled: sources.Source | None = None) -> sources.Source:
    """Returns the faces to learn from, after a look at whether they show every landmark.

    Args:
      run: The run.
      labeled: The faces; by default those that the config names.

    Raises:
      ValueError: A landmark is known in none of the faces, so that it cannot be learned.
    """
    faces, scheme = labeled or run.faces.training(), run.scheme
    unknown = coverage.unknown_landmarks(faces, scheme.num_landmarks)
    if not unknown:
        return faces
    names = [scheme.landmark_names[i] for i in unknown[:_LISTED_LANDMARKS]]
    more = len(unknown) - len(names)
    raise ValueError(
        f"none of the {len(faces)} labeled faces has the landmarks {', '.join(names)}"
        + (f" and {more} more" if more else "")
        + f" of the scheme '{scheme.name}', so they cannot be learned: label faces that show them "
        "(or use more of the labels: alignment.num_labels), or leave them out of the scheme"
    )


def with_pretrained(
    run: Run, pretrained: stage1.Stage1, train_state: state.TrainState
) -> state.TrainState:
    """Returns a stage-2 state with stage 1's encoder and generator, and its landmark path if any.

    Raises:
      identity.RunMismatchError: Stage 1 was trained at another size.
    """
    loaded = _load(run, pretrained, train_state.params, train_state.batch_stats)
    return dataclasses.replace(train_state, **loaded)


def rebuilder(
    run: Run, pretrained: stage1.Stage1 | None, network: bundle.Bundle
) -> bundle.Bundle | None:
    """Returns a network with stage 1's encoder and generator, to rebuild faces; None without one.

    The encoder of a landmark network has forgotten how faces look.

    Raises:
      identity.RunMismatchError: Stage 1 was trained at another size.
    """
    if pretrained is None or isinstance(pretrained, landmark_start.LandmarkNetwork):
        return None
    loaded = _load(run, pretrained, network.params, network.batch_stats)
    return dataclasses.replace(network, **loaded)


def _load(
    run: Run, pretrained: stage1.Stage1, params: PyTree, batch_stats: PyTree
) -> dict[str, PyTree]:
    """An aligner's `params` and `batch_stats` with those of stage 1 in their place."""
    stage1.check_fits(run, pretrained)
    own = {"params": params, "batch_stats": batch_stats}
    loaded = pretrained.load(own)
    logging.info("%s from %s", ", ".join(loaded["params"]), pretrained.name)
    return {kind: own[kind] | loaded[kind] for kind in own}
