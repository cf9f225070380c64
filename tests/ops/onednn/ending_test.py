"""Processes end while a program that calls Python is still computed."""

import subprocess
import sys
import threading

import pytest

from scaf_jax.ops.onednn import ending

_LEAVE = """
import time
import jax, jax.numpy as jnp, numpy as np
from scaf_jax.ops.onednn import ffi

ffi.register("slow", lambda call: time.sleep(0.02))

@jax.jit
def program(x):
    result = jax.ShapeDtypeStruct(x.shape, x.dtype)
    for _ in range(500):
        x = 1 + jax.ffi.ffi_call("slow", result)(x, numbers=np.array([1], np.int64))
    return x

program(jnp.ones(3))  # nobody waits for it
time.sleep(0.2)
print("left")
"""


def test_a_process_ends_while_a_program_is_computed():
    # It would take ten seconds, and without care the process never ended.
    command = [sys.executable, "-c", _LEAVE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 and "left" in done.stdout


def test_calls_are_waited_for_and_then_refused(monkeypatch):
    monkeypatch.setattr(ending, "_QUIET_SECONDS", 0.0)
    end, begun, told = ending.Ending(), threading.Event(), threading.Event()
    seen = []

    def compute():
        with end.call():
            begun.set()
            told.wait()
            seen.append("computed")

    thread = threading.Thread(target=compute)
    thread.start()
    begun.wait()
    threading.Timer(0.05, told.set).start()
    end.wait()
    assert seen == ["computed"]
    thread.join()
    with pytest.raises(RuntimeError, match="the process ends"), end.call():
        raise AssertionError
