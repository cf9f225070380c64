"""The end of the interpreter while XLA's threads still come to Python.

A program that is left (an interrupt, an error, nobody waits for a result) goes on in XLA's threads.
The interpreter lets none of them in once it ends, and JAX then waits for them for ever.
"""

import atexit
import contextlib
import threading
import time
from collections.abc import Iterator

# Between two calls of one program XLA computes other things; after so long there are none to come.
_QUIET_SECONDS = 1.0


class Ending:
    """Lets the interpreter end when no thread of XLA's is on its way to it any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running, self._last, self._ends = 0, float("-inf"), False
        atexit.register(self.wait)

    @contextlib.contextmanager
    def call(self) -> Iterator[None]:
        """Notes a call that XLA makes.

        Raises:
          RuntimeError: The interpreter ends; as the program's error this makes it the last call.
        """
        with self._lock:
            self._running += 1
        try:
            if self._ends:
                raise RuntimeError("the process ends")
            yield
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def wait(self) -> None:
        """Returns when there was no call for a while; further ones are refused."""
        self._ends = True
        while self._running or time.monotonic() - self._last < _QUIET_SECONDS:
            time.sleep(0.01)
