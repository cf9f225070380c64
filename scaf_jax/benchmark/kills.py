"""Shows that runs lose nothing: killed at random places and started again, they end the same.

    python -m scaf_jax.benchmark kills [--kills 10] [--seed 0] [--folder DIR] [--output FILE.json]

A tiny run with everything (stage 1, rounds of choosing faces, scoring, stage 2, evaluation) is done
once undisturbed. Then the same is begun anew and ended again and again, by SIGTERM (which asks, and
is answered by exit code 75) and by SIGKILL (which does not ask) in turn, at a random time in each
of its phases: opening the data, stage 1, its report, stage 2, evaluation, scoring. Each time the
same command goes on. At the end every array of the last checkpoints, all metrics, choices and
results are compared, bit for bit.
"""

import argparse
import itertools
import pathlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from data_builders import prepare
from scaf_jax.benchmark import killed_runs, options
from scaf_jax.files import atomic
from scaf_jax.reporting import tables

_DATA = "synthetic_faces"
_DATA_CONFIG = "tiny"
# A run may finish before the phase that a kill is meant for comes again.
_MOST_RUNS = 100
# Python's own start, before any code of ours can answer a signal.
_PYTHON_STARTS = 0.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add = parser.add_argument
    add("--kills", type=options.positive, default=10, help="how often to kill (default: 10)")
    add("--seed", type=int, default=0, help="of the times (default: 0)")
    add("--folder", type=pathlib.Path, help="for data and runs (default: one that is deleted)")
    options.add_output(parser, "benchmark_kills.json")


def main(arguments: argparse.Namespace) -> int:
    """Runs, kills, compares; returns 0 if all is the same, 1 if not, 2 for bad arguments."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(folder, arguments.kills, random.Random(arguments.seed))
    atomic.write_json(arguments.output, result | {"seed": arguments.seed})
    print(_report(result))
    return int(bool(result["differences"]))


def measure(folder: pathlib.Path, kills: int, chance: random.Random) -> dict[str, Any]:
    """Kills runs and compares them with an undisturbed one.

    Args:
      folder: Gets the data and the runs.
      kills: How many times.
      chance: Draws the times.

    Returns:
      `kills`, one dict each; `differences`, by run what is not the same, none where all is;
      `compared`, the number of things compared in a run.
    """
    data = folder / "data"
    prepare.main([_DATA, f"--builder_config={_DATA_CONFIG}", f"--data_dir={data}"])
    command = killed_runs.command(data, f"{_DATA}/{_DATA_CONFIG}")
    _tell("the undisturbed run")
    start = time.monotonic()
    lengths = killed_runs.start(command, folder / "whole").finish()
    seconds, facts = time.monotonic() - start, killed_runs.facts(folder / "whole")
    done: list[dict[str, Any]] = []
    differences: dict[str, list[str]] = {}
    phases = itertools.cycle(killed_runs.PHASES)
    for number in range(_MOST_RUNS):
        if len(done) == kills:
            break
        workdir = folder / f"killed_{number}"
        done += _kill(command, workdir, phases, lengths, kills - len(done), len(done), chance)
        differences[workdir.name] = killed_runs.compare(facts, killed_runs.facts(workdir))
    return {
        "kills": done,
        "differences": {name: lines for name, lines in differences.items() if lines},
        "compared": len(facts),
        "seconds": seconds,
    }


def _kill(
    command: list[str],
    workdir: pathlib.Path,
    phases: Iterator[str],
    lengths: dict[str, float],
    most: int,
    before: int,
    chance: random.Random,
) -> list[dict[str, Any]]:
    """Kills one run once in each phase, up to so many times, and has it finished in the end."""
    done: list[dict[str, Any]] = []
    for phase in itertools.islice(phases, min(most, len(killed_runs.PHASES))):
        kind = (signal.SIGTERM, signal.SIGKILL)[(before + len(done)) % 2]
        run = killed_runs.start(command, workdir)
        seconds = max(_PYTHON_STARTS, chance.uniform(0, lengths.get(phase, 0.0)))
        ended = run.kill_in(phase, seconds, kind)
        if ended is None:
            return done  # it finished: what was to be met is in this run no more
        done.append({"run": workdir.name, **ended})
        _tell(f"kill {before + len(done)}: {ended['signal']} in {ended['phase']}")
    killed_runs.start(command, workdir).finish()
    return done


def _report(result: dict[str, Any]) -> str:
    header = ("kill", "run", "phase", "signal", "after s", "exit code", "last line of its log")
    rows = [
        (
            str(number),
            kill["run"],
            kill["phase"],
            kill["signal"],
            f"{kill['seconds']:.1f}",
            str(kill["exit_code"]),
            kill["last_line"],
        )
        for number, kill in enumerate(result["kills"], start=1)
    ]
    same = f"All {result['compared']} arrays, metrics, choices and results are the same bits."
    lines = [f"{name}: {line}" for name, found in result["differences"].items() for line in found]
    return (
        tables.Table(header, tuple(rows), num_names=4).markdown()
        + "\n"
        + ("\n".join(lines) or same)
    )


def _tell(text: str) -> None:
    print(f"kills: {text}", file=sys.stderr, flush=True)
