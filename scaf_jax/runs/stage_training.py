"""What both stages do: open or restore everything that a training needs, and run the loop."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from absl import logging

from scaf_jax.data import sources
from scaf_jax.files.places import Place
from scaf_jax.landmarks import schemes
from scaf_jax.runs import feeding, identity
from scaf_jax.runs.run import Run, Stage
from scaf_jax.training import (
    checkpointing,
    divergence,
    loop,
    metric_writers,
    profiling,
    programs,
    sharding,
    state,
)

# Crops' pixels, at full width, that two cores work off in about a day.
_PIXELS_OF_A_DAY = 1e10


@dataclasses.dataclass(frozen=True)
class Work:
    """What one training is about.

    Attributes:
      stage: The stage.
      step: The jitted training step: (state, batch, and by name `static`) -> (state, metrics).
      open_faces: Opens the faces; called only if there is something left to train.
      scheme: What their landmarks mean; None for faces without.
      static: Gives a step's static arguments by its number, for steps that have such.
      start: Changes the first state; not called for a training that goes on.
      faces_digest: Identifies the faces where the config does not.
      watch: Called with the step and the numbers of each log line.
      origin: What checkpoints are to tell of where the first state came from, JSON values; a
        training that goes on keeps telling of its own.
    """

    stage: Stage
    step: Callable[..., tuple[state.TrainState, dict[str, jax.Array]]]
    open_faces: Callable[[], sources.Source]
    scheme: schemes.LandmarkScheme | None = None
    static: Callable[[int], Mapping[str, Any]] = lambda number: {}
    start: Callable[[state.TrainState], state.TrainState] | None = None
    faces_digest: str = ""
    watch: Callable[[int, dict[str, float]], None] | None = None
    origin: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def numbered_step(
        self, number: int, train_state: state.TrainState, batch: loop.Batch
    ) -> tuple[state.TrainState, dict[str, jax.Array]]:
        """Does step `number`, as the loop calls it."""
        return self.step(train_state, batch, **self.static(number))


def jit_step(
    run: Run,
    stage: Stage,
    step: Callable[..., Any],
    *,
    static_argnames: str | Sequence[str] = (),
) -> Callable[..., tuple[state.TrainState, dict[str, jax.Array]]]:
    """Compiles a training step, whose state stays where it is on the devices.

    Left to the compiler, the new state may lie otherwise than the old one: then its memory cannot
    be used again, and the second step compiles anew.

    Args:
      run: The run.
      stage: The stage that is trained.
      step: (state, batch) -> (state, metrics).
      static_argnames: Names of its further arguments.
    """
    places = sharding.state_shardings(run.mesh, stage.abstract)
    return programs.jitted(
        step,
        static_argnames=static_argnames,
        donate_argnums=0,
        out_shardings=(places, sharding.replicated(run.mesh)),
    )


def check_devices(run: Run) -> None:
    """Looks at whether the stages' batches fit the devices, before any training.

    Raises:
      ValueError: They do not, or processes have other settings; the message names the field.
    """
    for stage in run.stages:
        sharding.check_agreement(stage.binding, f"settings ({stage.name})")
        try:
            sharding.local_batch_size(stage.batch_size, run.mesh)
        except ValueError as error:
            raise ValueError(f"{stage.name}.batch_size: {error}") from error


def check_faces(keys: Sequence[str]) -> None:
    """Looks at whether all processes have the same faces; all must call it.

    Args:
      keys: Of a process's faces.

    Raises:
      ValueError: They differ.
    """
    mine = {"number of faces": len(keys), "hash of their keys": identity.digest(list(keys))}
    sharding.check_agreement(mine, "data")


def tell_if_slow(run: Run) -> bool:
    """Warns once of trainings at the published size and length where only a CPU would do them.

    Returns:
      Whether it did.
    """
    if jax.default_backend() != "cpu":
        return False
    size, width = run.crop.input_size, run.model["width_multiplier"]
    pixels = sum(stage.steps * stage.batch_size * (size * width) ** 2 for stage in run.stages)
    if pixels < _PIXELS_OF_A_DAY:
        return False
    steps = " and ".join(f"{stage.steps} steps of {stage.name}" for stage in run.stages)
    logging.warning(
        "%s at %d px will take days or longer on a CPU. The forms cpu and cpu_few are made for it: "
        "--config=configs/300w.py:cpu takes minutes",
        *(steps, size),
    )
    return True


def train(run: Run, work: Work, folder: Place) -> state.TrainState:
    """Trains a stage to its end, from where it was.

    Args:
      run: The run.
      work: What is trained.
      folder: Gets `checkpoints/` and metrics.

    Returns:
      The last state.

    Raises:
      RunMismatchError: `folder` was made with other settings.
    """
    stage = work.stage
    with checkpointing.Checkpoints(
        folder / "checkpoints", save_interval=stage.save_every
    ) as checkpoints:
        train_state, metadata, iterator_state = _begin(run, work, folder, checkpoints)
        if int(train_state.step) >= stage.steps:
            return train_state
        faces = work.open_faces()
        if jax.process_count() > 1:
            check_faces(faces.keys)
        feed = feeding.open_feed(run, stage, faces, work.scheme)
        batches = feed.batches
        if iterator_state is not None:
            batches.set_state(iterator_state)
        logging.info(
            "%s: %d faces, %d steps of %d", folder, len(faces), stage.steps, stage.batch_size
        )
        windows = [window for window in run.profile if window.stage == stage.name]
        with (
            metric_writers.MetricWriter(
                folder, first_step=int(train_state.step), total_steps=stage.steps, name=stage.name
            ) as writer,
            profiling.recorded(feed.bind(work.numbered_step), windows, folder) as step,
        ):
            return loop.train(
                train_state,
                step,
                batches,
                settings=loop.LoopSettings(
                    stage.steps,
                    stage.log_every,
                    divergence.Response(stage.on_nonfinite, stage.roll_back_steps),
                ),
                checkpoints=checkpoints,
                writer=writer,
                mesh=run.mesh,
                metadata=metadata,
                keys=lambda: faces.keys,
                watch=work.watch,
                advice=feed.advice,
            )


def _begin(
    run: Run, work: Work, folder: Place, checkpoints: checkpointing.Checkpoints
) -> tuple[state.TrainState, dict[str, Any], Any]:
    """Returns where the training begins: state, metadata and the place in the batches (or None)."""
    stage = work.stage
    metadata = {**identity.metadata(run, stage, work.faces_digest), **work.origin}
    shardings = sharding.state_shardings(run.mesh, stage.abstract)
    if checkpoints.latest_step() is None:
        train_state = programs.jitted(stage.init, out_shardings=shardings)()
        return work.start(train_state) if work.start else train_state, metadata, None
    placed = sharding.abstract_with_shardings(stage.abstract, shardings)
    identity.check_same_run(checkpoints.read_metadata(), metadata, folder)
    restored = checkpoints.restore(placed)
    logging.info("%s: continuing at step %d", folder, int(restored.state.step))
    metadata |= {name: restored.metadata.get(name) for name in work.origin}
    return restored.state, metadata, restored.iterator_state
