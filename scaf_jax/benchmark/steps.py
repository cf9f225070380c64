"""Measures the training steps of both stages and inference, ours beside other ways to compute.

On CPUs these are plain lax, XLA as it comes and PyTorch; on accelerators PyTorch, eager and
compiled, each in float32 (with TF32 units) and bfloat16.

    python -m scaf_jax.benchmark steps [--sizes 128 256] [--batch 8] [--output FILE.json]

Contestants start from the same weights, see the same batch, and run by turns.
"""

import argparse
import dataclasses
import functools
import gc
import importlib.util
import sys
from collections.abc import Callable
from typing import Any

import jax

from scaf_jax.benchmark import (
    accelerator_report,
    default_process,
    jax_steps,
    machine,
    options,
    steps_report,
    timing,
    workloads,
)
from scaf_jax.data import hosts
from scaf_jax.files import atomic
from scaf_jax.models import autoencoder

OURS, PLAIN, DEFAULT, TORCH = "ours", "plain_lax", "xla_default", "torch"
# Beside `OURS` and `TORCH`, where an accelerator computes.
BF16, TORCH_BF16 = "ours_bf16", "torch_bf16"
COMPILED, COMPILED_BF16 = "torch_compile", "torch_compile_bf16"
CPU, ACCELERATOR = "cpu", "accelerator"
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[128, 256],
        choices=autoencoder.INPUT_SIZES,
        help="sides of the crops, in pixels (default: 128 256)",
    )
    parser.add_argument(
        "--kinds",
        nargs="+",
        default=list(workloads.TITLES),
        choices=workloads.TITLES,
        help="what to measure (default: all)",
    )
    parser.add_argument(
        "--batch", type=options.positive, default=8, help="images in a step (default: 8)"
    )
    parser.add_argument(
        "--width", type=float, default=1.0, help="multiplier of every channel count (default: 1)"
    )
    parser.add_argument(
        "--rounds", type=options.positive, help="timed rounds; by default, what --seconds allow"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=15.0,
        help="time for each line of the table, all its contestants together, which is exceeded "
        f"where {_LEAST_ROUNDS} rounds take longer (default: 15)",
    )
    parser.add_argument("--no-plain", action="store_true", help="leave plain lax out")
    parser.add_argument(
        "--no-default", action="store_true", help="leave plain lax under XLA's own settings out"
    )
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    parser.add_argument(
        "--columns",
        choices=(CPU, ACCELERATOR),
        help="which contestants: on CPUs plain lax beside ours and eager PyTorch, on accelerators "
        "float32 and bfloat16 of ours, of eager and of compiled PyTorch (default: by the device)",
    )
    parser.add_argument(
        "--torch_compiler",
        default="inductor",
        help="what torch.compile compiles with (default: inductor)",
    )
    options.add_output(parser, "benchmark_steps.json")


def main(arguments: argparse.Namespace) -> int:
    """Measures, prints the table and writes the JSON file; returns 0, or 2 for bad arguments."""
    if not arguments.width > 0:
        _tell(f"--width must be positive, not {arguments.width}")
        return 2
    arguments.columns = arguments.columns or _columns_of_the_device()
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "arguments": vars(arguments) | {"output": str(arguments.output)},
        "torch_threads": hosts.usable_cores(),
        "copy_bytes_per_second": machine.copy_bandwidth(),
        "rows": [],
    }
    with_torch = _is_torch_wanted(arguments)
    with jax_steps.no_compilation_cache():
        for size in arguments.sizes:
            for kind in arguments.kinds:
                workload = workloads.Workload(kind, size, arguments.batch, arguments.width)
                result["rows"].append(_measure(workload, arguments, with_torch))
                # After each row, so that an interrupted run leaves what it has.
                atomic.write_json(arguments.output, result)
                _free()
    report = steps_report if arguments.columns == CPU else accelerator_report
    print(report.format_report(result))
    _tell(f"written: {arguments.output}")
    return 0


def _is_torch_wanted(arguments: argparse.Namespace) -> bool:
    if arguments.no_torch:
        return False
    if importlib.util.find_spec("torch") is None:
        _tell("PyTorch is not installed, its column stays empty: pip install 'scaf_jax[torch]'")
        return False
    if jax.default_backend() == "cpu":
        return True
    import torch  # pyright: ignore[reportMissingImports]

    if not torch.cuda.is_available():
        _tell(f"this PyTorch finds no GPU beside {jax.default_backend()}: its columns stay empty")
    return torch.cuda.is_available()


def _columns_of_the_device() -> str:
    return CPU if jax.default_backend() == "cpu" else ACCELERATOR


def _measure(
    workload: workloads.Workload, arguments: argparse.Namespace, with_torch: bool
) -> dict[str, Any]:
    """Returns one line of the table with all its times, JSON-able."""
    label = f"{workload.size} px, {workload.title}"
    weights, batch = workload.weights(), workload.batch()
    compiled: dict[str, Any] = {}
    for name in _our_columns(arguments):
        form = dataclasses.replace(workload, dtype="bfloat16" if name == BF16 else None)
        if name == DEFAULT:
            compiled[name] = default_process.DefaultProcess(workload)
        else:
            compiled[name] = jax_steps.build(form, weights, batch, plain=name == PLAIN)
        _tell(f"{label}: {name} compiled in {compiled[name].compile_seconds:.1f} s")
    steps: dict[str, Callable[[], Any]] = {name: c.step for name, c in compiled.items()}
    if with_torch:
        steps |= _torch_steps(workload, weights, batch, arguments)
    times = _alternate(workload, steps, arguments, label)
    if DEFAULT in compiled:
        compiled[DEFAULT].close()
    found = {name: _contestant(workload, values) for name, values in times.items()}
    for name, one in compiled.items():
        found[name] |= {"compile_seconds": one.compile_seconds, "memory_bytes": one.memory}
        found[name] |= {"work": getattr(one, "work", {})}
    return {
        "size": workload.size,
        "kind": workload.kind,
        "title": workload.title,
        "batch_size": workload.batch_size,
        "width": workload.width,
        "steps_per_run": workload.steps_per_run,
        "images_per_run": workload.images_per_run,
        "contestants": found,
        "speed_ratios": _ratios(found),
    }


def _our_columns(arguments: argparse.Namespace) -> list[str]:
    if arguments.columns == ACCELERATOR:
        return [OURS, BF16]
    plain = [] if arguments.no_plain else [PLAIN]
    return [OURS, *plain, *([] if arguments.no_default else [DEFAULT])]


def _torch_steps(
    workload: workloads.Workload, weights: Any, batch: Any, arguments: argparse.Namespace
) -> dict[str, Callable[[], Any]]:
    from scaf_jax.benchmark import torch_twin

    forms = {TORCH: torch_twin.EAGER}
    if arguments.columns == ACCELERATOR:
        device, compiler = jax.default_backend().replace("gpu", "cuda"), arguments.torch_compiler
        forms = {
            name: torch_twin.Form(device, bfloat16, form_compiler)
            for name, bfloat16, form_compiler in (
                (TORCH, False, ""),
                (TORCH_BF16, True, ""),
                (COMPILED, False, compiler),
                (COMPILED_BF16, True, compiler),
            )
        }
    threads = hosts.usable_cores()
    return {
        name: torch_twin.build(workload, weights, batch, threads=threads, form=form)
        for name, form in forms.items()
    }


def _alternate(
    workload: workloads.Workload,
    steps: dict[str, Callable[[], Any]],
    arguments: argparse.Namespace,
    label: str,
) -> timing.Times:
    """Times all contestants by turns; the rounds fill the time that there is."""
    # The very first step of each touches fresh memory and is not representative; the one after
    # it tells how long a round will take.
    trial = timing.alternate(steps, rounds=1, warmup=1)
    seconds = workload.steps_per_run * sum(timing.medians(trial).values())
    rounds = arguments.rounds or timing.rounds_within(
        arguments.seconds, seconds, least=_LEAST_ROUNDS, most=_MOST_ROUNDS
    )
    _tell(f"{label}: {rounds} rounds of about {seconds:.1f} s")
    runs = {name: functools.partial(_run, workload, step) for name, step in steps.items()}
    return timing.alternate(runs, rounds=rounds, warmup=0)


def _run(workload: workloads.Workload, step: Callable[[], Any]) -> None:
    for _ in range(workload.steps_per_run):
        step()


def _contestant(workload: workloads.Workload, seconds: list[float]) -> dict[str, Any]:
    median = timing.medians({"run": seconds})["run"]
    return {
        "seconds": seconds,
        "median_seconds": median,
        "images_per_second": workload.images_per_run / median,
    }


def _ratios(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Returns our speed as a multiple of each other contestant's."""
    ours = found[OURS]["images_per_second"]
    others = [name for name in found if name != OURS]
    return {f"{OURS}/{name}": ours / found[name]["images_per_second"] for name in others}


def _free() -> None:
    """Frees the programs and weights of a line before the next: only one is there at a time."""
    jax.clear_caches()
    gc.collect()


def _tell(text: str) -> None:
    print(f"benchmark: {text}", file=sys.stderr, flush=True)
