"""Measures whether faces come as fast as steps take them, and how soon the first step ends.

    python -m scaf_jax.benchmark feeding [--size 256] [--batch 50] [--output FILE.json]

The loader with several numbers of processes, crops that the device cuts out, and a step of each
stage, one after the other, since together they would share the cores. The first step is measured in
processes of their own, beside a loader that has just started: with an empty compilation cache and
with the one that it left.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from typing import Any

import jax

from scaf_jax.benchmark import jax_steps, machine, options, photos, timing, workloads
from scaf_jax.data import augmentations, geometry, hosts, pipelines, resident_faces, warping
from scaf_jax.files import atomic, strict_json
from scaf_jax.landmarks import schemes
from scaf_jax.reporting import tables
from scaf_jax.training import device_crops, sharding

_MARGINS = "300w"
_FACES = 16
_NOTES = """\
Faces a second, batches of {batch}, crops of {size} px, photos {photo} px wide, device {device},
{cores} cores.
- loader: photos decoded, crops cut out, changed and batched by so many processes (0: by two threads
  of the process that trains).
- places: what the host does where the devices hold the faces: draws the changes, maps landmarks.
- device crops: what the device does then, before each step; "share of a step" is the time that this
  adds.
- "x stage" columns: the rate as a multiple of what the stage's step takes (bicubic, published);
  above 1 the step never waits.
- first step: from the start of the program to the end of a step of stage 1 beside the loader,
  with an empty compilation cache and with the cache that this left.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument("--size", type=options.positive, default=256, help="side of the crops")
    parser.add_argument("--width", type=float, default=1.0, help="multiplier of channel counts")
    parser.add_argument("--batch", type=options.positive, default=50, help="faces in a step")
    parser.add_argument("--photo", type=options.positive, default=500, help="width of the photos")
    parser.add_argument(
        "--workers",
        type=int,
        nargs="+",
        help="numbers of loader processes (default: 0 and what a training would take)",
    )
    parser.add_argument("--batches", type=options.positive, default=40, help="batches to time")
    parser.add_argument("--no-start", action="store_true", help="leave the first step out")
    parser.add_argument("--first-step", action="store_true", help=argparse.SUPPRESS)
    options.add_output(parser, "benchmark_feeding.json", "; the table goes beside it as .md")


def main(arguments: argparse.Namespace) -> int:
    """Measures, prints the table, writes JSON and Markdown; returns 0, or 2 for bad arguments."""
    if arguments.first_step:
        print(json.dumps(first_step(arguments)))
        return 0
    output = arguments.output
    workers = arguments.workers or sorted({0, default_workers()})
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "load_average": os.getloadavg()[0],
        "arguments": vars(arguments) | {"output": str(arguments.output)},
        "steps": steps_per_second(arguments),
        "loader": {str(count): loader_rate(arguments, count) for count in workers},
        **device_rates(arguments),
        "first_step": {} if arguments.no_start else first_steps(arguments),
    }
    atomic.write_json(output, result)
    text = report(result)
    atomic.write_text(output.with_suffix(".md"), text)
    print(text)
    return 0


def default_workers() -> int:
    """Returns how many processes a training would take here, alone on its host."""
    accelerators = sum(device.platform != "cpu" for device in jax.local_devices())
    return hosts.default_workers(accelerators=accelerators, cores=hosts.usable_cores())


def steps_per_second(arguments: argparse.Namespace) -> dict[str, float]:
    """Returns the faces a second that each stage's step takes."""
    rates = {}
    for kind in (workloads.PRETRAINING, workloads.ALIGNMENT):
        work = workloads.Workload(kind, arguments.size, arguments.batch, arguments.width)
        step = jax_steps.build(work, work.weights(), work.batch(), plain=False).step
        # Whole cycles: not every step of stage 1 is alike.
        times = timing.alternate({kind: step}, rounds=3 * work.steps_per_run)[kind]
        rates[kind] = arguments.batch * len(times) / sum(times)
    return rates


def loader_rate(arguments: argparse.Namespace, workers: int) -> float:
    """Returns the faces a second of the loader with so many processes."""
    source = photos.RepeatedSource(photos.make(arguments.photo, _FACES))
    batches = _batches(arguments, source, workers, threads=1 if workers else 2)
    # What waits in the workers' buffers is no rate of theirs.
    for _ in range(1 + 3 * workers):
        next(batches)
    rate = _rate(arguments, lambda: next(batches))
    batches.close()
    return rate


def device_rates(arguments: argparse.Namespace) -> dict[str, float]:
    """Returns faces a second of the host's and of the devices' part where these hold the faces."""
    source, change = _Few(photos.make(arguments.photo, _FACES)), augmentations.STAGE1
    faces = resident_faces.load(
        source, resident_faces.Cutter(_crop(arguments), change), most_bytes=2**30
    )
    mesh = sharding.make_mesh(devices=jax.local_devices()[:1])
    cut = device_crops.DeviceCrops(
        faces.pixels,
        faces.starts,
        faces.sizes,
        mesh=mesh,
        size=arguments.size,
        cubic=change.interpolation == warping.BICUBIC,
        mirrored=change.border == warping.MIRRORED,
    )
    batches = _batches(arguments, faces, 0, threads=0)
    batch = next(batches)
    places = sharding.to_global({name: batch[name] for name in ("face", "region_matrix")}, mesh)
    jax.block_until_ready(cut(places))  # compiled
    return {
        "places": _rate(arguments, lambda: next(batches)),
        "device_crops": _rate(arguments, lambda: jax.block_until_ready(cut(places))),
    }


def first_steps(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures the first step twice, in processes that share a new compilation cache."""
    with tempfile.TemporaryDirectory() as cache:
        return {name: _first_step_of_a_process(arguments, cache) for name in ("cold", "warm")}


def _first_step_of_a_process(arguments: argparse.Namespace, cache: str) -> dict[str, float]:
    words = [f"--{name}={getattr(arguments, name)}" for name in ("size", "width", "batch", "photo")]
    start = time.time()
    found = subprocess.run(
        [sys.executable, "-m", "scaf_jax.benchmark", "feeding", "--first-step", *words],
        env=dict(os.environ, JAX_COMPILATION_CACHE_DIR=cache),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    told = strict_json.parse_json(found.stdout.splitlines()[-1], "its last line")
    return {"seconds": told["end"] - start, "compile_seconds": told["compile_seconds"]}


def first_step(arguments: argparse.Namespace) -> dict[str, float]:
    """Does one step of stage 1 on faces of a loader that starts with it; tells when it ended."""
    source = photos.RepeatedSource(photos.make(arguments.photo, _FACES))
    batches = _batches(arguments, source, default_workers(), threads=1)
    batch = {"image": next(batches)["image"]}
    work = workloads.Workload(
        workloads.PRETRAINING, arguments.size, arguments.batch, arguments.width
    )
    compiled = jax_steps.build(work, work.weights(), batch, plain=False)
    compiled.step()
    told = {"end": time.time(), "compile_seconds": compiled.compile_seconds}
    batches.close()
    return told


def report(result: dict[str, Any]) -> str:
    """Returns table and notes in Markdown."""
    stage1, stage2 = (result["steps"][k] for k in (workloads.PRETRAINING, workloads.ALIGNMENT))
    rates = {f"loader, {count} processes": rate for count, rate in result["loader"].items()}
    rates |= {"places": result["places"], "device crops": result["device_crops"]}
    rows = [
        ("step of stage 1", f"{stage1:.4g}", "", "", ""),
        ("step of stage 2", f"{stage2:.4g}", "", "", ""),
    ]
    for name, rate in rates.items():
        share = f"{100 * stage1 / rate:.1f} %, {100 * stage2 / rate:.1f} %"
        ratios = f"{rate / stage1:.2f}", f"{rate / stage2:.2f}"
        rows.append((name, f"{rate:.4g}", *ratios, share if name == "device crops" else ""))
    header = ("what", "faces/s", "x stage 1", "x stage 2", "share of a step")
    lines = [
        f"first step, {name} cache: {one['seconds']:.1f} s, {one['compile_seconds']:.1f} of them "
        "to compile"
        for name, one in result["first_step"].items()
    ]
    arguments, described = result["arguments"], result["machine"]
    notes = _NOTES.format(
        **{name: arguments[name] for name in ("batch", "size", "photo")},
        device=described["device"],
        cores=described["usable_cores"],
    )
    load = f"Load average at the start: {result['load_average']:.1f}.\n"
    table = tables.Table(header, tuple(rows)).markdown()
    return "\n".join([table, *lines, "", notes + load])


class _Few:
    """A few records in memory."""

    def __init__(self, records: list[Any]) -> None:
        self._records = records

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Any:
        return self._records[index]

    @property
    def keys(self) -> list[str]:
        return [record["key"] for record in self._records]


def _crop(arguments: argparse.Namespace) -> geometry.CropSettings:
    return geometry.crop_settings(_MARGINS, input_size=arguments.size)


def _batches(
    arguments: argparse.Namespace, source: Any, workers: int, *, threads: int
) -> pipelines.TrainBatches:
    return pipelines.train_batches(
        source,
        crop=_crop(arguments),
        augmentation=augmentations.STAGE1,
        scheme=schemes.IBUG68,
        batch_size=arguments.batch,
        seed=0,
        num_workers=workers,
        num_threads=threads,
    )


def _rate(arguments: argparse.Namespace, draw: Any) -> float:
    start = time.perf_counter()
    for _ in range(arguments.batches):
        draw()
    return arguments.batch * arguments.batches / (time.perf_counter() - start)
