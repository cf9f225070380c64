"""Whether an exported program computes what its network does, and how fast both are."""

import dataclasses
import statistics
import time
from collections.abc import Callable

import jax
import numpy as np
from numpy.typing import NDArray

from scaf_jax.deployment import stablehlo
from scaf_jax.inference import bundle, exported_network, face_batches
from scaf_jax.weights import exported

Crops = NDArray[np.uint8]

# Of heatmaps and the heights of their peaks; bfloat16 has 8 bits of a number.
TOLERANCES = {"float32": 1e-4, "bfloat16": 3e-2}
BATCH_SIZES = (1, 8)
_REPEATS = 7


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How far a program is from its network.

    Attributes:
      largest: The largest absolute difference by output. Of landmarks it is in crop pixels; the
        peaks of a map that has two equal ones may be either.
      moved: How many landmarks are further apart than half a heatmap pixel, of how many.
      is_close: Whether maps and heights are within `TOLERANCES`.
    """

    largest: dict[str, float]
    moved: tuple[int, int]
    is_close: bool

    def __str__(self) -> str:
        parts = [f"{name} {value:.1e}" for name, value in self.largest.items()]
        moved, total = self.moved
        told = f"; {moved} of {total} landmarks elsewhere" if total else ""
        return f"largest differences {', '.join(parts)}{told}"


def own_outputs(
    network: bundle.Bundle, description: exported.Description
) -> Callable[[Crops], face_batches.Rows]:
    """Returns what the network itself makes of crops, in float32 and as fast as it is here.

    Args:
      network: The network.
      description: What the program is.
    """
    plain = dataclasses.replace(description, dtype=network.architecture.compute_dtype)
    run = jax.jit(stablehlo.function(network, plain))
    return lambda crops: {name: np.asarray(value) for name, value in run(crops).items()}


def agreement(
    ours: face_batches.Rows, theirs: face_batches.Rows, description: exported.Description
) -> Agreement:
    """Compares the outputs of a network and of its program for the same crops."""
    differences = {name: np.abs(ours[name] - theirs[name]) for name in description.outputs}
    largest = {name: float(found.max()) for name, found in differences.items()}
    moved = (0, 0)
    if description.decode:
        shape = description.marks.architecture
        limit = 0.5 * shape.input_size / shape.heatmap_size
        distances = np.linalg.norm(ours["landmarks"] - theirs["landmarks"], axis=-1)
        moved = (int((distances > limit).sum()), distances.size)
    checked = largest["heights" if description.decode else "heatmaps"]
    return Agreement(largest, moved, checked <= TOLERANCES[description.dtype])


def milliseconds(ask: Callable[[Crops], face_batches.Rows], crops: Crops, batch_size: int) -> float:
    """Returns how long a batch takes, the median of some."""
    batch = np.resize(crops, (batch_size, *crops.shape[1:]))
    ask(batch)
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        ask(batch)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def table(
    own: Callable[[Crops], face_batches.Rows],
    program: exported_network.ExportedNetwork,
    sizes: tuple[int, int],
    crops: Crops,
) -> str:
    """Returns sizes and latencies of a network and its program, a line each.

    Args:
      own: The network; see `own_outputs`.
      program: Its program.
      sizes: Of the network's numbers and of the program's file, in bytes.
      crops: Some crops.
    """
    lines = [f"{'':10} {'MB':>7}" + "".join(f" {f'{n} at once':>12}" for n in BATCH_SIZES)]
    for name, size, ask in zip(("network", "program"), sizes, (own, program.ask), strict=True):
        times = [milliseconds(ask, crops, batch) for batch in BATCH_SIZES]
        shown = "".join(f" {f'{t:.1f} ms':>12}" for t in times)
        lines.append(f"{name:10} {size / 1e6:7.1f}{shown}")
    return "\n".join(lines)


def num_bytes(network: bundle.Bundle) -> int:
    """Returns how large a network's numbers are."""
    leaves = jax.tree.leaves((network.params, network.batch_stats))
    return sum(np.asarray(leaf).nbytes for leaf in leaves)
