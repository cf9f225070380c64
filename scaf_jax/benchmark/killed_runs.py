"""Runs of the main command that can be killed, and all that they leave, for comparison."""

import datetime
import hashlib
import itertools
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from scaf_jax.commands import config_files
from scaf_jax.files import strict_json
from scaf_jax.training import checkpointing, metric_files

_FINISH_SECONDS = 3600
_LOOK_SECONDS = 0.02
_DAY = 24 * 3600
# In the names of what is measured by the clock.
_CLOCK = ("second", "time", "minutes", "pace/")


# What a run does one after the other, by the line of log with which it begins; the first with the
# process.
PHASES = {
    "opening the data": "^",
    "stage 1": r"pretraining: \d+ faces, ",
    "its report": r"pretraining step (\d+) of \1\b",
    "stage 2": r"alignment: \d+ faces, ",
    "evaluation": r"alignment step (\d+) of \1\b",
    "scoring": r"scoring faces ",
}
_OPENING = next(iter(PHASES))


def durations(lines: Sequence[str], started: datetime.datetime) -> dict[str, float]:
    """Returns how long each of `PHASES` took when it came first.

    Args:
      lines: A run's log.
      started: When its process began.

    Returns:
      Seconds by phase; none for a phase that did not come, or that was the last.
    """
    begun = [(_OPENING, _seconds(started.hour, started.minute, started.second))]
    for line in lines:
        stamp = re.match(r"[IWE]\d{4} (\d+):(\d+):([\d.]+) ", line)
        later = [name for name in PHASES if name != _OPENING and re.search(PHASES[name], line)]
        if stamp and later:
            begun.append((later[0], _seconds(*stamp.groups())))
    found: dict[str, float] = {}
    for (name, start), (_, end) in itertools.pairwise(begun):
        found.setdefault(name, (end - start) % _DAY)
    return found


def _later_than(phase: str) -> list[str]:
    names = list(PHASES)
    return names[names.index(phase) + 1 :]


def _seconds(hours: float | str, minutes: float | str, seconds: float | str) -> float:
    return 3600 * float(hours) + 60 * float(minutes) + float(seconds)


def command(data: pathlib.Path | str, name: str) -> list[str]:
    """Returns the command of a tiny run with everything, without its working folder."""
    config = config_files.resolve_config_path("configs/active_300w.py:smoke")
    settings = {
        "data.name": name,
        "data.data_dir": data,
        "evaluation.splits": "('test',)",
        "evaluation.full": "",
        # One compiled program for all steps of stage 1.
        "pretraining.image_start": 0,
        "pretraining.structural_start": 0,
        "active_learning.pool": "train",
    }
    flags = [f"--config.{field}={value}" for field, value in settings.items()]
    return [sys.executable, "-m", "scaf_jax.main", f"--config={config}", *flags]


def start(command_: list[str], workdir: pathlib.Path) -> "Running":
    """Starts a run, or goes on with it."""
    return Running(command_, workdir)


class Running:
    """A run in a process of its own; its log is beside its folder."""

    def __init__(self, command_: list[str], workdir: pathlib.Path) -> None:
        self._log = workdir.with_suffix(".log")
        self._before = self._log.stat().st_size if self._log.exists() else 0
        self._start, self._started = time.monotonic(), datetime.datetime.now()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command_, f"--workdir={workdir}"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | {"JAX_PLATFORMS": "cpu"},
            )

    def finish(self) -> dict[str, float]:
        """Waits for its end; returns how long its phases took, as `durations`.

        Raises:
          RuntimeError: It failed; the end of its log is in the message.
        """
        try:
            self._process.wait(_FINISH_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.returncode:
            tail = "\n".join(self._lines()[-20:])
            raise RuntimeError(f"a run ended with {self._process.returncode}:\n{tail}")
        return durations(self._lines(), self._started)

    def kill_in(self, phase: str, seconds: float, number: signal.Signals) -> dict[str, Any] | None:
        """Kills it some time after a phase began.

        Args:
          phase: One of `PHASES`.
          seconds: How long after its first line in the log, at most until the next phase.
          number: What to kill it with.

        Returns:
          What is to be told of it; None if it ended before.

        Raises:
          RuntimeError: It failed, or answered SIGTERM with an exit code that it should not have.
        """
        while self._process.poll() is None and not self._has_begun(phase):
            time.sleep(_LOOK_SECONDS)
        end, later = time.monotonic() + seconds, _later_than(phase)
        # The machine may be faster than when the phase was measured.
        while time.monotonic() < end and not any(map(self._has_begun, later)):
            if self._process.poll() is not None:
                break
            time.sleep(_LOOK_SECONDS)
        code = self._process.poll()
        if code:
            raise RuntimeError(f"a run ended with {code}: see {self._log}")
        if code == 0:
            return None
        lines = self._lines()
        self._process.send_signal(number)
        code = self._process.wait(_FINISH_SECONDS)
        if number == signal.SIGTERM and code not in (0, 75):
            raise RuntimeError(f"SIGTERM was answered by {code}: see {self._log}")
        return {
            "phase": phase,
            "signal": number.name,
            "seconds": time.monotonic() - self._start,
            "exit_code": code,
            "last_line": re.sub(r"^.*?\] ", "", lines[-1] if lines else "")[:80],
        }

    def _has_begun(self, phase: str) -> bool:
        return phase == _OPENING or any(re.search(PHASES[phase], x) for x in self._lines())

    def _lines(self) -> list[str]:
        text = self._log.read_bytes()[self._before :].decode(errors="replace")
        return [line for line in text.splitlines() if line.strip()]


def facts(workdir: pathlib.Path) -> dict[str, str]:
    """Returns hashes of all that a finished run computed, by name.

    That is every array and the data's place of each stage's last checkpoint, metrics without times,
    and the JSON and csv files with choices and results.
    """
    found: dict[str, str] = {}
    for path in sorted(workdir.rglob("*")):
        name = str(path.relative_to(workdir))
        if path.name == "checkpoints" and path.is_dir():
            found |= {f"{name}/{key}": value for key, value in _checkpoints(path).items()}
        elif "checkpoints" in path.parts or not path.is_file():
            continue
        elif path.name == metric_files.SCALARS_FILE:
            lines = [_untimed(line) for line in metric_files.read_scalars(path)]
            found[name] = _hash(json.dumps(lines).encode())
        elif path.suffix in (".json", ".csv"):
            found[name] = _hash(_without_folder(path, workdir))
    return found


def compare(whole: dict[str, str], other: dict[str, str]) -> list[str]:
    """Returns what differs between the facts of two runs, a line each."""
    return [
        f"{name} is {'not there' if name not in other else 'other'}"
        if name in whole
        else f"{name} is there besides"
        for name in sorted({*whole, *other})
        if whole.get(name) != other.get(name)
    ]


def _checkpoints(folder: pathlib.Path) -> dict[str, str]:
    found = {}
    with checkpointing.Checkpoints(folder, create=False) as checkpoints:
        # Which earlier ones are kept depends on where a run was stopped.
        for step in checkpoints.all_steps()[-1:]:
            arrays = checkpoints.read_arrays(step)
            found |= {f"{step}/{name}": _hash_of_array(array) for name, array in arrays.items()}
            place = checkpoints.read_iterator(step)
            found[f"{step}/iterator"] = _hash(repr(place).encode())
    return found


def _hash_of_array(array: jax.Array) -> str:
    value = np.asarray(array)
    return _hash(f"{value.dtype} {value.shape} ".encode() + value.tobytes())


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _untimed(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if not _is_time(name)}


def _without_folder(path: pathlib.Path, workdir: pathlib.Path) -> bytes:
    """A file's content without its run's folder, nor how long a training took."""
    text = path.read_text(encoding="utf-8").replace(str(workdir), "WORKDIR")
    if path.suffix != ".json":
        return text.encode()
    return json.dumps(_without_times(strict_json.parse_json(text, str(path)))).encode()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: item for key, item in value.items() if not _is_time(key)}
        return {key: _without_times(item) for key, item in kept.items()}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _is_time(key: str) -> bool:
    return any(word in key for word in _CLOCK)
