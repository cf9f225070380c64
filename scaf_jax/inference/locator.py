"""A landmark network at work on crops: full batches in, the faces of photo after photo out."""

import dataclasses
import functools
from collections.abc import Iterable, Iterator

import jax
import numpy as np
import numpy.typing as npt

from scaf_jax.data import geometry
from scaf_jax.inference import bundle, face_batches, one_pass, photo_faces, steps
from scaf_jax.inference.found_faces import Faces
from scaf_jax.training import sharding

_LARGEST_BATCH = 10_000


@dataclasses.dataclass(frozen=True)
class Job:
    """A photo that waits to be looked at.

    Attributes:
      number: Its place among those that were given.
      found: Its faces; None where it cannot be used.
      error: Why it cannot be used.
    """

    number: int
    found: photo_faces.PhotoFaces | None
    error: ValueError | None = None

    @property
    def crops(self) -> npt.NDArray[np.uint8]:
        """(N, S, S, 3) uint8 RGB, none of a photo that cannot be used."""
        return (self.found or photo_faces.NONE).crops


NOTHING = Job(0, None)


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How a network is asked, and for what beside landmarks.

    Attributes:
      batch_size: Faces that it looks at together, 1 to 10,000; raised to a multiple of the devices.
      heatmaps: Whether to return heatmaps.
      reconstructions: Whether to return reconstructions.

    Raises:
      ValueError: The batch size is no whole number of 1 to 10,000.
    """

    batch_size: int
    heatmaps: bool = False
    reconstructions: bool = False

    def __post_init__(self) -> None:
        size = self.batch_size
        if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _LARGEST_BATCH:
            raise ValueError(
                f"batch_size must be a whole number from 1 to {_LARGEST_BATCH}, not {size!r}"
            )


class Locator:
    """The jitted step of one network, on the devices of this process."""

    def __init__(self, network: bundle.Bundle, *, flip: bool) -> None:
        """Takes a network.

        Args:
          network: The network.
          flip: Whether heatmaps are averaged with those of the mirrored crop.
        """
        self._network = network
        self._mesh = sharding.make_mesh(devices=jax.local_devices())
        self._weights = one_pass.placed((network.params, network.batch_stats), self._mesh)
        step = functools.partial(
            steps.locate,
            graphdef=network.graphdef,
            codec=network.codec,
            decoder=network.decoder,
            flip_permutation=network.scheme.flip_permutation if flip else (),
        )
        self._step = jax.jit(
            step,
            static_argnames=("with_heatmaps", "with_reconstructions"),
            out_shardings=sharding.replicated(self._mesh),
        )

    def look(self, jobs: Iterable[Job], wanted: Wanted) -> Iterator[tuple[Job, Faces]]:
        """Yields the photos in order, with their faces, as soon as these were looked at.

        Args:
          jobs: The photos; one that cannot be used comes back without faces.
          wanted: How and for what the network is asked.
        """
        for job, rows in self._asked(jobs, wanted):
            yield job, self._faces(job, rows, wanted)

    def _asked(
        self, jobs: Iterable[Job], wanted: Wanted
    ) -> Iterator[tuple[Job, list[face_batches.Rows]]]:
        ask = functools.partial(self._ask, wanted)
        return face_batches.asked(jobs, ask, self._size(wanted.batch_size))

    def _size(self, batch_size: int) -> int:
        """How many faces are looked at together."""
        return one_pass.divisible(batch_size, self._mesh)

    def _ask(self, wanted: Wanted, crops: npt.NDArray[np.uint8]) -> face_batches.Rows:
        """What the network makes of a batch."""
        results = self._step(
            *self._weights,
            jax.device_put(crops, sharding.batch_sharding(self._mesh)),
            with_heatmaps=wanted.heatmaps,
            with_reconstructions=wanted.reconstructions,
        )
        return {name: np.asarray(value) for name, value in results.items()}

    def _faces(self, job: Job, rows: list[face_batches.Rows], wanted: Wanted) -> Faces:
        found = job.found or photo_faces.NONE
        columns = {
            name: np.stack([row[name] for row in rows]) if rows else empty
            for name, empty in self._empty(wanted).items()
        }
        points, convention = columns.pop("landmarks"), self._network.crop.pixel_convention
        heights, calibration = columns.pop("heights"), self._network.fitted.confidence
        return Faces(
            landmarks=geometry.to_photo(points, found.matrices, convention),
            boxes=found.boxes,
            photo=np.full(len(rows), job.number, np.int64),
            confidence=None if calibration is None else calibration(heights),
            **columns,
        )

    def _empty(self, wanted: Wanted) -> face_batches.Rows:
        """The results of no faces."""
        shape = self._network.architecture
        landmarks, maps = shape.num_landmarks, shape.heatmap_size
        columns = {
            "landmarks": np.zeros((0, landmarks, 2)),
            "heights": np.zeros((0, landmarks), np.float32),
            "nnm": np.zeros(0, np.float32),
        }
        if wanted.heatmaps:
            columns["heatmaps"] = np.zeros((0, maps, maps, landmarks), np.float32)
        if wanted.reconstructions:
            size = shape.input_size
            columns["reconstructions"] = np.zeros((0, size, size, 3), np.uint8)
        return columns
