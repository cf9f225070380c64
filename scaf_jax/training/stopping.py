"""Requests to stop: where something must be saved first they are noted, elsewhere obeyed at once.

A command listens from its start to its end. Loops that have to save what they did defer: they ask
after each step, save, and raise `Interrupted` themselves. Everywhere else, all that is done is on
disk, or is done anew by the same command; there the signal itself raises.
"""

import contextlib
import itertools
import signal
import threading
from collections.abc import Iterator
from types import FrameType

import jax
from absl import logging
from jax.experimental import multihost_utils


class Interrupted(BaseException):
    """The run was told to stop; everything is saved and the same command continues it.

    No Exception: what goes on after errors of one face or file must not go on after this.
    """


class StopSignal:
    """Notes SIGTERM and SIGINT. A second signal ends the program at once.

    Attributes:
      received: The signal's name; None as long as there was none.
    """

    def __init__(self) -> None:
        self.received: str | None = None
        self._deferring = 0

    def asked(self) -> bool:
        """Whether to save and stop now; in a multi-host run, all processes must ask together.

        Its processes must stop after the same step, which JAX's own preemption service sees to.
        """
        if jax.process_count() == 1:
            return self.received is not None
        # Any process's signal counts. Every question has its own number, the same in all of them.
        return multihost_utils.reached_preemption_sync_point(next(_questions))

    @property
    def name(self) -> str:
        """What asked to stop, for messages."""
        return self.received or "preemption"

    @contextlib.contextmanager
    def deferred(self) -> Iterator["StopSignal"]:
        """Within the block signals are only noted; who leaves it without asking obeys there."""
        self._deferring += 1
        try:
            yield self
        finally:
            self._deferring -= 1
        if self.received and not self._deferring and self._obeys():
            raise Interrupted(self._message())

    @contextlib.contextmanager
    def listening(self) -> Iterator["StopSignal"]:
        """Listens within the block (only the main thread can).

        In a multi-host run JAX's own handler is left in place.
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

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if self.received:
            raise KeyboardInterrupt
        self.received = signal.Signals(number).name
        if not self._deferring:
            raise Interrupted(self._message())
        logging.info("%s: saving, then stopping (again: stop at once)", self.received)

    def _obeys(self) -> bool:
        return jax.process_count() == 1

    def _message(self) -> str:
        return f"stopped by {self.name}; what was done is saved. The same command continues."


_questions = itertools.count(1)
_current: StopSignal | None = None


@contextlib.contextmanager
def listening() -> Iterator[StopSignal]:
    """Listens to signals within the block; what is inside of another such block shares its signal.

    Yields:
      The signal.

    Raises:
      Interrupted: A signal came, outside of `deferred`.
    """
    global _current
    if _current is not None:
        yield _current
        return
    _current = StopSignal()
    try:
        with _current.listening() as stop:
            yield stop
    finally:
        _current = None


@contextlib.contextmanager
def deferred() -> Iterator[StopSignal]:
    """Within the block signals are only noted: it asks `StopSignal.asked`, saves and raises.

    Raises:
      Interrupted: On leaving, if a signal came that the block did not ask for.
    """
    with listening() as stop, stop.deferred():
        yield stop
