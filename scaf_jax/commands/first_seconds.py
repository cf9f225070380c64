"""Signals that come while there is nothing to save, as when libraries are loaded: the run ends."""

import os
import signal
import sys
from types import FrameType

STOPPED_EXIT_CODE = 75  # EX_TEMPFAIL: the same command continues


def end_at_signals() -> None:
    """Makes SIGTERM and SIGINT end the program at once, with the code that says: start me again.

    `training.stopping` listens in place of this where there is something to save.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)


def leave_interrupts() -> None:
    """Gives SIGINT back to Python: a run of several processes does not listen to it later on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    text = f"stopped by {name}; there was nothing to save. The same command continues."
    print(text, file=sys.stderr, flush=True)
    os._exit(STOPPED_EXIT_CODE)  # an exception could be caught by a library that is half loaded
