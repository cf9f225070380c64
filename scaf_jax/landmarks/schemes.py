"""Marking schemes: what each landmark number means.

A scheme is a frozen record. Everything that depends on the meaning of a landmark (mirroring,
normalizing distances, drawing) reads it from here, so that a new scheme is one new record. Schemes
of a user's own are read from files; see `scheme_files`.

Left and right are those of the photo everywhere: 'left eye' is the one nearer to its left edge.
"""

import dataclasses

Indices = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class LandmarkScheme:
    """One way of marking a face.

    Attributes:
      name: Name of the scheme, as configs and checkpoints spell it.
      num_landmarks: Number of landmarks, L.
      flip_permutation: For each landmark of a mirrored face, the landmark of the original face
        that lies there; its own inverse.
      eye_corners: The two outer eye corners, (on the photo's left, on its right); in a scheme of a
        user's own whichever two landmarks' distance errors are divided by.
      left_pupil: Landmarks whose mean is the center of the eye on the photo's left.
      right_pupil: Same for the eye on the photo's right.
      outline: Landmarks of the face's outline, in drawing order.
      strokes: Polylines that draw the face, each a tuple of landmarks.
      names: What the landmarks are called, all different; empty where they go by their numbers.
    """

    name: str
    num_landmarks: int
    flip_permutation: Indices
    eye_corners: tuple[int, int]
    left_pupil: Indices
    right_pupil: Indices
    outline: Indices
    strokes: tuple[Indices, ...]
    names: tuple[str, ...] = ()

    @property
    def landmark_names(self) -> tuple[str, ...]:
        """What the landmarks are called: `names`, or their 0-based numbers '0', '1', ..."""
        return self.names or tuple(str(i) for i in range(self.num_landmarks))

    def __post_init__(self) -> None:
        flip = self.flip_permutation
        if sorted(flip) != list(range(self.num_landmarks)):
            raise ValueError(
                f"scheme '{self.name}': flip_permutation must hold each of 0.."
                f"{self.num_landmarks - 1} once; it has {len(flip)} entries"
            )
        if any(flip[flip[i]] != i for i in range(self.num_landmarks)):
            raise ValueError(
                f"scheme '{self.name}': flip_permutation must be its own inverse "
                "(if a mirrors to b, b mirrors to a)"
            )
        used = [*self.eye_corners, *self.left_pupil, *self.right_pupil, *self.outline]
        used += [i for stroke in self.strokes for i in stroke]
        outside = sorted({i for i in used if not 0 <= i < self.num_landmarks})
        if outside:
            raise ValueError(
                f"scheme '{self.name}': landmarks {outside} do not exist; it has "
                f"{self.num_landmarks} (0-based)"
            )
        if self.names and len(set(self.names)) != self.num_landmarks:
            raise ValueError(
                f"scheme '{self.name}': names must be {self.num_landmarks} different ones; there "
                f"are {len(set(self.names))}"
            )


def _span(first: int, last: int, *, closed: bool = False) -> Indices:
    indices = tuple(range(first, last + 1))
    return (*indices, first) if closed else indices


def _mirror(num_landmarks: int, pairs: list[tuple[int, int]]) -> Indices:
    permutation = list(range(num_landmarks))
    for left, right in pairs:
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def _facing(first: int, last: int, opposite: int) -> list[tuple[int, int]]:
    """Pairs first..last with opposite, opposite - 1, ..."""
    return [(first + i, opposite - i) for i in range(last - first + 1)]


_PAIRS_68 = [
    *_facing(0, 7, 16),  # outline
    *_facing(17, 21, 26),  # brows
    *_facing(31, 32, 35),  # nostrils
    *_facing(36, 39, 45),  # upper lids, corner to corner
    *_facing(40, 41, 47),  # lower lids
    *_facing(48, 50, 54),  # outer upper lip
    *_facing(55, 56, 59),  # outer lower lip
    *_facing(60, 61, 64),  # inner upper lip
    (65, 67),  # inner lower lip
]

_PAIRS_98 = [
    *_facing(0, 15, 32),  # outline
    *_facing(33, 37, 46),  # upper edges of the brows
    *_facing(38, 41, 50),  # lower edges of the brows
    *_facing(55, 56, 59),  # nostrils
    *_facing(60, 64, 72),  # upper lids
    *_facing(65, 67, 75),  # lower lids
    *_facing(76, 78, 82),  # outer upper lip
    *_facing(83, 84, 87),  # outer lower lip
    *_facing(88, 89, 92),  # inner upper lip
    (93, 95),  # inner lower lip
    (96, 97),  # pupils
]

IBUG68 = LandmarkScheme(
    name="ibug68",
    num_landmarks=68,
    flip_permutation=_mirror(68, _PAIRS_68),
    eye_corners=(36, 45),
    left_pupil=_span(36, 41),
    right_pupil=_span(42, 47),
    outline=_span(0, 16),
    strokes=(
        _span(0, 16),
        _span(17, 21),
        _span(22, 26),
        _span(27, 30),
        _span(31, 35),
        _span(36, 41, closed=True),
        _span(42, 47, closed=True),
        _span(48, 59, closed=True),
        _span(60, 67, closed=True),
    ),
)

WFLW98 = LandmarkScheme(
    name="wflw98",
    num_landmarks=98,
    flip_permutation=_mirror(98, _PAIRS_98),
    eye_corners=(60, 72),
    left_pupil=(96,),
    right_pupil=(97,),
    outline=_span(0, 32),
    strokes=(
        _span(0, 32),
        _span(33, 41, closed=True),
        _span(42, 50, closed=True),
        _span(51, 54),
        _span(55, 59),
        _span(60, 67, closed=True),
        _span(68, 75, closed=True),
        _span(76, 87, closed=True),
        _span(88, 95, closed=True),
        (96,),
        (97,),
    ),
)

SCHEMES = (IBUG68, WFLW98)


def get_scheme(name: str) -> LandmarkScheme:
    """Returns the scheme of that name.

    Args:
      name: `ibug68` or `wflw98`.

    Raises:
      ValueError: No scheme has that name.

    Example:
      >>> get_scheme("ibug68").num_landmarks
      68
    """
    for scheme in SCHEMES:
        if scheme.name == name:
            return scheme
    known = ", ".join(scheme.name for scheme in SCHEMES)
    raise ValueError(f"unknown landmark scheme '{name}'; known: {known}")
