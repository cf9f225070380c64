"""What both stages do: open or restore everything that a training needs, and run the loop."""

import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import jax
import ml_collections
from absl import logging

from scaf_jax.data import sources
from scaf_jax.runs import config_checks, feeding, identity
from scaf_jax.training import checkpointing, loop, metric_writers, sharding, state

ConfigDict = ml_collections.ConfigDict


def check_devices(config: ConfigDict) -> None:
    """Looks at whether the mesh and both stages' batches fit the devices, before any training.

    Raises:
      ValueError: They do not; the message names the field.
    """
    mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
    for stage in ("pretraining", "alignment"):
        is_trained = stage == "alignment" or config_checks.trains_pretraining(config)
        if is_trained and config[stage].steps:
            try:
                sharding.local_batch_size(config[stage].batch_size, mesh)
            except ValueError as error:
                raise ValueError(f"{stage}.batch_size: {error}") from error


def train(
    config: ConfigDict,
    section: ConfigDict,
    folder: pathlib.Path,
    *,
    kind: str,
    init: Callable[[], state.TrainState],
    source: Callable[[], sources.Source],
    scheme: Any,
    step: Callable[..., Any],
    bind: Callable[[Callable[..., Any]], loop.StepFunction],
    start: Callable[[state.TrainState], state.TrainState] | None = None,
    faces_digest: str = "",
    watch: Callable[[int, dict[str, float]], None] | None = None,
    origin: Mapping[str, Any] | None = None,
) -> state.TrainState:
    """Trains a stage to its end, from where it was.

    Args:
      config: The run's config.
      section: Its section of this stage.
      folder: Gets `checkpoints/` and metrics.
      kind: What the stage is called in metrics and checkpoints.
      init: Makes the first state.
      source: Opens the faces; called only if there is something left to train.
      scheme: What their landmarks mean; None for faces without.
      step: The jitted training step.
      bind: Makes the loop's step of it.
      start: Changes the first state; not called for a training that goes on.
      faces_digest: Identifies the faces where the config does not.
      watch: Called with the step and the numbers of each log line.
      origin: What checkpoints are to tell of where the first state came from, JSON values; a
        training that goes on keeps telling of its own.

    Returns:
      The last state.

    Raises:
      RunMismatchError: `folder` was made with other settings.
    """
    mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
    origin = dict(origin or {})
    metadata = identity.metadata(config, section, kind, faces_digest) | origin
    sharding.local_batch_size(section.batch_size, mesh)
    abstract = jax.eval_shape(init)
    shardings = sharding.state_shardings(mesh, abstract)
    with checkpointing.Checkpoints(
        folder / "checkpoints", save_interval=section.save_every
    ) as checkpoints:
        restored = None
        if checkpoints.latest_step() is not None:
            placed = sharding.abstract_with_shardings(abstract, shardings)
            identity.check_same_run(checkpoints.read_metadata(), metadata, folder)
            restored = checkpoints.restore(placed)
            train_state = restored.state
            metadata |= {name: restored.metadata.get(name) for name in origin}
            logging.info("%s: continuing at step %d", folder, int(train_state.step))
        else:
            train_state = jax.jit(init, out_shardings=shardings)()
            if start is not None:
                train_state = start(train_state)
        if int(train_state.step) >= section.steps:
            return train_state
        faces = source()
        feed = feeding.open_feed(config, section, faces, scheme, mesh)
        batches = feed.batches
        if restored is not None:
            batches.set_state(restored.iterator_state)
        logging.info(
            "%s: %d faces, %d steps of %d", folder, len(faces), section.steps, section.batch_size
        )
        with metric_writers.MetricWriter(
            folder, first_step=int(train_state.step), total_steps=section.steps, name=kind
        ) as writer:
            return loop.train(
                train_state,
                feed.bind(bind(step)),
                batches,
                settings=loop.LoopSettings(section.steps, section.log_every),
                checkpoints=checkpoints,
                writer=writer,
                mesh=mesh,
                metadata=metadata,
                keys=lambda: faces.keys,
                watch=watch,
                advice=feed.advice,
            )
