"""The one training loop: next batch -> step -> report -> save, until done or told to stop."""

import collections
import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Protocol

import jax
import numpy as np
from absl import logging

from scaf_jax.training import checkpointing, metric_writers, pace, sharding, state

Batch = dict[str, Any]
StepFunction = Callable[
    [int, state.TrainState, Batch], tuple[state.TrainState, dict[str, jax.Array]]
]

# How many steps may be on their way before the host looks at a loss. One keeps the device busy
# while the host prepares the next batch.
_STEPS_IN_FLIGHT = 1


class BatchStream(Protocol):
    """An endless stream of batches that can say where it is."""

    def __next__(self) -> Batch: ...

    def get_state(self) -> Any: ...

    def set_state(self, state: Any) -> None: ...


class Interrupted(Exception):
    """The run was told to stop; everything is saved and the same command continues it."""


class DivergenceError(RuntimeError):
    """The loss is no longer a finite number."""


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """Lengths and cadences, in steps.

    Attributes:
      steps: Length of the training.
      log_every: Cadence of metrics.
    """

    steps: int
    log_every: int


class StopSignal:
    """Notes SIGTERM and SIGINT, so that the loop can save before it ends.

    A second signal ends the program at once.
    """

    def __init__(self) -> None:
        self.received: str | None = None

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name
        logging.info("%s: saving, then stopping (again: stop at once)", self.received)

    @contextlib.contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Listens within the block (only the main thread can).

        Processes of a multi-host run must stop after the same step, which JAX's own preemption
        service sees to; its handler is left in place.
        """
        if threading.current_thread() is not threading.main_thread() or jax.process_count() > 1:
            yield self
            return
        numbers = (signal.SIGTERM, signal.SIGINT)
        previous = [signal.signal(number, self._note) for number in numbers]
        try:
            yield self
        finally:
            for number, handler in zip(numbers, previous, strict=True):
                signal.signal(number, handler)


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
    """
    measured = pace.Pace()
    run = _Run(writer, settings, keys, watch, measured)
    first = int(train_state.step)

    def save(step: int) -> None:
        run.drain()  # a state with a bad loss must not be saved
        checkpoints.save(step, train_state, iterator_state=batches.get_state(), metadata=metadata)
        writer.flush()

    with StopSignal().listening() as stop:
        for step in range(first, settings.steps):
            with measured.waiting():
                batch = next(batches)
            indices = batch["index"]
            arrays = {name: value for name, value in batch.items() if name != "index"}
            train_state, metrics = step_function(
                step, train_state, sharding.to_global(arrays, mesh)
            )
            if not measured.has_stepped:
                jax.block_until_ready(metrics)
            measured.step(len(indices) * jax.process_count())
            done = step + 1
            run.add(done, metrics, indices)
            if done == settings.steps or checkpoints.should_save(done):
                save(done)
            if done < settings.steps and (stop.received or checkpoints.reached_preemption(done)):
                save(done)
                checkpoints.wait()
                raise Interrupted(
                    f"stopped by {stop.received or 'preemption'} after step {done} of "
                    f"{settings.steps}; saved. The same command continues."
                )
    run.drain()
    checkpoints.wait()
    measured.tell(advice)
    return train_state


class _Run:
    """Looks at losses a little later than they are asked for, and averages them for the log."""

    def __init__(
        self,
        writer: metric_writers.MetricWriter,
        settings: LoopSettings,
        keys: Callable[[], list[str]],
        watch: Callable[[int, dict[str, float]], None] | None,
        measured: pace.Pace,
    ) -> None:
        self._writer, self._settings, self._keys, self._watch = writer, settings, keys, watch
        self._pace = measured
        self._pending: collections.deque[tuple[int, dict[str, jax.Array], np.ndarray]]
        self._pending = collections.deque()
        self._sums: dict[str, list[float]] = {}

    def add(self, step: int, metrics: dict[str, jax.Array], indices: np.ndarray) -> None:
        self._pending.append((step, metrics, indices))
        while len(self._pending) > _STEPS_IN_FLIGHT:
            self._look()

    def drain(self) -> None:
        while self._pending:
            self._look()

    def _look(self) -> None:
        step, metrics, indices = self._pending.popleft()
        values = {name: float(value) for name, value in metrics.items()}
        if not np.isfinite(values["loss"]):
            names = self._keys()
            faces = ", ".join(names[i] for i in indices)
            raise DivergenceError(
                f"the loss of step {step} is {values['loss']}. Faces of this process in the "
                f"batch: {faces}. Lower the learning rate, or look at these faces; the last "
                "checkpoint before is good."
            )
        for name, value in values.items():
            if not np.isnan(value):  # a term whose turn it was not
                self._sums.setdefault(name, []).append(value)
        if step % self._settings.log_every == 0 or step == self._settings.steps:
            means = {f"train/{name}": float(np.mean(v)) for name, v in self._sums.items()}
            self._writer.write_scalars(step, means | self._pace.scalars())
            if self._watch:
                self._watch(step, means)
            self._sums = {}
        self._writer.progress(step)
