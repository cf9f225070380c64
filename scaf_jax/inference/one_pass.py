"""One pass of a network over the faces of a source, whatever it is asked of them.

Batches are filled up and cut over the devices; the results of the faces come back in the source's
order. A pass stops at a signal, between two batches. One that keeps its results in a folder goes
on where it was stopped, and does not look at the same faces twice.
"""

import copy
import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from scaf_jax.data import geometry, pipelines, sources
from scaf_jax.files import strict_json
from scaf_jax.files.places import Place
from scaf_jax.inference import bundle, chunk_files
from scaf_jax.landmarks import schemes
from scaf_jax.training import programs, progress, sharding, stopping

PyTree = Any
Rows = chunk_files.Rows
# Parameters, statistics and a batch on the devices -> results, with `valid` among them.
Step = Callable[[PyTree, PyTree, dict[str, jax.Array]], dict[str, jax.Array]]

# Results are put together (and written to disk, where they are kept) after so many batches.
BATCHES_PER_CHUNK = 25


@dataclasses.dataclass(frozen=True)
class PassSettings:
    """How a pass uses the machine.

    Attributes:
      mesh: The devices.
      batch_size: Faces in a global batch; raised to a multiple of the devices.
      num_threads: Threads that prepare batches.
    """

    mesh: jax.sharding.Mesh
    batch_size: int
    num_threads: int = 2


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a pass keeps its results.

    Attributes:
      folder: Made where it is not there.
      header: What the results depend on, as hashes and names; results of anything else are
        deleted.
    """

    folder: Place
    header: Mapping[str, str]


class OnePass:
    """A jitted, sharded step of one network, and the pass over faces with it."""

    def __init__(
        self,
        step: Step,
        network: bundle.FaceNetwork,
        settings: PassSettings,
        *,
        title: str,
        doing: str,
        inputs: tuple[str, ...] = (),
    ) -> None:
        """Takes a network and what to ask it.

        Args:
          step: See `steps`.
          network: Whose parameters and statistics the step gets.
          settings: How the machine is used.
          title: What the progress bar calls the pass.
          doing: What messages call it, such as 'scoring'.
          inputs: Entries of batches that the step gets; all by default.
        """
        self._settings, self._title, self._doing = settings, title, doing
        self._inputs, self._crop = inputs, network.crop
        self.weights = placed((network.params, network.batch_stats), settings.mesh)
        # Every process gets all results: they are small, and each may need them.
        self.step = programs.jitted(step, out_shardings=sharding.replicated(settings.mesh))

    def of(self, network: bundle.FaceNetwork) -> "OnePass":
        """Returns the pass of another network of the same definition, compiled already."""
        other = copy.copy(self)
        other._crop = network.crop
        other.weights = placed((network.params, network.batch_stats), self._settings.mesh)
        return other

    def run(
        self,
        source: sources.Source,
        *,
        crop: geometry.CropSettings | None = None,
        scheme: schemes.LandmarkScheme | None = None,
        of_image: bool = False,
        kept: Kept | None = None,
    ) -> Rows:
        """Asks the network of all faces of a source; all processes must call it.

        Args:
          source: The N faces.
          crop: How they are cut out; by default as for the network's training.
          scheme: How they are marked; None where labels are not needed.
          of_image: See `pipelines.evaluation_batches`.
          kept: Where results are kept; None keeps none.

        Returns:
          (N, ...) arrays: the step's results for each face, but `valid`.

        Raises:
          ValueError: The source is empty.
          stopping.Interrupted: A signal asked to stop; what is in the folder stays.
        """
        if not len(source):
            raise ValueError(f"there are no faces for {self._doing}")
        files, chunks = _opened(kept)
        first = sum(_length(chunk) for chunk in chunks)
        if first < len(source):
            if kept is not None:
                where = (kept.folder, self._doing, first, len(source))
                logging.info("%s: %s faces %d to %d", *where)
            rest = sources.SubsetSource(source, range(first, len(source))) if first else source
            batches = self._batches(rest, crop or self._crop, scheme, of_image)
            chunks += self._chunks(batches, first, files)
        return _joined(chunks)

    def _batches(
        self,
        source: sources.Source,
        crop: geometry.CropSettings,
        scheme: schemes.LandmarkScheme | None,
        of_image: bool,
    ) -> pipelines.EvaluationBatches:
        return pipelines.evaluation_batches(
            source,
            crop=crop,
            scheme=scheme,
            batch_size=divisible(self._settings.batch_size, self._settings.mesh),
            of_image=of_image,
            num_threads=self._settings.num_threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )

    def _chunks(
        self,
        batches: pipelines.EvaluationBatches,
        first: int,
        files: chunk_files.ChunkFiles | None,
    ) -> list[Rows]:
        """The results of batches whose first face is the source's number `first`."""
        chunks: list[Rows] = []
        waiting: list[Rows] = []
        with stopping.deferred() as stop:
            for number, batch in enumerate(progress.track(batches, self._title), start=1):
                waiting.append(self._rows(batch))
                stopped = number < len(batches) and stop.asked()
                if len(waiting) == BATCHES_PER_CHUNK or number == len(batches) or stopped:
                    chunks.append(_joined(waiting))
                    waiting.clear()
                    if files is not None:
                        files.append(first, chunks[-1])
                    first += _length(chunks[-1])
                if stopped:
                    raise stopping.Interrupted(self._stopped(stop, first, files is not None))
        return chunks

    def _rows(self, batch: pipelines.Batch) -> Rows:
        """Returns the results of a global batch's faces."""
        chosen = {name: batch[name] for name in self._inputs or batch}
        outputs = self.step(*self.weights, sharding.to_global(chosen, self._settings.mesh))
        rows = {name: np.asarray(value) for name, value in outputs.items()}
        valid = rows.pop("valid")
        return {name: value[valid] for name, value in rows.items()}

    def _stopped(self, stop: stopping.StopSignal, done: int, is_kept: bool) -> str:
        end = "; they are kept. The same command continues."
        return f"stopped by {stop.name} after {self._doing} {done} faces" + (
            end if is_kept else ". The same command continues, with this pass from its start."
        )


def divisible(batch_size: int, mesh: jax.sharding.Mesh) -> int:
    """Returns the batch size, or the next larger one that all devices can share."""
    return -(-batch_size // mesh.size) * mesh.size


def placed(tree: PyTree, mesh: jax.sharding.Mesh) -> PyTree:
    """Returns a tree with every array on the devices of a mesh; those that are there stay."""
    devices = set(mesh.devices.flat)

    def place(array: Any, target: jax.sharding.Sharding) -> jax.Array:
        if isinstance(array, jax.Array) and array.sharding.device_set == devices:
            return array
        return jax.device_put(array, target)

    return jax.tree.map(place, tree, sharding.state_shardings(mesh, tree))


def _opened(kept: Kept | None) -> tuple[chunk_files.ChunkFiles | None, list[Rows]]:
    """The files, in the first process only, and what they hold, in every one."""
    if kept is None:
        return None, []
    files = None
    if jax.process_index() == 0:
        files = chunk_files.ChunkFiles(kept.folder, kept.header)
    return files, _from_first_process([] if files is None else files.read())


def _length(rows: Rows) -> int:
    return len(next(iter(rows.values())))


def _joined(chunks: list[Rows]) -> Rows:
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def _from_first_process(chunks: list[Rows]) -> list[Rows]:
    """What the first process read, in every process."""
    if jax.process_count() == 1:
        return chunks
    rows = _joined(chunks) if chunks else {}
    shapes = {name: (value.shape, str(value.dtype)) for name, value in rows.items()}
    shapes = strict_json.parse_json(sharding.gather_text(json.dumps(shapes))[0], "process 0")
    if not shapes:
        return []
    if jax.process_index() != 0:
        rows = {name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}
    shared = multihost_utils.broadcast_one_to_all(rows)
    return [{name: np.asarray(value) for name, value in shared.items()}]
