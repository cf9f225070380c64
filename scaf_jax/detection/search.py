"""Looks for the faces of many photos, in several processes: detectors use one core each."""

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import pathlib
import signal
from collections.abc import Iterator, Sequence

import cv2

from scaf_jax.data import images
from scaf_jax.detection import detectors

_CHUNK = 256  # so that a long list is not queued whole

Box = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True)
class PhotoFaces:
    """What was found in a photo.

    Attributes:
      name: Its path below the folder.
      boxes: x0, y0, x1, y1 of its faces, pixel edges, the largest first.
      problem: Why the photo cannot be used; empty where it can.
    """

    name: str
    boxes: tuple[Box, ...]
    problem: str = ""


def search(
    folder: pathlib.Path, names: Sequence[str], detector: str, *, workers: int
) -> Iterator[PhotoFaces]:
    """Yields what is found in each photo, in their order.

    Args:
      folder: Where the photos are.
      names: Their paths below it.
      detector: One of `detectors.NAMES`.
      workers: How many processes look; 1 is this one.

    Raises:
      DetectorMissingError: The detector is not installed.
    """
    detectors.load(detector)
    if workers == 1:
        yield from (_look(folder, detector, name) for name in names)
        return
    pool = concurrent.futures.ProcessPoolExecutor(
        workers,
        # Not forked: the parent may run threads that a fork would leave locked.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
    )
    with contextlib.ExitStack() as stack:
        stack.callback(pool.shutdown, cancel_futures=True)
        for start in range(0, len(names), _CHUNK):
            part = names[start : start + _CHUNK]
            looking = [pool.submit(_look, folder, detector, name) for name in part]
            yield from (future.result() for future in looking)


def _begin() -> None:
    """Sets a worker up: the command that it works for is told to stop, and stops it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _look(folder: pathlib.Path, detector: str, name: str) -> PhotoFaces:
    try:
        shown = images.printable_name(name)
        pixels, _ = images.decode_image(images.read_encoded(folder / name), shown)
    except images.ImageError as error:
        return PhotoFaces(name, (), str(error))
    found = detectors.load(detector).detect(pixels).boxes
    boxes = [(float(x0), float(y0), float(x1), float(y1)) for x0, y0, x1, y1 in found]
    return PhotoFaces(name, tuple(sorted(boxes, key=_area, reverse=True)))


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
