"""The one training loop: next batch -> step -> report -> save, until done or told to stop."""

import collections
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import jax
import numpy as np

from scaf_jax.training import (
    checkpointing,
    divergence,
    metric_writers,
    pace,
    sharding,
    state,
    stopping,
)
from scaf_jax.training.divergence import DivergenceError
from scaf_jax.training.stopping import Interrupted

Batch = dict[str, Any]
Unlogged = Mapping[str, Sequence[float]]
StepFunction = Callable[
    [int, state.TrainState, Batch], tuple[state.TrainState, dict[str, jax.Array]]
]

# How many steps may be on their way before the host looks at a loss. One keeps the device busy
# while the host prepares the next batch.
_STEPS_IN_FLIGHT = 1
# Checkpoints' entry with the metrics of steps that no log line tells of yet.
_UNLOGGED = "unlogged"


class BatchStream(Protocol):
    """An endless stream of batches that can say where it is."""

    def __next__(self) -> Batch: ...

    def get_state(self) -> Any: ...

    def set_state(self, state: Any) -> None: ...


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """Lengths and cadences, in steps, and what to do where the loss is no number.

    Attributes:
      steps: Length of the training.
      log_every: Cadence of metrics.
      on_nonfinite: What to do about a loss or state that is not finite.
    """

    steps: int
    log_every: int
    on_nonfinite: divergence.Response = divergence.Response()


def train(
    train_state: state.TrainState,
    step_function: StepFunction,
    batches: BatchStream,
    *,
    settings: LoopSettings,
    checkpoints: checkpointing.Checkpoints,
    writer: metric_writers.MetricWriter,
    mesh: jax.sharding.Mesh,
    metadata: dict[str, Any],
    keys: Callable[[], list[str]],
    watch: Callable[[int, dict[str, float]], None] | None = None,
    advice: str = "",
) -> state.TrainState:
    """Trains from the state's step to the last one, saving on the way.

    Args:
      train_state: Where to start; donated.
      step_function: (step, state, global batch) -> (state, metrics), jitted.
      batches: This process's part of the batches, at the place that belongs to the state.
      settings: Lengths and cadences.
      checkpoints: Where to save; its interval is the cadence.
      writer: Where metrics go.
      mesh: The devices.
      metadata: Stored with each checkpoint.
      keys: Gives the names of the faces that the batches' `index` counts; called on errors only.
      watch: Called with the step and the numbers of each log line.
      advice: What helps where the faces are the brake.

    Returns:
      The last state, saved.

    Raises:
      DivergenceError: The loss is not finite; nothing after the last good checkpoint is saved.
      Interrupted: A signal asked to stop; the state is saved.
      CheckpointError: A checkpoint cannot be written; those before are good.
    """
    measured = pace.Pace()
    step = int(train_state.step)
    run = _Run(writer, settings, keys, watch, measured, _unlogged_at(checkpoints, step))
    roll_back = divergence.RollBack(settings.on_nonfinite, checkpoints, train_state)

    def save(done: int, indices: np.ndarray) -> None:
        run.drain()  # a state with a bad loss must not be saved
        if not divergence.is_finite(train_state, mesh):
            raise run.diverged(done, f"step {done} left parameters that are not finite", indices)
        about = metadata | {_UNLOGGED: run.unlogged}
        checkpoints.save(done, train_state, iterator_state=batches.get_state(), metadata=about)
        writer.flush()

    def advance(step: int) -> None:
        nonlocal train_state
        with measured.waiting():
            batch = next(batches)
        indices = batch["index"]
        arrays = {name: value for name, value in batch.items() if name != "index"}
        train_state, metrics = step_function(step, train_state, sharding.to_global(arrays, mesh))
        if not measured.has_stepped:
            jax.block_until_ready(metrics)
        measured.step(len(indices) * jax.process_count())
        done = step + 1
        run.add(done, metrics, indices)
        if done == settings.steps or checkpoints.should_save(done):
            save(done, indices)
        if done < settings.steps and stop.asked():
            save(done, indices)
            checkpoints.wait()
            raise Interrupted(
                f"stopped by {stop.name} after step {done} of {settings.steps}; saved. The same "
                "command continues."
            )

    with stopping.deferred() as stop:
        while step < settings.steps:
            try:
                advance(step)
                step += 1
            except DivergenceError as error:
                train_state, _, about = roll_back(error)
                step = int(train_state.step)
                run.rewind(step, about.get(_UNLOGGED, {}))
    checkpoints.wait()
    measured.tell(advice)
    return train_state


def _unlogged_at(checkpoints: checkpointing.Checkpoints, step: int) -> Unlogged:
    """What the checkpoint that a training goes on from says of steps after its last log line."""
    if step not in checkpoints.all_steps():
        return {}
    return checkpoints.read_metadata(step).get(_UNLOGGED, {})


class _Run:
    """Looks at losses a little later than they are asked for, and averages them for the log.

    Attributes:
      unlogged: Sum and number of each metric's values since the last log line.
    """

    def __init__(
        self,
        writer: metric_writers.MetricWriter,
        settings: LoopSettings,
        keys: Callable[[], list[str]],
        watch: Callable[[int, dict[str, float]], None] | None,
        measured: pace.Pace,
        unlogged: Unlogged,
    ) -> None:
        self._writer, self._settings, self._keys, self._watch = writer, settings, keys, watch
        self._pace = measured
        self._pending: collections.deque[tuple[int, dict[str, jax.Array], np.ndarray]]
        self._pending = collections.deque()
        self.unlogged: dict[str, Sequence[float]] = dict(unlogged)

    def add(self, step: int, metrics: dict[str, jax.Array], indices: np.ndarray) -> None:
        self._pending.append((step, metrics, indices))
        while len(self._pending) > _STEPS_IN_FLIGHT:
            self._look()

    def drain(self) -> None:
        while self._pending:
            self._look()

    def rewind(self, step: int, unlogged: Unlogged) -> None:
        """Forgets what was seen after a step."""
        self._pending.clear()
        self.unlogged = dict(unlogged)
        self._writer.rewind(step)

    def diverged(self, step: int, what: str, indices: np.ndarray) -> DivergenceError:
        """Returns the error that names a step's faces."""
        names = self._keys()
        return DivergenceError(step, what, [names[i] for i in indices])

    def _look(self) -> None:
        step, metrics, indices = self._pending.popleft()
        values = {name: float(value) for name, value in metrics.items()}
        if not np.isfinite(values["loss"]):
            raise self.diverged(step, f"the loss of step {step} is {values['loss']}", indices)
        for name, value in values.items():
            if not np.isnan(value):  # a term whose turn it was not
                total, count = self.unlogged.get(name, (0.0, 0))
                self.unlogged[name] = (total + value, count + 1)
        if step % self._settings.log_every == 0 or step == self._settings.steps:
            means = {f"train/{name}": total / n for name, (total, n) in self.unlogged.items()}
            self._writer.write_scalars(step, means | self._pace.scalars())
            if self._watch:
                self._watch(step, means)
            self.unlogged = {}
        self._writer.progress(step)
