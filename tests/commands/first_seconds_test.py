import signal
import subprocess
import sys

import pytest

# Stands for the libraries, whose own import errors some of them catch.
SLOW = """
import os, signal, sys
from scaf_jax.commands import first_seconds

first_seconds.end_at_signals()
assert not {"jax", "numpy", "absl"} & set(sys.modules)  # they take the seconds
try:
    os.kill(os.getpid(), int(sys.argv[1]))
except BaseException:
    print("caught")
print("went on")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_libraries_load_ends_with_the_code_that_asks_to_be_started_again(number):
    command = [sys.executable, "-c", SLOW, str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (75, "")
    assert done.stderr.startswith(f"stopped by {number.name}; there was nothing to save")


def test_where_several_processes_run_an_interrupt_is_pythons_own_again():
    code = """
import os, signal
from scaf_jax.commands import first_seconds

first_seconds.end_at_signals()
first_seconds.leave_interrupts()
try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "interrupted\n")
