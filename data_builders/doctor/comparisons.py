"""What is wrong between faces: photos that occur twice, and points that are not mirror images."""

import collections
import pathlib
from collections.abc import Sequence

import numpy as np

from data_builders import split_names
from data_builders.doctor import placements, shapes
from data_builders.doctor.examination import Observation
from data_builders.doctor.problems import LOOK, Problem
from scaf_jax.landmarks.schemes import LandmarkScheme

_MIN_FACES = 10  # fewer do not tell how faces of the set look
# Of many landmarks, some of a face from the side share a pixel.
_FEW_LANDMARKS = 20
_MOST_OF_A_PHOTO = 100
# Of a face's extent: no two faces' landmarks are so near each other.
_SAME = 0.15
_SOME, _MOST = 0.1, 0.5  # shares of a set's faces
_NOT_MARKED = "mark it, or say that it is not known, if that is where a program puts such points"


def duplicates(observations: Sequence[Observation]) -> list[Problem]:
    """Returns photos of equal content under several names or on both sides of the test."""
    by_content: dict[bytes, list[Observation]] = collections.defaultdict(list)
    for seen in observations:
        if seen.digest:
            by_content[seen.digest].append(seen)
    found = []
    for group in by_content.values():
        by_path: dict[pathlib.Path, Observation] = {}
        for seen in group:
            by_path.setdefault(seen.listed.face.image, seen)
        first, *others = by_path.values()
        for other in others:
            leak = _sides(first) != _sides(other)
            found.append(_duplicate(first, other, leak))
        if len(by_path) == 1 and len({_sides(seen) for seen in group}) > 1:
            other = next(seen for seen in group if _sides(seen) != _sides(first))
            found.append(_duplicate(first, other, True))
    return found


def repeated_keys(observations: Sequence[Observation]) -> list[Problem]:
    """Returns faces of a split that go by the same name."""
    seen_keys: dict[tuple[str, str], str] = {}
    found = []
    for seen in observations:
        face = seen.listed.face
        for split in seen.listed.splits[:1]:
            first = seen_keys.setdefault((split, face.key), face.place)
            if first != face.place:
                what = f"the name {face.key} is already that of {first}"
                found.append(Problem(face.place, (split,), "name twice", LOOK, what, "rename one"))
    return found


def flip_pairs(
    observations: Sequence[Observation], scheme: LandmarkScheme | None, place: str
) -> list[Problem]:
    """Returns what speaks against the scheme's mirror pairs, or against faces' numbering.

    Args:
      observations: The faces.
      scheme: What landmarks mean; without it there is nothing to check.
      place: What the set as a whole is called.
    """
    seen = [face for face in observations if face.values and face.values["landmark_mask"].any()]
    if scheme is None or len(seen) < _MIN_FACES:
        return []
    points = np.stack([face.values["landmarks"] for face in seen])
    masks = np.stack([face.values["landmark_mask"] for face in seen])
    shape = shapes.median_shape(points, masks)
    advice = "compare the numbers in faces.png with the scheme's flip pairs"
    found = [
        Problem(place, (), "flip pair does not pair", LOOK, what, advice)
        for what in _pair_problems(shape, scheme, len(seen))
    ]
    turned = shapes.share_with_eyes_swapped(points, masks, scheme)
    if turned > _SOME:
        what = f"on {100 * turned:.0f} % of the faces the left eye lies right of the right eye"
        advice = "look whether photos were mirrored without renumbering their points"
        if turned > _MOST:
            advice = (
                "left is where a face's eye lies on the photo; swap left and right in the scheme"
            )
        found.append(Problem(place, (), "left and right swapped", LOOK, what, advice))
    below = shapes.share_upside_down(points, masks, scheme)
    if below > _SOME:
        what = f"on {100 * below:.0f} % of the faces the eyes lie below the other landmarks"
        advice = "y counts from the photo's upper edge; look whether photos stand on their heads"
        found.append(Problem(place, (), "upside down", LOOK, what, advice))
    for face, wrong in zip(seen, shapes.numbered_as_mirrored(points, masks, shape), strict=True):
        if wrong:
            listed = face.listed
            what = "the points are numbered as those of a mirrored photo"
            advice = "look whether the photo was mirrored without renumbering its points"
            found.append(
                Problem(listed.face.place, listed.splits, "face mirrored", LOOK, what, advice)
            )
    return found


def placed_by_programs(
    observations: Sequence[Observation], scheme: LandmarkScheme | None
) -> list[Problem]:
    """Returns landmarks that stand where nobody marked them; see `placements`.

    Args:
      observations: The faces.
      scheme: What landmarks mean; without it nobody knows how faces stand.
    """
    seen = [face for face in observations if face.values and face.values["landmark_mask"].any()]
    if len(seen) < 2:
        return []
    points = np.stack([face.values["landmarks"] for face in seen])
    masks = np.stack([face.values["landmark_mask"] for face in seen])
    names = (
        [str(i + 1) for i in range(points.shape[1])] if scheme is None else scheme.landmark_names
    )
    found = []

    def add(face: Observation, kind: str, what: str, advice: str) -> None:
        listed = face.listed
        found.append(Problem(listed.face.place, listed.splits, kind, LOOK, what, advice))

    if points.shape[1] <= _FEW_LANDMARKS and len(seen) >= _MIN_FACES:
        shape = shapes.median_shape(points, masks)
        for number, landmarks in placements.at_one_place(points, masks, shape).items():
            what = f"the landmarks {', '.join(names[i] for i in landmarks)} lie at one place"
            add(seen[number], "landmarks at one place", what, _NOT_MARKED)
    for landmark, members in placements.always_there(points, masks):
        x, y = points[members[0], landmark]
        what = f"landmark {names[landmark]} lies at ({x:g}, {y:g}) on {len(members)} faces"
        for number in members:
            add(seen[number], "landmark always at one place", what, _NOT_MARKED)
    if scheme is not None:
        turns = [face.orientation for face in seen]
        eyes = scheme.eye_corners
        for number in placements.as_stored(points, masks, turns, (eyes[0], eyes[1])):
            what = "its landmarks fit the photo as it is stored, before EXIF turns it"
            advice = "landmarks are those of the photo as people see it; see docs/files.md"
            add(seen[number], "photo turned after marking", what, advice)
    return found


def repeated_faces(observations: Sequence[Observation]) -> list[Problem]:
    """Returns faces of a photo whose landmarks are all but the same as those of another."""
    by_photo: dict[pathlib.Path, list[Observation]] = collections.defaultdict(list)
    for seen in observations:
        if seen.values and seen.values["landmark_mask"].sum() > 1:
            by_photo[seen.listed.face.image].append(seen)
    found = []
    for group in by_photo.values():
        for number, other in enumerate(group[:_MOST_OF_A_PHOTO]):
            alike = next((seen for seen in group[:number] if _is_same(seen, other)), None)
            if alike is not None:
                face = other.listed.face
                what = f"the same face as {alike.listed.face.key}: {alike.listed.face.place}"
                advice = "leave one out, or it counts twice"
                splits = other.listed.splits
                found.append(Problem(face.place, splits, "face twice", LOOK, what, advice))
    return found


def _is_same(one: Observation, other: Observation) -> bool:
    known = one.values["landmark_mask"] & other.values["landmark_mask"]
    if known.sum() < 2:
        return False
    a, b = one.values["landmarks"][known], other.values["landmarks"][known]
    size = max(float(np.ptp(a, axis=0).max()), 1.0)
    return bool(np.linalg.norm(a - b, axis=1).mean() < _SAME * size)


def _pair_problems(shape: np.ndarray, scheme: LandmarkScheme, num_faces: int) -> list[str]:
    if scheme.flip_permutation == tuple(range(scheme.num_landmarks)):
        return []  # a scheme without pairs, which says nothing of mirror images
    found = []
    for first, nearest in shapes.wrong_pairs(shape, scheme.flip_permutation, num_faces):
        second = scheme.flip_permutation[first]
        where = "" if nearest is None else f"; {nearest} lies nearer to where its mirror image is"
        partner = "itself" if first == second else str(second)
        found.append(f"point {first} pairs with {partner}, which is not its mirror image{where}")
    return found


def _sides(seen: Observation) -> bool:
    """Whether a face is for testing."""
    return all(map(split_names.is_held_out, seen.listed.splits))


def _duplicate(first: Observation, other: Observation, leak: bool) -> Problem:
    face, splits = other.listed.face, other.listed.splits
    where = ", ".join(first.listed.splits)
    name = pathlib.Path(*first.listed.face.image.parts[-3:])
    kind = "photo both to train and to test on" if leak else "photo twice"
    what = f"the same photo as {name} of {where}"
    advice = "leave one out before reporting numbers" if leak else "leave one out, or let it be"
    return Problem(str(face.image), splits, kind, LOOK, what, advice)
