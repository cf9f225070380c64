"""Profiles of chosen steps of a training: what host and devices do in them, and for how long."""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Iterator, Sequence

import jax
from absl import logging

from scaf_jax.files.places import Place
from scaf_jax.training import loop, state

# Below a training's folder.
FOLDER = "profile"
_WINDOW = re.compile(r"(\w+):(\d+)(?:-(\d+))?")


@dataclasses.dataclass(frozen=True)
class Window:
    """Steps to profile.

    Attributes:
      stage: Name of the stage.
      first: The first of them, counted from 1 as in logs.
      last: The last of them.
    """

    stage: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.stage}:{self.first}-{self.last}"


def parse(text: str) -> Window:
    """Reads `STAGE:FIRST-LAST`, or `STAGE:STEP`.

    Raises:
      ValueError: It is no such text.

    Example:
      >>> parse("alignment:20-25")
      Window(stage='alignment', first=20, last=25)
    """
    found = _WINDOW.fullmatch(text.strip())
    if not found:
        raise ValueError(f"'{text}' is not STAGE:FIRST-LAST, such as alignment:20-25")
    stage, first, last = found.groups()
    window = Window(stage, int(first), int(last or first))
    if not 1 <= window.first <= window.last:
        raise ValueError(f"'{text}': steps are counted from 1, and the first comes before the last")
    return window


def check(windows: Sequence[Window], lengths: dict[str, int]) -> None:
    """Looks at whether there are such steps.

    Args:
      windows: Steps to profile.
      lengths: Steps of each stage that is trained.

    Raises:
      ValueError: There are not, or a stage has two windows.
    """
    for window in windows:
        if window.stage not in lengths:
            raise ValueError(
                f"'{window}': the stages that are trained here are {', '.join(lengths) or 'none'}"
            )
        if window.last > lengths[window.stage]:
            raise ValueError(f"'{window}': {window.stage} has {lengths[window.stage]} steps")
    stages = [window.stage for window in windows]
    for stage in lengths:
        if stages.count(stage) > 1:
            raise ValueError(f"{stage} is there twice: one range of steps for each stage")


def summary(workdir: pathlib.Path) -> str:
    """Returns where the profiles below a working folder are, and what opens them."""
    found = sorted({path.parents[3] for path in workdir.rglob("*.xplane.pb")})
    return "\n".join(f"Profile: {_how_to_open(folder)}" for folder in found) or "No profile."


def _how_to_open(folder: Place) -> str:
    return (
        f"{folder}; `pip install xprof`, then `xprof --logdir={folder}`, or drop its "
        ".trace.json.gz on https://ui.perfetto.dev"
    )


@contextlib.contextmanager
def recorded(
    step: loop.StepFunction, windows: Sequence[Window], folder: Place
) -> Iterator[loop.StepFunction]:
    """Profiles the steps of a window, in each process.

    A window that a stop or an error cuts short is written as far as it came.

    Args:
      step: The training step.
      windows: The steps to profile; one window, or none.
      folder: Of the training; gets `profile/`.

    Yields:
      The step to call in its place.
    """
    if not windows:
        yield step
        return
    (window,) = windows
    own = folder / FOLDER
    if jax.process_count() > 1:  # files are named by their host, which may have several processes
        own /= f"process_{jax.process_index()}"
    recorder = _Recorder(step, window, own)
    try:
        yield recorder
    finally:
        recorder.end()


class _Recorder:
    """A training step that begins and ends the profile as its turn comes."""

    def __init__(self, step: loop.StepFunction, window: Window, folder: Place) -> None:
        self._step, self._window, self._folder = step, window, folder
        self._is_on = self._is_done = False

    def __call__(
        self, number: int, train_state: state.TrainState, batch: loop.Batch
    ) -> tuple[state.TrainState, dict[str, jax.Array]]:
        current, is_next = number + 1, not (self._is_on or self._is_done)
        if is_next and self._window.first <= current <= self._window.last:
            jax.block_until_ready(train_state)  # what is before does not count
            jax.profiler.start_trace(self._folder)
            self._is_on = True
        with jax.profiler.StepTraceAnnotation("train", step_num=current):
            result = self._step(number, train_state, batch)
        if self._is_on and current >= self._window.last:
            jax.block_until_ready(result)
            self._write()
        return result

    def end(self) -> None:
        """Writes a profile that has begun; says so where there is none."""
        if self._is_on:
            self._write()
        elif not self._is_done:
            logging.warning("no profile of %s: this training did not do them", self._window)

    def _write(self) -> None:
        self._is_on, self._is_done = False, True
        try:
            jax.profiler.stop_trace()
        except (OSError, RuntimeError) as error:  # no reason to end the training
            logging.error("the profile of %s cannot be written: %s", self._window, error)
        else:
            logging.info("profile of %s: %s", self._window, _how_to_open(self._folder))
