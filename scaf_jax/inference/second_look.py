"""A second look at faces that a detector found, cut out about the landmarks of the first one.

Landmarks say better than a detector where a face begins and ends.
"""

import collections
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import box_corrections
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors
from scaf_jax.inference import locator

Array = npt.NDArray[Any]

# A box that has less in common with the first one is of lost landmarks.
_SAME = 0.3


def boxes(first: Array, landmarks: Array, about: BoxCorrection) -> npt.NDArray[np.float64]:
    """Returns where to look again.

    Args:
      first: (N, 4) x0, y0, x1, y1, where the network looked.
      landmarks: (N, L, 2), what it found.
      about: From tight boxes about landmarks to boxes like those of the training.

    Returns:
      (N, 4); the first box where landmarks are not about where it is.
    """
    found = np.array(first, np.float64).reshape(-1, 4)
    for i, box in enumerate(about.apply(box_corrections.about_landmarks(landmarks))):
        if np.isfinite(box).all() and detectors.overlap(box, found[i : i + 1])[0] >= _SAME:
            found[i] = box
    return found


def jobs(
    first: Iterable[locator.Job], network: locator.Locator, batch_size: int, about: BoxCorrection
) -> Iterator[locator.Job]:
    """Yields photos in order; those whose boxes were found with boxes about a first look.

    Args:
      first: The photos.
      network: What looks.
      batch_size: Faces that it looks at together.
      about: See `boxes`.
    """
    whole: collections.deque[locator.Job] = collections.deque()

    def searched() -> Iterator[locator.Job]:
        for job in first:
            whole.append(job)
            again = job.found is not None and job.found.cut_again is not None
            yield job if again else locator.Job(job.number, None)

    for _, faces in network.look(searched(), locator.Wanted(batch_size)):
        job = whole.popleft()
        if len(faces) and job.found is not None and job.found.cut_again is not None:
            places = boxes(job.found.boxes, faces.landmarks, about)
            job = locator.Job(job.number, job.found.cut_again(places))
        yield job
