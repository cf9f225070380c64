"""Measures the scores of active learning: what they cost beside reading the heatmaps once.

    python -m scaf_jax.benchmark acquisition [--landmarks 68 98] [--batch 32 1] [--output FILE.json]

All contestants take the same heatmaps, on the device, and run by turns in one process. Source of
the comparison of NNM with entropy: SCAF, sec. 4.6.
"""

import argparse
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from scaf_jax.benchmark import machine, options, timing
from scaf_jax.choosing import acquisition
from scaf_jax.files import atomic
from scaf_jax.landmarks import heatmaps
from scaf_jax.reporting import tables

# The names in the JSON file, with the column titles.
LIMIT, NNM, ONE_PASS, ENTROPY, NUMPY = "maximum", "nnm", "landmarks_and_nnm", "entropy", "numpy"
TITLES = {
    LIMIT: "maximum of each map",
    NNM: "NNM, landmarks given",
    ONE_PASS: "blur + landmarks + NNM",
    ENTROPY: "entropy",
    NUMPY: "maximum in NumPy",
}
_SIZE = 128
_AT_ONCE = 20
_NOTES = """\
Milliseconds for a face, medians. Heatmaps: {size} x {size}, float32, (batch, y, x, landmark).
- maximum of each map: reads every value once, written plainly (`heatmaps.max(axis=(1, 2))`); what
  looks at every value can hardly be faster. NumPy's maximum of the same array, on one core, is
  beside it for comparison only.
- NNM, landmarks given: the paper's count; only the 81 values of the window around each landmark are
  read, and the landmarks must be there already, so it may be faster than the maximum. For one face,
  starting a computation is a large part of its time, and of the maximum's.
- blur + landmarks + NNM: 9 x 9 box blur of every map, the place of its maximum, and NNM from the
  maximum: all that scoring a face needs after the network.
- entropy: every map normalized and its entropy, without landmarks.
- "x max" columns divide by the maximum in XLA; "entropy / NNM" is the paper's ratio (3.5 there, by
  another machine and implementation), and "entropy / one pass" what choosing NNM saves where the
  landmarks have to be found as well.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's arguments."""
    parser.add_argument(
        "--landmarks", type=options.positive, nargs="+", default=[68, 98], help="maps of a face"
    )
    parser.add_argument(
        "--batch", type=options.positive, nargs="+", default=[32, 1], help="faces at a time"
    )
    parser.add_argument(
        "--size", type=options.positive, default=_SIZE, help="side of the maps, in pixels"
    )
    parser.add_argument(
        "--rounds", type=options.positive, default=31, help="timed rounds (default: 31)"
    )
    options.add_output(parser, "benchmark_acquisition.json", "; the table goes beside it as .md")


def main(arguments: argparse.Namespace) -> int:
    """Measures, prints the table, writes JSON and Markdown; returns 0, or 2 for bad arguments."""
    output = arguments.output
    result: dict[str, Any] = {
        "machine": machine.describe(),
        "arguments": vars(arguments) | {"output": str(arguments.output)},
        "rows": [
            measure(batch, landmarks, size=arguments.size, rounds=arguments.rounds)
            for landmarks in arguments.landmarks
            for batch in arguments.batch
        ],
    }
    atomic.write_json(output, result)
    table, notes = table_of(result["rows"]), _NOTES.format(size=arguments.size)
    atomic.write_text(output.with_suffix(".md"), f"{table.markdown()}\n{notes}")
    print(f"{table.text()}\n{notes}")
    return 0


def measure(batch: int, landmarks: int, *, size: int, rounds: int) -> dict[str, Any]:
    """Times all contestants on one kind of heatmaps.

    Args:
      batch: Faces.
      landmarks: Maps of a face.
      size: Side of a map, in pixels.
      rounds: Timed rounds.

    Returns:
      One row of the JSON file: `milliseconds_per_face` (medians), `seconds` (all times) and
      `ratios`.
    """
    times = timing.alternate(contestants(batch, landmarks, size), rounds=rounds, warmup=3)
    if jax.default_backend() != "cpu":
        times |= {name: [s / _AT_ONCE for s in times[name]] for name in times if name != NUMPY}
    per_face = {name: 1e3 * s / batch for name, s in timing.medians(times).items()}
    return {
        "batch": batch,
        "landmarks": landmarks,
        "size": size,
        "milliseconds_per_face": per_face,
        "ratios": {
            "nnm_to_maximum": per_face[NNM] / per_face[LIMIT],
            "landmarks_and_nnm_to_maximum": per_face[ONE_PASS] / per_face[LIMIT],
            "entropy_to_nnm": per_face[ENTROPY] / per_face[NNM],
            "entropy_to_landmarks_and_nnm": per_face[ENTROPY] / per_face[ONE_PASS],
        },
        "seconds": times,
    }


def contestants(batch: int, landmarks: int, size: int) -> dict[str, Callable[[], Any]]:
    """Returns the functions to time; each gives its result, computed."""
    maps = example_heatmaps(batch, landmarks, size)
    peaks, _ = acquisition.landmarks_and_nnm(maps)
    host = np.array(maps)
    functions: dict[str, Callable[[], Any]] = {
        LIMIT: functools.partial(jax.jit(lambda maps: maps.max(axis=(1, 2))), maps),
        NNM: functools.partial(acquisition.nnm, maps, peaks),
        ONE_PASS: functools.partial(acquisition.landmarks_and_nnm, maps),
        ENTROPY: functools.partial(acquisition.entropy, maps),
    }
    # An accelerator is given several at once: starting one may take longer than computing it.
    count = 1 if jax.default_backend() == "cpu" else _AT_ONCE
    timed = {name: _waiting(function, count) for name, function in functions.items()}
    return timed | {NUMPY: lambda: host.max(axis=(1, 2))}


def _waiting(function: Callable[[], Any], count: int) -> Callable[[], Any]:
    """The function called so many times, waited for once; its last result."""
    return lambda: jax.block_until_ready([function() for _ in range(count)])[-1]


def example_heatmaps(batch: int, landmarks: int, size: int) -> jax.Array:
    """Returns (B, size, size, L) float32 maps such as a network gives: faint Gaussians and noise.

    Args:
      batch: B.
      landmarks: L.
      size: Side of a map, in pixels.
    """
    rng = np.random.default_rng(0)
    points = rng.uniform(0, size - 1, (batch, landmarks, 2)).astype(np.float32)
    heights = rng.uniform(0.2, 1, (batch, 1, 1, landmarks)).astype(np.float32)
    noise = 0.02 * rng.standard_normal((batch, size, size, landmarks), np.float32)
    maps = heatmaps.HeatmapCodec(size, size).encode(jnp.asarray(points))
    return jax.block_until_ready(maps * heights + noise)


def table_of(rows: list[dict[str, Any]]) -> tables.Table:
    """Returns the table of measured rows; see `measure`."""
    ratios = ("NNM x max", "one pass x max", "entropy / NNM", "entropy / one pass")
    lines = []
    for row in rows:
        times = [f"{row['milliseconds_per_face'][name]:.3f}" for name in TITLES]
        quotients = [f"{value:.2f}" for value in row["ratios"].values()]
        lines.append((f"{row['landmarks']} maps, batch {row['batch']}", *times, *quotients))
    return tables.Table(("ms per face", *TITLES.values(), *ratios), tuple(lines))
