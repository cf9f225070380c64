"""Looks at every face of a set once, and says what is wrong with it by itself."""

import concurrent.futures
import dataclasses
import hashlib
import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tqdm

from data_builders import face_reading, faces
from data_builders.doctor import problems
from scaf_jax.data import images

# Less of the landmarks inside a box than this, by area of their extent, and it misses the face.
MIN_COVERED = 0.5
# Points that are this far outside the photo are more than rounding, pixels.
_BEYOND = 1.0
_KEPT = ("landmarks", "landmark_mask", "box_ground_truth", "box_detector")
_CHUNK = 1000  # so that a long list is not queued whole


@dataclasses.dataclass(frozen=True)
class Listed:
    """A face and the splits that it is in."""

    face: faces.Face
    splits: tuple[str, ...]

    @property
    def identity(self) -> tuple[str, str, str]:
        """What faces have in common that are one face of several splits."""
        return (str(self.face.image), self.face.key, self.face.place)


@dataclasses.dataclass(frozen=True)
class Observation:
    """What was seen of a face.

    Attributes:
      listed: The face.
      problems: What is wrong with it.
      digest: Of its photo's bytes; empty where it could not be read.
      values: Landmarks, their mask and boxes as `face_reading.read_face` gave them; empty where it
        raised.
      orientation: How EXIF turns its photo, 1 (not at all) to 8.
      size: (width, height) of its photo as people see it; (0, 0) where it could not be read.
    """

    listed: Listed
    problems: tuple[problems.Problem, ...]
    digest: bytes = b""
    values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    orientation: int = 1
    size: tuple[int, int] = (0, 0)

    @property
    def usable(self) -> bool:
        """Whether it can be prepared."""
        return all(problem.severity != problems.BAD for problem in self.problems)


def list_faces(
    splits: Mapping[str, Sequence[faces.Face]], limit: int | None = None, seed: int = 0
) -> list[Listed]:
    """Returns each face once, however many splits it is in.

    Args:
      splits: The faces of each split.
      limit: How many to draw; None takes all.
      seed: Of the draw.
    """
    found: dict[tuple[str, str, str], tuple[faces.Face, list[str]]] = {}
    for split, members in splits.items():
        for face in members:
            identity = Listed(face, ()).identity
            found.setdefault(identity, (face, []))[1].append(split)
    # A face that a split names twice is no face of two splits.
    listed = [Listed(face, tuple(dict.fromkeys(names))) for face, names in found.values()]
    if limit is not None and limit < len(listed):
        places = sorted(random.Random(seed).sample(range(len(listed)), limit))
        listed = [listed[place] for place in places]
    return listed


def examine(listed: Sequence[Listed], num_landmarks: int) -> list[Observation]:
    """Reads and checks faces, with a progress bar where the output is a terminal.

    Args:
      listed: The faces.
      num_landmarks: Landmarks of a face.
    """
    # Threads do: decoding, which takes the time, lets others run.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        bar = tqdm.tqdm(_in_chunks(pool, listed, num_landmarks), total=len(listed), disable=None)
        return list(bar)


def _in_chunks(
    pool: concurrent.futures.Executor, listed: Sequence[Listed], num_landmarks: int
) -> Iterator[Observation]:
    for start in range(0, len(listed), _CHUNK):
        part = listed[start : start + _CHUNK]
        yield from pool.map(look_at, part, [num_landmarks] * len(part))


def look_at(listed: Listed, num_landmarks: int) -> Observation:
    """Reads and checks one face.

    Args:
      listed: The face.
      num_landmarks: How many landmarks it must have.
    """
    try:
        values = face_reading.read_face(listed.face, num_landmarks)
    except faces.FACE_ERRORS as error:
        return of_error(listed, error)
    return of_values(listed, values)


def of_error(listed: Listed, error: ValueError) -> Observation:
    """Returns what is seen of a face that cannot be used, for one of `faces.FACE_ERRORS`."""
    problem = problems.of_error(error, listed.face.place, listed.splits)
    return Observation(_light(listed), (problem,))


def of_values(listed: Listed, values: Mapping[str, Any]) -> Observation:
    """Returns what is seen of a face that `face_reading.read_face` has read.

    Args:
      listed: The face.
      values: What that gave.
    """
    face, encoded = listed.face, values["image"]
    size = np.array(images.image_size(encoded, str(face.image)))
    points = values["landmarks"][values["landmark_mask"]]
    found = [] if not len(points) else _point_problems(points, size) + _box_problems(values, points)
    return Observation(
        _light(listed),
        tuple(
            problems.Problem(face.place, listed.splits, kind, problems.LOOK, what, advice)
            for kind, what, advice in found
        ),
        hashlib.blake2b(encoded, digest_size=16).digest(),
        {name: value for name, value in values.items() if name in _KEPT},
        images.orientation(encoded, str(face.image)),
        (int(size[0]), int(size[1])),
    )


def merge(observations: Iterable[Observation]) -> list[Observation]:
    """Returns each face once that was seen in several splits, in all of these."""
    found: dict[tuple[str, str, str], Observation] = {}
    for seen in observations:
        first = found.setdefault(seen.listed.identity, seen)
        splits = tuple(dict.fromkeys((*first.listed.splits, *seen.listed.splits)))
        if splits != first.listed.splits:
            found[seen.listed.identity] = dataclasses.replace(
                first,
                listed=dataclasses.replace(first.listed, splits=splits),
                problems=tuple(dataclasses.replace(p, splits=splits) for p in first.problems),
            )
    return list(found.values())


def _light(listed: Listed) -> Listed:
    """The face without what reads it: a long list of them must not hold all its annotations."""
    return dataclasses.replace(
        listed, face=dataclasses.replace(listed.face, annotate=_was_read, extra={})
    )


def _was_read() -> faces.Annotation:
    raise RuntimeError("a face that was looked at is not read again")


def _point_problems(
    points: npt.NDArray[np.float32], size: npt.NDArray[Any]
) -> list[tuple[str, str, str]]:
    # A pixel's center is a whole number, so the photo's edges are at -0.5 and size - 0.5.
    beyond = np.maximum(-0.5 - points, points - (size - 0.5)).max(axis=1)
    outside = int((beyond > _BEYOND).sum())
    if not outside:
        return []
    what = f"{outside} of {len(points)} points lie outside the photo, up to {beyond.max():.0f} px"
    return [("points outside the photo", what, "look whether photo and points belong together")]


def _box_problems(
    values: Mapping[str, Any], points: npt.NDArray[np.float32]
) -> list[tuple[str, str, str]]:
    found = []
    for name, words in (("box_ground_truth", "box"), ("box_detector", "detector box")):
        inside = covered(values[name], faces.extent(points) + np.float32(0.5))
        if inside < MIN_COVERED:
            what = f"the {words} holds {100 * inside:.0f} % of the landmarks' extent"
            advice = "look at it; remove the box to have one drawn around the landmarks"
            found.append((f"{words} misses the face", what, advice))
    return found


def covered(box: faces.Box, extent: faces.Box) -> float:
    """Returns which part of an extent is inside a box, by area; a flat one counts as 1 px high.

    Args:
      box: (4,) x0, y0, x1, y1.
      extent: Same.
    """
    start, stop = extent[:2] - 0.5, np.maximum(extent[2:] + 0.5, extent[:2] + 0.5)
    overlap = np.minimum(box[2:], stop) - np.maximum(box[:2], start)
    return float(np.prod(np.maximum(overlap, 0)) / np.prod(stop - start))
