"""All measurements of an accelerator's host by one command.

    python -m scaf_jax.benchmark accelerator --folder FOLDER

Writes what `feeding`, `steps` (batch 50 and 256) and `acquisition` measure, and `goals.md`: what is
wanted of an accelerator's host beside what was found.
"""

import argparse
import importlib
import pathlib
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from scaf_jax.benchmark import accelerator_report, workloads
from scaf_jax.files import atomic, strict_json
from scaf_jax.reporting import tables

_STEPS = ("steps_50", "steps_256")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--folder", type=pathlib.Path, required=True, help="gets all results")
    parser.add_argument(
        "--tiny", action="store_true", help="smallest sizes, to try the command: no measurement"
    )


def main(arguments: argparse.Namespace) -> int:
    """Measures everything and writes the goals; returns the first exit code that is not 0."""
    folder = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, command, words in _runs(arguments.tiny):
        code = _run(command, [*words, f"--output={folder / name}.json"])
        if code:
            return code
    found = {path.stem: strict_json.read_json(path) for path in sorted(folder.glob("*.json"))}
    table = tables.Table(("goal", "wanted", "found", "reached"), tuple(goals(found)))
    text = f"{table.markdown()}\nDevice: {found['feeding']['machine']['device']}.\n"
    atomic.write_text(folder / "goals.md", text)
    print(text)
    return 0


def _runs(tiny: bool) -> Iterator[tuple[str, str, list[str]]]:
    small = ["--width=0.0625"] if tiny else []
    step = [*small, "--columns=accelerator"]
    if tiny:
        step += ["--rounds=1", "--torch_compiler=eager", "--kinds=inference"]
    size = "64" if tiny else "256"
    few = ["--batches=2", "--workers", "0"] if tiny else []
    yield "feeding", "feeding", [f"--size={size}", *small, *(["--batch=2"] if tiny else []), *few]
    for name in _STEPS:
        batch = "2" if tiny else name.removeprefix("steps_")
        yield name, "steps", [f"--sizes={size}", f"--batch={batch}", *step]
    maps = ["--landmarks=4", "--batch=2", "--size=16", "--rounds=1"] if tiny else []
    yield "acquisition", "acquisition", maps


def _run(command: str, words: list[str]) -> int:
    print(f"benchmark: {command} {' '.join(words)}", file=sys.stderr, flush=True)
    module = importlib.import_module(f"scaf_jax.benchmark.{command}")
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return module.main(parser.parse_args(words))


def goals(found: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Yields rows of the table of goals: what, what is wanted, what was found, whether reached.

    Args:
      found: The results by name, as their commands write them.
    """
    feeding = found["feeding"]
    for kind, rate in feeding["steps"].items():
        title = workloads.TITLES[kind]
        loader = max(feeding["loader"].values()) / rate
        yield f"loader / {title}", "1.2 or more", f"{loader:.2f}", _reached(loader >= 1.2)
        share = rate / feeding["device_crops"]
        yield f"device crops, share of a {title}", "5 %", f"{share:.1%}", _reached(share <= 0.05)
    for name, most in (("cold", 40), ("warm", 8)):
        if name in feeding["first_step"]:
            seconds = feeding["first_step"][name]["seconds"]
            row = f"first step of stage 1, {name} cache", f"under {most} s", f"{seconds:.1f} s"
            yield *row, _reached(seconds < most)
    for name in _STEPS:
        for row in found[name]["rows"]:
            yield from _goals_of_steps(name, row, found[name]["copy_bytes_per_second"])
    for row in found["acquisition"]["rows"]:
        ratio = row["ratios"]["landmarks_and_nnm_to_maximum"]
        title = f"one pass / maximum, {row['landmarks']} maps, batch {row['batch']}"
        yield title, "2 or less", f"{ratio:.2f}", _reached(ratio <= 2)


def _goals_of_steps(
    name: str, row: Mapping[str, Any], copy_rate: float
) -> Iterator[tuple[str, str, str, str]]:
    title = f"{row['title']}, batch {row['batch_size']}" if name in _STEPS else row["title"]
    for kind, names in (("f32", accelerator_report.FLOAT32), ("bf16", accelerator_report.BFLOAT16)):
        lead = accelerator_report.lead(row, names)
        if lead is not None:
            wanted = f"{title} / fastest PyTorch, {kind}", "1.3 or more"
            yield *wanted, f"{lead:.2f}", _reached(lead >= 1.3)
    if row["kind"] == workloads.PRETRAINING:
        share = accelerator_report.bandwidth_share(row, "ours", copy_rate)
        if share is not None:
            yield (
                f"{title}, share of the bandwidth",
                "0.5 or more",
                f"{share:.2f}",
                _reached(share >= 0.5),
            )


def _reached(is_reached: bool) -> str:
    return "yes" if is_reached else "no"
