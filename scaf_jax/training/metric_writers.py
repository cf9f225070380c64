"""Where training reports to: JSON lines, TensorBoard, the log and a progress bar.

A run that is continued drops what it had written after the step it continues from, so that each
step is reported once.
"""

import json
import math
import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TextIO

import jax
import numpy as np
import tensorboardX
import tqdm
from absl import logging

from scaf_jax.files import mirrors, places
from scaf_jax.training import metric_files

TENSORBOARD_FOLDER = "tensorboard"

# To a bucket, beside those at each checkpoint.
_SECONDS_BETWEEN_COPIES = 60.0


class MetricWriter:
    """Writes a run's numbers and pictures to every place at once.

    Only the first process of a multi-host run writes; in the others every call does nothing.

    Example:
      with MetricWriter(workdir, first_step=state_step, total_steps=10_000) as writer:
        for step in range(state_step + 1, 10_001):
          ...
          if step % 100 == 0:
            writer.write_scalars(step, {"train/loss": loss})
          writer.progress(step)
    """

    def __init__(
        self,
        workdir: str | os.PathLike[str],
        *,
        first_step: int = 0,
        total_steps: int | None = None,
        name: str = "train",
        tensorboard: bool = True,
        log_every_seconds: float = 30.0,
        stream: TextIO | None = None,
        active: bool | None = None,
    ):
        """Opens the files, and drops what they hold of steps after `first_step`.

        Args:
          workdir: Folder of the run, also in a bucket; made if missing.
          first_step: The step that the run starts from (0, or the restored one).
          total_steps: The step at which the run ends, for the progress bar.
          name: Word that the progress bar and the log lines start with.
          tensorboard: Whether to write event files under `workdir/tensorboard`.
          log_every_seconds: Least time between two progress lines where there is no terminal.
          stream: Where progress is shown; by default standard error.
          active: Whether this process writes; by default whether it is the first.
        """
        self._active = jax.process_index() == 0 if active is None else active
        self._name, self._total = name, total_steps
        self._log_every = log_every_seconds
        self._latest: dict[str, float] = {}
        self._bar: tqdm.tqdm | None = None
        self._file: TextIO | None = None
        self._events: tensorboardX.SummaryWriter | None = None
        if not self._active:
            return
        self._tensorboard = tensorboard
        self._mirror = mirrors.Mirror(places.as_place(workdir))
        self._mirror.fetch(metric_files.SCALARS_FILE)
        self._open(first_step)
        self._first_step, self._start = first_step, time.monotonic()
        self._last_line = self._start
        stream = sys.stderr if stream is None else stream
        if stream is not None and stream.isatty():
            self._bar = tqdm.tqdm(
                desc=name, total=total_steps, initial=first_step, file=stream, unit="step"
            )

    def write_scalars(self, step: int, scalars: Mapping[str, Any], *, log: bool = False) -> None:
        """Writes numbers of a step.

        Numbers that are not finite are null in the JSON line and as they are elsewhere.

        Args:
          step: Number of finished training steps.
          scalars: Values that `float` takes (reading a jax.Array waits for it), by name.
          log: Whether to log them at once (evaluations), not just with the next progress line.

        Raises:
          ValueError: If a name is 'step' or 'time', or a value is not one number.
        """
        if not self._active:
            return
        values = {name: _as_float(name, value) for name, value in scalars.items()}
        finite = {name: v if math.isfinite(v) else None for name, v in values.items()}
        line = json.dumps({"step": int(step), "time": round(time.time(), 3), **finite})
        assert self._file is not None
        self._file.write(line + "\n")
        self._file.flush()  # a crash of the process loses nothing that was written
        self._mirror.push(after=_SECONDS_BETWEEN_COPIES)
        if self._events is not None:
            for name, value in values.items():
                self._events.add_scalar(name, value, int(step))
        self._latest = values
        if log:
            self._say(f"{self._name} step {step}: {_listed(values)}")

    def write_images(self, step: int, images: Mapping[str, np.ndarray]) -> None:
        """Writes pictures of a step to TensorBoard.

        Args:
          step: Number of finished training steps.
          images: uint8 RGB arrays of shape (H, W, 3) or, drawn as a grid, (N, H, W, 3), by name.

        Raises:
          ValueError: If a picture has another shape or type.
        """
        if not self._active:
            return
        for name, image in images.items():
            image = np.asarray(image)
            if image.dtype != np.uint8 or image.ndim not in (3, 4) or image.shape[-1] != 3:
                raise ValueError(
                    f"picture '{name}' is {image.dtype} {image.shape}; give uint8 RGB of shape "
                    "(H, W, 3) or (N, H, W, 3)"
                )
            if self._events is not None:
                layout = "HWC" if image.ndim == 3 else "NHWC"
                self._events.add_image(name, image, int(step), dataformats=layout)

    def progress(self, step: int) -> None:
        """Shows how far the run is: moves the bar, or on no terminal logs a line now and then."""
        if not self._active:
            return
        if self._bar is not None:
            self._bar.set_postfix_str(_listed(self._latest), refresh=False)
            self._bar.update(step - self._bar.n)
            return
        now = time.monotonic()
        if now - self._last_line < self._log_every and step != self._total:
            return
        self._last_line = now
        rate = (step - self._first_step) / max(now - self._start, 1e-9)
        end = ""
        if self._total is not None:
            left = (self._total - step) / rate if rate > 0 else math.inf
            end = f" of {self._total}, {_duration(left)} left"
        self._say(f"{self._name} step {step}{end} ({rate:.3g} steps/s): {_listed(self._latest)}")

    def rewind(self, step: int) -> None:
        """Drops what was written of steps after `step`, from which training goes on once more."""
        if not self._active:
            return
        self.flush()
        if self._events is not None:
            self._events.close()
        if self._file is not None:
            self._file.close()
        self._open(step)
        if self._bar is not None:
            self._bar.n = step

    def _open(self, first_step: int) -> None:
        metric_files.drop_after(self._mirror.folder / metric_files.SCALARS_FILE, first_step)
        self._file = open(self._mirror.folder / metric_files.SCALARS_FILE, "a", encoding="utf-8")
        if self._tensorboard:
            self._events = tensorboardX.SummaryWriter(
                str(self._mirror.folder / TENSORBOARD_FOLDER),
                purge_step=first_step + 1 if first_step else None,
            )

    def flush(self) -> None:
        """Forces everything to disk, or to the bucket; call it when a checkpoint is saved."""
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        if self._events is not None:
            self._events.flush()
        if self._active:
            self._mirror.push()

    def close(self) -> None:
        """Flushes and closes the files and the bar. May be called twice."""
        if not self._active:
            return
        self.flush()
        if self._bar is not None:
            self._bar.close()
        if self._events is not None:
            self._events.close()
        if self._file is not None:
            self._file.close()
        self._mirror.close()
        self._active, self._file, self._events, self._bar = False, None, None, None

    def __enter__(self) -> "MetricWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _say(self, text: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        logging.info("%s", text)
        if self._bar is not None:
            self._bar.refresh()


def _as_float(name: str, value: Any) -> float:
    if name in ("step", "time"):
        raise ValueError(f"a number may not be called '{name}': each line has one of its own")
    if np.size(value) != 1:
        raise ValueError(f"'{name}' has shape {np.shape(value)}; give one number")
    return float(np.asarray(value).item())


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.4g}" for name, value in values.items())


def _duration(seconds: float) -> str:
    if not math.isfinite(seconds):
        return "unknown time"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{seconds:02d}s"
