"""Follows faces from frame to frame: the next box is drawn about the landmarks that were found.

Where nothing is followed, from time to time, and where a face is lost, faces are looked for again.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import box_corrections
from scaf_jax.data.box_corrections import BoxCorrection
from scaf_jax.detection import detectors

Array = npt.NDArray[Any]
Pixels = npt.NDArray[np.uint8]

# The maps' mass, compared with its highest so far, below which a face is lost.
_LOST = 0.5
# How much a box may grow or shrink from one frame to the next.
_LARGEST_CHANGE = 1.6
# A face that was found anew is one that is followed already where boxes overlap so much.
_SAME = 0.3
# Of two that are followed, one lies in the other by so much of the smaller one: a single face.
_WITHIN = 0.7
_SMALLEST = 8.0  # pixels; what is smaller is no face any more


@dataclasses.dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Attributes:
      track: Which face of the video it is, from 0.
      box: (4,) x0, y0, x1, y1, where the network looked, pixel edges of the frame.
      landmarks: (L, 2) pixels of the frame, as the network gave them.
      nnm: How unsure the network is; see `found_faces.Faces`.
      confidence: (L,), or None without a calibration.
    """

    track: int
    box: Array
    landmarks: Array
    nnm: float
    confidence: Array | None = None


@dataclasses.dataclass
class _Track:
    """What is followed.

    Attributes:
      number: Which face of the video.
      box: Where the network looks next.
      about: From the tight box about landmarks to boxes like those of the training.
      surest: The highest mass of the maps so far, -NNM.
    """

    number: int
    box: Array
    about: BoxCorrection
    surest: float


class Tracker:
    """The faces of one video."""

    def __init__(
        self,
        find: Callable[[Pixels], Array],
        look: Callable[[Pixels, Array], list[TrackedFace]],
        *,
        about_landmarks: BoxCorrection | None = None,
        find_every: int = 15,
        most_faces: int = 0,
    ) -> None:
        """Takes what looks.

        Args:
          find: (H, W, 3) RGB -> (N, 4) boxes like those of the training.
          look: Pixels and (N, 4) boxes -> N faces, their `track` of no meaning.
          about_landmarks: From tight boxes about landmarks to boxes like those of the training.
            Without, each face keeps how both lay when it was found.
          find_every: After how many frames new faces are looked for; 0: only where none is left.
          most_faces: How many faces are followed at most; 0 for all.
        """
        self._find, self._look, self._about = find, look, about_landmarks
        self._every, self._most = find_every, most_faces
        self._tracks: list[_Track] = []
        self._frames = 0
        self._next = 0

    def step(self, pixels: Pixels) -> list[TrackedFace]:
        """Returns the faces of the next frame, (H, W, 3) uint8 RGB."""
        followed = self._followed(pixels)
        lost = len(followed) < len(self._tracks)
        self._tracks = [track for track, _ in followed]
        seen = [face for _, face in followed]
        due = bool(self._every) and self._frames % self._every == 0
        self._frames += 1
        if lost or due or not seen:
            seen += self._found_anew(pixels, seen)
        return seen

    def replay(self, faces: list[TrackedFace]) -> None:
        """Takes a frame's faces as they were, in place of `step`; in the order of the frames."""
        known = {track.number: track for track in self._tracks}
        self._tracks = [self._track_of(face, known.get(face.track)) for face in faces]
        self._frames += 1
        self._next = max([self._next, *(face.track + 1 for face in faces)])

    def _followed(self, pixels: Pixels) -> list[tuple[_Track, TrackedFace]]:
        """The tracks that are not lost in this frame."""
        if not self._tracks:
            return []
        faces = self._look(pixels, np.stack([track.box for track in self._tracks]))
        kept: list[tuple[_Track, TrackedFace]] = []
        surest_first = sorted(zip(self._tracks, faces, strict=True), key=lambda pair: pair[1].nnm)
        for track, unnumbered in surest_first:
            face = dataclasses.replace(unnumbered, track=track.number)
            new = self._track_of(face, track)
            # Two that have come to the same face are one, such as after a cut.
            repeated = any(_inside(new.box, other.box) > _WITHIN for other, _ in kept)
            if not repeated and self._is_face(face, new, track, pixels):
                kept.append((new, face))
        return sorted(kept, key=lambda pair: pair[0].number)

    def _is_face(self, face: TrackedFace, new: _Track, old: _Track, pixels: Pixels) -> bool:
        size, before = new.box[2:] - new.box[:2], old.box[2:] - old.box[:2]
        change = np.maximum(size / before, before / size).max()
        inside = ((new.box[:2] < pixels.shape[1::-1]) & (new.box[2:] > 0)).all()
        sure = -face.nnm >= _LOST * old.surest
        return bool(inside and sure and change <= _LARGEST_CHANGE and size.min() >= _SMALLEST)

    def _found_anew(self, pixels: Pixels, seen: list[TrackedFace]) -> list[TrackedFace]:
        """Faces that are not followed yet."""
        known = np.array([track.box for track in self._tracks]).reshape(-1, 4)
        boxes = np.asarray(self._find(pixels), np.float64).reshape(-1, 4)
        if len(known):
            free = [detectors.overlap(box, known).max() < _SAME for box in boxes]
            boxes = boxes[np.array(free, bool)]
        if self._most:
            boxes = boxes[: max(0, self._most - len(seen))]
        if not len(boxes):
            return []
        new = []
        for face in self._look(pixels, boxes):
            numbered = dataclasses.replace(face, track=self._next)
            self._next += 1
            new.append(numbered)
            self._tracks.append(self._track_of(numbered, None))
        return new

    def _track_of(self, face: TrackedFace, before: _Track | None) -> _Track:
        """What a face's landmarks say of where it is next."""
        tight = box_corrections.about_landmarks(np.asarray(face.landmarks, np.float64))
        tight[2:] = np.maximum(tight[2:], tight[:2] + 1)  # of a single landmark
        about = self._about or (before.about if before else _between(tight, face.box))
        surest = max(-face.nnm, before.surest if before else -np.inf)
        return _Track(face.track, about.apply(tight), about, surest)


def _inside(box: Array, other: Array) -> float:
    """How much of the smaller of two boxes lies in the larger one, 0 to 1."""
    sides = np.minimum(box[2:], other[2:]) - np.maximum(box[:2], other[:2])
    areas = [float((b[2:] - b[:2]).prod()) for b in (box, other)]
    return float(np.maximum(sides, 0).prod()) / max(min(areas), 1e-9)


def _between(tight: Array, box: Array) -> BoxCorrection:
    """From a tight box to the one that was looked at; none where they have little in common."""
    size, wanted = tight[2:] - tight[:2], box[2:] - box[:2]
    shift = (box[:2] + box[2:] - tight[:2] - tight[2:]) / 2 / size
    try:
        moved, grown = shift.tolist(), (wanted / size).tolist()
        return BoxCorrection(moved[0], moved[1], grown[0], grown[1])
    except ValueError:
        return BoxCorrection()
