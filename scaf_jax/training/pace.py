"""What a training's time goes into: its first step, and waiting for faces."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging

# Names of the numbers in the metrics.
FIRST_STEP = "pace/first_step_seconds"
WAITING = "pace/waiting_share"
FACES = "pace/faces_per_second"

# Above this share of its time a training is held up by whatever prepares its faces.
BRAKE = 0.1


class Pace:
    """Tells how long a training waits for its batches.

    The first step, in which the program is compiled and the loader starts, is told by itself.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """Starts to measure; `clock` tells the seconds."""
        self._clock = clock
        self._begin = self._since = clock()
        self._first: float | None = None
        self._first_told = False
        self._waited = self._waited_in_all = self._time_in_all = 0.0
        self._faces = self._faces_in_all = 0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Measures the time within the block as waiting for a batch."""
        start = self._clock()
        yield
        self._waited += self._clock() - start

    def step(self, faces: int) -> None:
        """Counts a step; after the first one, call it when the device is done.

        Args:
          faces: Of the global batch.
        """
        if self._first is not None:
            self._faces += faces
            return
        now = self._clock()
        self._first = now - self._begin
        logging.info(
            "first step after %.1f s (%.1f of them for the first faces, most of the others to "
            "compile)",
            self._first,
            self._waited,
        )
        self._since, self._waited = now, 0.0

    @property
    def has_stepped(self) -> bool:
        """Whether the first step is done."""
        return self._first is not None

    def scalars(self) -> dict[str, float]:
        """Returns the numbers since the last call, by name; the first step's only once."""
        now = self._clock()
        passed = now - self._since
        found = {}
        if self._first is not None and not self._first_told:
            found[FIRST_STEP] = self._first
            self._first_told = True
        if self._faces and passed > 0:
            found |= {WAITING: self._waited / passed, FACES: self._faces / passed}
        self._waited_in_all += self._waited
        self._faces_in_all += self._faces
        self._time_in_all += passed
        self._since, self._waited, self._faces = now, 0.0, 0
        return found

    def tell(self, advice: str) -> None:
        """Logs how the whole training went; a warning with advice where faces were the brake."""
        if not self._faces_in_all or not self._time_in_all:
            return
        share, rate = (n / self._time_in_all for n in (self._waited_in_all, self._faces_in_all))
        text = f"{rate:.0f} faces a second; {100 * share:.0f} % of the time waited for faces"
        if share > BRAKE:
            logging.warning("%s: they come no faster. %s", text, advice)
        else:
            logging.info("%s", text)


def summary(lines: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Returns what a training's time went into, for its report; empty where nothing tells.

    Args:
      lines: Of `metrics.jsonl`. Each counts by its steps, so that a training that was stopped and
        continued is one.
    """
    told = [line for line in lines if _is_number(line.get(WAITING)) and _is_number(line.get(FACES))]
    found: dict[str, float] = {}
    first = [line[FIRST_STEP] for line in lines if _is_number(line.get(FIRST_STEP))]
    if first:
        found["seconds to the first step"] = round(first[-1], 1)
    if told:
        found["share of the time waited for faces"] = round(_mean(told, WAITING), 3)
        found["faces a second"] = round(_mean(told, FACES), 1)
    return found


def _mean(lines: Sequence[Mapping[str, Any]], name: str) -> float:
    return sum(line[name] for line in lines) / len(lines)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
