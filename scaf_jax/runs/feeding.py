"""How a training's faces come to the devices: from the loader, or from their own memory."""

import dataclasses
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from absl import logging

from scaf_jax.data import hosts, pipelines, resident_faces, sources, warping
from scaf_jax.landmarks import schemes
from scaf_jax.runs.run import ALWAYS, AUTO, NEVER, Loader, Run, Stage
from scaf_jax.training import device_crops, loop, sharding

# Of a device's memory: networks, activations and optimizers need the rest.
_SHARE_OF_MEMORY = 0.25
_ADVICE = (
    "What helps: loader.on_device=always where the faces fit, more cores and loader.num_workers, "
    "photos that are cut out once (data sets of the builder config cropped_256), "
    "augmentation.interpolation=bilinear"
)


class _CannotError(ValueError):
    """The devices cannot do what the config asks for."""


@dataclasses.dataclass(frozen=True)
class Feed:
    """Where a training gets its batches.

    Attributes:
      batches: This process's part of them.
      complete: Makes of a global batch what the training step takes.
      advice: What helps where they are the brake.
    """

    batches: pipelines.TrainBatches
    complete: Callable[[loop.Batch], loop.Batch] | None
    advice: str

    def bind(self, step: loop.StepFunction) -> loop.StepFunction:
        """Returns the step, with what completes the batches before it."""
        complete = self.complete
        if complete is None:
            return step
        return lambda number, train_state, batch: step(number, train_state, complete(batch))


def open_feed(
    run: Run, stage: Stage, faces: sources.Source, scheme: schemes.LandmarkScheme | None
) -> Feed:
    """Opens a training's batches; all processes of a multi-host run must call it.

    Args:
      run: The run.
      stage: The stage that is trained.
      faces: What it is trained on.
      scheme: What their landmarks mean; None for faces without.

    Raises:
      ValueError: The config wants the faces on the devices, and they cannot be there.
    """
    workers, threads = loader_size(run.loader)
    resident, change = _resident(run, stage, faces), stage.augmentation
    complete = None
    if resident is not None:
        complete = device_crops.DeviceCrops(
            resident.pixels,
            resident.starts,
            resident.sizes,
            mesh=run.mesh,
            size=run.crop.input_size,
            cubic=change.interpolation == warping.BICUBIC,
            mirrored=change.border == warping.MIRRORED,
        )
        # The host only draws numbers; the pixels are on the devices.
        faces = dataclasses.replace(resident, pixels=np.zeros((0, 4), np.uint8))
        workers, threads = 0, min(threads, 1)
    else:
        logging.info("the loader: %d processes, %d threads in each", workers or 1, threads)
    batches = pipelines.train_batches(
        faces,
        crop=run.crop,
        augmentation=change,
        scheme=scheme,
        batch_size=stage.batch_size,
        seed=run.seed,
        num_workers=workers,
        num_threads=threads,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
    )
    return Feed(batches, complete, "" if complete else _ADVICE)


def loader_size(loader: Loader) -> tuple[int, int]:
    """Returns how many processes prepare faces (0: this one), and how many threads in each.

    All processes of a multi-host run must call it.
    """
    if loader.num_workers >= 0:
        return loader.num_workers, loader.num_threads
    workers = hosts.default_workers(
        accelerators=len(_accelerators()),
        cores=hosts.usable_cores(),
        trainings=sharding.processes_on_this_host(),
    )
    return workers, min(loader.num_threads, 1) if workers else loader.num_threads


def _resident(run: Run, stage: Stage, faces: sources.Source) -> resident_faces.ResidentFaces | None:
    """The faces for the devices, or None where the loader feeds them."""
    choice = run.loader.on_device
    if choice == NEVER or (choice == AUTO and not _accelerators()):
        return None
    change, room = stage.augmentation, _room()
    cutter = resident_faces.Cutter(run.crop, change)
    try:
        if change.occlusion_probability:
            raise _CannotError("shapes that hide faces (occlusion_probability) need the loader")
        needed = resident_faces.estimated_bytes(faces, cutter)
        if needed > room:
            raise resident_faces.TooLargeError(
                f"the {len(faces)} faces need about {needed / 2**30:.2f} GiB, and there is room "
                f"for {room / 2**30:.2f} GiB"
            )
        start = time.monotonic()
        found = resident_faces.load(faces, cutter, most_bytes=room, threads=hosts.usable_cores())
    except (resident_faces.TooLargeError, _CannotError) as error:
        if choice == ALWAYS:
            raise ValueError(f"loader.on_device={ALWAYS}: {error}; set it to {NEVER}") from error
        logging.info("the loader feeds this training: %s", error)
        return None
    logging.info(
        "the devices hold %d faces, %.2f GiB, after %.1f s",
        len(found),
        found.pixels.nbytes / 2**30,
        time.monotonic() - start,
    )
    return found


def _room() -> float:
    """Bytes that faces may take of each device, or of this machine's memory where it computes."""
    sizes = [(device.memory_stats() or {}).get("bytes_limit", 0) for device in _accelerators()]
    if not sizes or not min(sizes):
        sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    return _SHARE_OF_MEMORY * min(sizes)


def _accelerators() -> list[Any]:
    return [device for device in jax.local_devices() if device.platform != "cpu"]
