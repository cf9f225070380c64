"""From sources to batches of crops.

A batch is a dict of numpy arrays, B faces with L landmarks in S x S crops:

| field | what |
|---|---|
| image | (B, S, S, 3) uint8 RGB |
| landmarks | (B, L, 2) float32, crop coordinates in the crop's pixel convention |
| landmark_mask | (B, L) bool, False where a landmark is not known (its coordinates are then 0) |
| index | (B,) int32, place in the source, so that `source.keys[index]` names the face |

Batches for evaluation hold besides:

| field | what |
|---|---|
| matrix | (B, 2, 3) float32, photo to crop, for `geometry.to_photo` |
| photo_landmarks | (B, L, 2) float32, pixels of the photo; 0 is the center of the first pixel |
| box_ground_truth | (B, 4) float32, pixel edges of the photo; the true box, whichever is cropped |
| valid | (B,) bool, False for rows that only fill up the batch |
"""

import concurrent.futures
import os
from collections.abc import Iterator
from typing import Any

import grain
import numpy.typing as npt
from absl import flags

from scaf_jax.data import (
    augmentations,
    batch_rows,
    geometry,
    resident_faces,
    samples,
    sources,
)
from scaf_jax.landmarks import schemes

Batch = dict[str, npt.NDArray[Any]]

# A worker process sends whole batches; more than this only costs memory.
_BATCHES_PER_WORKER = 2
# Politeness of the workers (`nice`): compiling, and whoever feeds the device, come first.
_NICENESS = 10


class TrainBatches(Iterator[Batch]):
    """An endless stream of training batches that can be saved and continued.

    Worker processes start with the first batch, which is prepared without them: the step compiles
    while they start.
    """

    def __init__(self, batches: grain.MapDataset, num_workers: int, num_threads: int) -> None:
        """Starts at the first batch.

        Args:
          batches: The endless list of batches.
          num_workers: Processes that prepare batches; 0 prepares them in this one.
          num_threads: Threads in each.
        """
        self._batches = batches
        self._num_workers = num_workers
        self._read_options = grain.ReadOptions(
            num_threads=num_threads, prefetch_buffer_size=2 * num_threads
        )
        self._start(0)

    def __next__(self) -> Batch:
        batch = self._next()
        self._drawn += 1
        return batch

    def get_state(self) -> dict[str, int]:
        """Returns where the stream is, as JSON can hold it.

        The state does not depend on workers, threads or the number of processes: a run may
        continue with others.
        """
        return {"batches_drawn": self._drawn}

    def set_state(self, state: dict[str, int]) -> None:
        """Continues where `get_state` was called.

        Raises:
          ValueError: The state is none of `get_state`.
        """
        drawn = state.get("batches_drawn")
        if not isinstance(drawn, int) or drawn < 0:
            raise ValueError(f"not a state of the data stream: {state}")
        self.close()
        self._start(drawn)

    def close(self) -> None:
        """Ends the worker processes and threads; the stream cannot be read any more."""
        if self._second is not None:
            concurrent.futures.wait([self._second])
            self._second = None
        self._iterator.close()
        self._iterator = iter(())  # what is left in memory shared with the workers goes now

    def _next(self) -> Batch:
        if self._first is not None:
            place, self._first = self._first, None
            starter = concurrent.futures.ThreadPoolExecutor(1)
            self._second = starter.submit(next, self._iterator)
            starter.shutdown(wait=False)
            first: Any = self._batches[place]
            return first
        if self._second is not None:
            second, self._second = self._second, None
            return second.result()
        return next(self._iterator)

    def _start(self, drawn: int) -> None:
        self._drawn = drawn
        # Where there are workers: the place of the batch that is prepared without them, and the
        # one after it, on its way.
        self._first: int | None = None
        self._second: concurrent.futures.Future[Batch] | None = None
        if self._num_workers:
            self._first, drawn = drawn, drawn + 1
        stream = self._batches[drawn:].to_iter_dataset(self._read_options)
        if self._num_workers:
            if not flags.FLAGS.is_parsed():
                # Grain's workers read absl flags, which only absl's app.run parses.
                flags.FLAGS.mark_as_parsed()
            stream = stream.mp_prefetch(
                grain.MultiprocessingOptions(
                    num_workers=self._num_workers, per_worker_buffer_size=_BATCHES_PER_WORKER
                ),
                worker_init_fn=_be_polite,
            )
        self._iterator: Any = iter(stream)


def _be_polite(worker: int, count: int) -> None:
    del worker, count
    if hasattr(os, "nice"):
        os.nice(_NICENESS)


def train_batches(
    source: sources.Source,
    *,
    crop: geometry.CropSettings,
    augmentation: augmentations.AugmentationSettings | None,
    scheme: schemes.LandmarkScheme | None,
    batch_size: int,
    seed: int,
    num_workers: int = 0,
    num_threads: int = 2,
    process_index: int = 0,
    process_count: int = 1,
) -> TrainBatches:
    """Returns the endless, shuffled and augmented batches of one process.

    Every epoch is shuffled anew. What is drawn depends on the seed alone, bit for bit, whatever
    the workers and threads. More processes share each global batch: one has consecutive rows of
    it, as `evaluation_batches`, and reads no others.

    Args:
      source: The faces; a batch may hold more than there are. Of `ResidentFaces` a batch has, in
        place of `image`, their numbers and where the crops lie; see `samples.TrainPlace`.
      crop: How a face is cut out.
      augmentation: How it is changed; None leaves it.
      scheme: How it is marked; None leaves landmarks out (L = 0).
      batch_size: Faces in the global batch, a multiple of `process_count`.
      seed: Seed of order and augmentation.
      num_workers: Processes that prepare batches; 0 prepares them in this one.
      num_threads: Threads in each; 0 prepares a batch when it is asked for.
      process_index: Which process of the training this is.
      process_count: How many there are.

    Raises:
      ValueError: The source is empty, or the batch cannot be divided.
    """
    local_size = batch_rows.local_batch_size(batch_size, process_index, process_count)
    row = samples.TrainCrop(crop, augmentation, scheme)
    if isinstance(source, resident_faces.ResidentFaces):
        row = samples.TrainPlace(row)
    if len(source) == 0:
        raise ValueError("there are no faces to train on")
    if num_threads < 0 or num_workers < 0:
        raise ValueError("num_threads and num_workers must be at least 0")
    faces = (
        grain.MapDataset.source(batch_rows.Epochs(source, seed))
        .seed(seed)
        # Mapped before it is sliced, so that a face's randomness does not depend on the process.
        .random_map(row)
    )
    if process_count > 1:
        rows = batch_rows.Rows(batch_size, local_size, process_index)
        faces = grain.MapDataset.source(batch_rows.Sliced(faces, rows))
    batches = faces.batch(local_size)
    return TrainBatches(batches, num_workers, num_threads)


class EvaluationBatches:
    """The batches of one pass over a source, in order; may be iterated again."""

    def __init__(self, batches: grain.MapDataset, num_threads: int) -> None:
        """Takes the list of batches and the number of threads that prepare them."""
        self._batches = batches
        self._read_options = grain.ReadOptions(
            num_threads=num_threads, prefetch_buffer_size=2 * num_threads
        )

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self._batches.to_iter_dataset(self._read_options))


def evaluation_batches(
    source: sources.Source,
    *,
    crop: geometry.CropSettings,
    scheme: schemes.LandmarkScheme | None,
    batch_size: int,
    of_image: bool = False,
    num_threads: int = 2,
    process_index: int = 0,
    process_count: int = 1,
) -> EvaluationBatches:
    """Returns one process's batches of all faces, in order and unchanged.

    Every process gets equally many; rows without a face are black and not `valid`.

    Args:
      source: The faces.
      crop: How a face is cut out.
      scheme: How it is marked; None leaves landmarks out (L = 0).
      batch_size: Faces in the global batch, a multiple of `process_count`. A process holds
        consecutive rows of it.
      of_image: Whether `matrix`, `photo_landmarks` and the box belong to the records' images, and
        not to the photos, where a set holds only the parts of photos that show the faces.
      num_threads: Threads that prepare batches.
      process_index: Which process this is.
      process_count: How many there are.

    Raises:
      ValueError: The batch cannot be divided.
    """
    local_size = batch_rows.local_batch_size(batch_size, process_index, process_count)
    num_landmarks = scheme.num_landmarks if scheme else 0
    padded = batch_rows.Padded(source, batch_rows.Rows(batch_size, local_size, process_index))
    faces = grain.MapDataset.source(padded).map(
        samples.EvaluationCrop(crop, num_landmarks, of_image)
    )
    return EvaluationBatches(faces.batch(local_size), num_threads)
