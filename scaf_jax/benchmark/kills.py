"""Shows that runs lose nothing: killed at random places and started again, they end the same.

    python -m scaf_jax.benchmark kills [--kills 10] [--seed 0] [--folder DIR] [--output FILE.json]

A tiny run with everything (stage 1, rounds of choosing faces, scoring, stage 2, evaluation) is done
once undisturbed. Then the same is begun anew and ended again and again, by SIGTERM (which asks, and
is answered by exit code 75) and by SIGKILL (which does not ask) in turn, at random times; each time
the same command goes on. At the end every array of the last checkpoints, all metrics, choices and
results are compared, bit for bit.
"""

import argparse
import pathlib
import random
import signal
import sys
import tempfile
from typing import Any

from data_builders import prepare
from scaf_jax.benchmark import killed_runs, options
from scaf_jax.files import atomic
from scaf_jax.reporting import tables

_DATA = "synthetic_faces"
_DATA_CONFIG = "tiny"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    add = parser.add_argument
    add("--kills", type=options.positive, default=10, help="how often to kill (default: 10)")
    add("--seed", type=int, default=0, help="of the times (default: 0)")
    add("--folder", type=pathlib.Path, help="for data and runs (default: one that is deleted)")
    add(
        "--output",
        type=pathlib.Path,
        default=pathlib.Path("benchmark_kills.json"),
        help="JSON file with every kill (default: benchmark_kills.json)",
    )


def main(arguments: argparse.Namespace) -> int:
    """Runs, kills, compares; returns 0 if all is the same, 1 if not, 2 for bad arguments."""
    if not arguments.output.absolute().parent.is_dir():
        print(f"--output: there is no folder '{arguments.output.absolute().parent}'")
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        result = measure(folder, arguments.kills, random.Random(arguments.seed))
    atomic.write_json(arguments.output.absolute(), result | {"seed": arguments.seed})
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
    whole = killed_runs.start(command, folder / "whole")
    undisturbed = whole.finish()
    facts = killed_runs.facts(folder / "whole")
    # On average half of the kills' share of the time is over when one comes.
    share = 2 * (undisturbed.seconds - undisturbed.startup) / kills
    done: list[dict[str, Any]] = []
    differences: dict[str, list[str]] = {}
    number = 0
    while len(done) < kills:
        workdir = folder / f"killed_{number}"
        number += 1
        while True:
            if len(done) == kills:
                killed_runs.start(command, workdir).finish()
                break
            kind = (signal.SIGTERM, signal.SIGKILL)[len(done) % 2]
            run = killed_runs.start(command, workdir)
            ended = run.kill_after(undisturbed.startup + chance.uniform(0, share), kind)
            if ended is None:  # it was done before
                break
            done.append({"run": workdir.name, **ended})
            _tell(f"kill {len(done)} of {kills}: {ended['signal']} {ended['last_line']}")
        differences[workdir.name] = killed_runs.compare(facts, killed_runs.facts(workdir))
    found = {name: lines for name, lines in differences.items() if lines}
    return {
        "kills": done,
        "differences": found,
        "compared": len(facts),
        "seconds": undisturbed.seconds,
    }


def _report(result: dict[str, Any]) -> str:
    header = ("kill", "run", "signal", "after s", "exit code", "last line of its log")
    rows = [
        (
            str(number),
            kill["run"],
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
        tables.Table(header, tuple(rows), num_names=3).markdown()
        + "\n"
        + ("\n".join(lines) or same)
    )


def _tell(text: str) -> None:
    print(f"kills: {text}", file=sys.stderr, flush=True)
