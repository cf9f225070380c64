"""The scoring pass: what a network says of every face of a pool, for the choice among them.

Crop, network, landmarks, scores and embedding are one jitted step, sharded over the devices;
heatmaps never leave them. The pass may be interrupted at any time and continues where it was.
"""

import dataclasses
import functools
import json
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging
from flax import nnx
from jax import lax
from jax.experimental import multihost_utils

from scaf_jax.active_learning import score_files
from scaf_jax.choosing import acquisition
from scaf_jax.data import geometry, pipelines, sources
from scaf_jax.landmarks import heatmaps
from scaf_jax.models import aligner
from scaf_jax.runs import identity, settings
from scaf_jax.training import loop, preprocessing, progress, sharding, state

ConfigDict = ml_collections.ConfigDict
Array = np.ndarray
PyTree = Any
GraphDef = nnx.GraphDef[aligner.Aligner]
Rows = score_files.Rows

# A chunk of results is written to disk after so many batches.
_BATCHES_PER_CHUNK = 25


@dataclasses.dataclass(frozen=True)
class PoolScores:
    """What the network says of a pool's N faces, in the pool's order.

    Attributes:
      keys: The faces' keys.
      landmarks: (N, L, 2) float64, photo pixels; 0 is the centre of the first pixel.
      nnm: (N,) float32, higher = less sure.
      entropy: (N,) float32, higher = less sure; None if it was not asked for.
      embeddings: (N, 99) float32.
    """

    keys: list[str]
    landmarks: Array
    nnm: Array
    entropy: Array | None
    embeddings: Array

    def uncertainty(self, name: str) -> Array | None:
        """Returns the score of this name (`acquisition.UNCERTAINTIES`), or None for ''."""
        return {"": None, acquisition.NNM: self.nnm, acquisition.ENTROPY: self.entropy}[name]


class PoolScorer:
    """The jitted, sharded scoring step of one trained network."""

    def __init__(
        self,
        config: ConfigDict,
        graphdef: GraphDef,
        train_state: state.TrainState,
        *,
        with_entropy: bool = False,
    ) -> None:
        """Takes a config and a network of it.

        Args:
          config: The run's config.
          graphdef: The network's definition.
          train_state: Its state.
          with_entropy: Whether to compute the entropy as well, which costs more than NNM.
        """
        self._config = config
        self._weights = (train_state.params, train_state.batch_stats)
        self._with_entropy = with_entropy
        self.mesh = sharding.make_mesh(config.mesh.data, config.mesh.fsdp)
        step = functools.partial(
            _score_step,
            graphdef=graphdef,
            codec=settings.codec(config),
            decoder=config.evaluation.decoder,
            mesh=self.mesh,
            with_entropy=with_entropy,
        )
        # Every process gets all results: they are small, and each may need them.
        self._step = jax.jit(step, out_shardings=sharding.replicated(self.mesh))
        self._header: dict[str, str] | None = None

    def score(self, source: sources.Source, folder: pathlib.Path) -> PoolScores:
        """Scores all faces of a source; all processes must call it.

        Args:
          source: The faces; labels are not looked at.
          folder: Keeps what is scored; the same faces are not scored twice by the same network.

        Raises:
          ValueError: The source is empty.
          loop.Interrupted: A signal asked to stop; what is scored is kept.
        """
        keys = source.keys
        if not keys:
            raise ValueError("there are no faces to score")
        store = None
        if jax.process_index() == 0:
            store = score_files.ScoreFiles(
                folder, self._identity() | {"faces": identity.digest(keys)}
            )
        else:
            self._identity()  # a computation on all devices
        chunks = _from_first_process([] if store is None else store.read())
        done = sum(len(chunk["nnm"]) for chunk in chunks)
        if done < len(keys):
            logging.info("%s: scoring faces %d to %d", folder, done, len(keys))
            rest = sources.SubsetSource(source, range(done, len(keys)))
            chunks += self._score_rest(rest, done, store)
        rows = {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}
        landmarks = geometry.to_photo(
            rows["landmarks"], rows["matrix"], self._config.data.pixel_convention
        )
        return PoolScores(
            list(keys), landmarks, rows["nnm"], rows.get("entropy"), rows["embeddings"]
        )

    def _score_rest(
        self, source: sources.Source, first: int, store: score_files.ScoreFiles | None
    ) -> list[Rows]:
        """Scores a source whose first face is the pool's face number `first`."""
        batches = pipelines.evaluation_batches(
            source,
            crop=settings.crop(self._config),
            scheme=None,
            batch_size=-(-self._config.evaluation.batch_size // self.mesh.size) * self.mesh.size,
            of_image=True,  # what annotators see
            num_threads=self._config.loader.num_threads,
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        chunks: list[Rows] = []
        waiting: list[Rows] = []

        def flush() -> None:
            nonlocal first
            chunk = {name: np.concatenate([r[name] for r in waiting]) for name in waiting[0]}
            if store is not None:
                store.append(first, chunk)
            chunks.append(chunk)
            first += len(chunk["nnm"])
            waiting.clear()

        with loop.StopSignal().listening() as stop:
            for number, batch in enumerate(progress.track(batches, "score pool"), start=1):
                waiting.append(self._score_batch(batch))
                stopped = number < len(batches) and _asked_to_stop(stop, number)
                if len(waiting) == _BATCHES_PER_CHUNK or number == len(batches) or stopped:
                    flush()
                if stopped:
                    raise loop.Interrupted(
                        f"stopped by {stop.received or 'preemption'} after scoring {first} faces; "
                        "they are kept. The same command continues."
                    )
        return chunks

    def _score_batch(self, batch: pipelines.Batch) -> Rows:
        """Returns the rows of a global batch's real faces."""
        arrays = {name: batch[name] for name in ("image", "matrix", "valid")}
        outputs = self._step(self._weights, sharding.to_global(arrays, self.mesh))
        rows = {name: np.asarray(value) for name, value in outputs.items()}
        valid = rows.pop("valid")
        return {name: value[valid] for name, value in rows.items()}

    def _identity(self) -> dict[str, str]:
        """What the scores depend on, but for the faces."""
        if self._header is None:
            config = self._config
            chosen = {
                "input_size": config.input_size,
                "width_multiplier": config.width_multiplier,
                "compute_dtype": config.compute_dtype,
                "decoder": config.evaluation.decoder,
                "skips": config.alignment.skips,
                "crop": settings.crop(config).to_dict(),
                "codec": dataclasses.asdict(settings.codec(config)),
            }
            if config.data.pixel_convention == "corners":
                # Earlier scores of stored parts of photos were up to half a pixel off.
                chosen["half_pixels_of"] = "photo"
            self._header = {
                "settings": identity.digest(chosen),
                "weights": identity.digest(
                    [int(x) for x in jax.tree.leaves(_checksums(self._weights))]
                ),
                "entropy": str(self._with_entropy),
            }
        return self._header


def _score_step(
    weights: tuple[PyTree, PyTree],
    batch: dict[str, jax.Array],
    *,
    graphdef: GraphDef,
    codec: heatmaps.HeatmapCodec,
    decoder: str,
    mesh: jax.sharding.Mesh,
    with_entropy: bool,
) -> dict[str, jax.Array]:
    """Returns landmarks (B, L, 2) in crop pixels, scores (B,) and embeddings (B, 99)."""
    model = state.merge(graphdef, *weights)
    maps, embeddings = model(preprocessing.normalize(batch["image"]), train=False)

    def scores(maps: jax.Array, valid: jax.Array) -> dict[str, jax.Array]:
        maps = maps.astype(jnp.promote_types(maps.dtype, jnp.float32))
        peaks, nnm = acquisition.landmarks_and_nnm(
            maps,
            codec.blur_size,
            valid=valid,
            reach=codec.reach if decoder == "subpixel" else None,
        )
        outputs = {"landmarks": codec.to_crop(peaks.astype(maps.dtype)), "nnm": nnm}
        if with_entropy:
            outputs["entropy"] = acquisition.entropy(maps, valid=valid)
        return outputs

    # Each device looks at its own maps: the compiler must not gather them for a loop over images.
    spec = sharding.batch_sharding(mesh).spec
    by_device = jax.shard_map(scores, mesh=mesh, in_specs=(spec, spec), out_specs=spec)
    passed_on = {name: batch[name] for name in ("matrix", "valid")}
    return by_device(maps, batch["valid"]) | {
        "embeddings": embeddings.astype(jnp.float32),
        **passed_on,
    }


@jax.jit
def _checksums(tree: PyTree) -> PyTree:
    """A number for each array that depends on its every bit and its order, but not on sharding."""

    def of_array(x: jax.Array) -> jax.Array:
        bits = lax.bitcast_convert_type(x.astype(jnp.float32), jnp.uint32).reshape(-1)
        # Sums of integers wrap around, so that their order does not matter.
        return (bits * (2 * jnp.arange(bits.size, dtype=jnp.uint32) + 1)).sum(dtype=jnp.uint32)

    return jax.tree.map(of_array, tree)


def _asked_to_stop(stop: loop.StopSignal, number: int) -> bool:
    """Whether this process (or, with several, any of them) was told to stop; all must call it."""
    if jax.process_count() == 1:
        return stop.received is not None
    return multihost_utils.reached_preemption_sync_point(number)


def _from_first_process(chunks: list[Rows]) -> list[Rows]:
    """What the first process read, in every process."""
    if jax.process_count() == 1:
        return chunks
    rows = {name: np.concatenate([c[name] for c in chunks]) for name in chunks[0]} if chunks else {}
    shapes = {name: (value.shape, str(value.dtype)) for name, value in rows.items()}
    shapes = json.loads(sharding.gather_text(json.dumps(shapes))[0])
    if not shapes:
        return []
    if jax.process_index() != 0:
        rows = {name: np.zeros(shape, dtype) for name, (shape, dtype) in shapes.items()}
    shared = multihost_utils.broadcast_one_to_all(rows)
    return [{name: np.asarray(value) for name, value in shared.items()}]
