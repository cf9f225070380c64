"""Signals that come while libraries are loaded: the run ends as it would later, nothing to save."""

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


def _end(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    text = f"stopped by {name} while it was starting; nothing is lost. The same command continues."
    print(text, file=sys.stderr, flush=True)
    os._exit(STOPPED_EXIT_CODE)  # an exception could be caught by a library that is half loaded
