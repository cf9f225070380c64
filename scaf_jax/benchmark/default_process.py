"""The same step under XLA as it comes: in a process of its own, since flags hold for a whole one.

That process has neither our XLA flags, nor our memory settings, nor our forms of convolutions.
"""

import multiprocessing
from multiprocessing.connection import Connection

from scaf_jax.benchmark import jax_steps, workloads
from scaf_jax.commands import runtime

_STEP, _END = "step", "end"


class DefaultProcess:
    """A compiled step that waits in another process until it is asked to run.

    Attributes:
      compile_seconds: Wall time of tracing, lowering and compiling there.
      memory: Bytes that the compiled program needs, by kind.
    """

    def __init__(self, workload: workloads.Workload) -> None:
        """Starts the process and compiles the workload's step in it.

        Raises:
          RuntimeError: The process ended.
        """
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, workload), daemon=True)
        self._process.start()
        other.close()
        self.compile_seconds, self.memory = self._answer()

    def step(self) -> None:
        """Does one step and waits for it."""
        self._connection.send(_STEP)
        self._answer()

    def close(self) -> None:
        """Ends the process."""
        self._connection.send(_END)
        self._process.join()

    def _answer(self):
        try:
            return self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(
                f"the process with XLA's own settings ended with {self._process.exitcode}; "
                "measure without it: --no-default"
            ) from None


def _serve(connection: Connection, workload: workloads.Workload) -> None:
    runtime.restore_default_flags()
    with jax_steps.no_compilation_cache():
        compiled = jax_steps.build(workload, workload.weights(), workload.batch(), plain=True)
    connection.send((compiled.compile_seconds, compiled.memory))
    while connection.recv() == _STEP:
        compiled.step()
        connection.send(None)
