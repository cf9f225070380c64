"""Landmark schemes of a user's own, as small JSON files.

    {"name": "five",
     "landmarks": ["left_eye", "right_eye", "nose", "mouth_left", "mouth_right"],
     "flip_pairs": [["left_eye", "right_eye"], ["mouth_left", "mouth_right"]],
     "normalizer": ["left_eye", "right_eye"],
     "strokes": [["mouth_left", "mouth_right"]],
     "first_pixel": 0}

`flip_pairs` are the landmarks that change places in a mirrored photo; `normalizer` are the two
whose distance errors are divided by. Both, and left and right in names, are as one sees the photo:
the left eye is the one nearer to its left edge. `strokes` (lines that draw the face) and
`first_pixel` (what number the first pixel has in the files of landmarks beside it, 0 or 1) may be
left out. `{"name": "ibug68"}` alone is the built-in scheme of that name.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from scaf_jax.files import strict_json
from scaf_jax.landmarks import schemes

MAX_BYTES = 1 << 20
MAX_LANDMARKS = 1000
_FIELDS = ("name", "landmarks", "flip_pairs", "normalizer", "strokes", "first_pixel")
_REQUIRED = ("name", "landmarks", "flip_pairs", "normalizer")
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_BUILT_IN = {scheme.name: scheme for scheme in schemes.SCHEMES}


class SchemeError(ValueError):
    """A scheme cannot be used; the message names the file and the field."""


@dataclasses.dataclass(frozen=True)
class SchemeFile:
    """What a scheme file says.

    Attributes:
      scheme: The scheme.
      first_pixel: Number of the first pixel in the files of landmarks beside it, 0 or 1; None
        where it does not say.
    """

    scheme: schemes.LandmarkScheme
    first_pixel: int | None = None


def read_scheme(path: str | os.PathLike[str]) -> SchemeFile:
    """Reads a scheme file.

    Args:
      path: The file.

    Raises:
      SchemeError: It cannot be read or is no scheme; the message names the field.
    """
    try:
        content = strict_json.read_json(pathlib.Path(path).expanduser(), MAX_BYTES)
    except strict_json.JsonError as error:
        raise SchemeError(str(error)) from error
    return scheme_from_dict(content, str(path))


def scheme_from_dict(content: Any, place: str) -> SchemeFile:
    """Returns the scheme that a file's content, or `scheme_to_dict`, describes.

    Args:
      content: What JSON holds.
      place: What errors call the file.

    Raises:
      SchemeError: It is no scheme; the message names the field.
    """
    if not isinstance(content, Mapping):
        raise SchemeError(f"{place}: a scheme is an object with {', '.join(_REQUIRED)}")
    unknown = [str(field) for field in content if field not in _FIELDS]
    if unknown:
        raise SchemeError(
            f"{place}: unknown field {unknown[0][:40]!r}; known: {', '.join(_FIELDS)}"
        )
    first_pixel = content.get("first_pixel")
    if first_pixel is not None and (isinstance(first_pixel, bool) or first_pixel not in (0, 1)):
        raise SchemeError(f"{place}: first_pixel must be 0 or 1")
    name = _name(content, place)
    if name in _BUILT_IN:
        more = [field for field in content if field not in ("name", "first_pixel")]
        if more:
            raise SchemeError(
                f"{place}: name: '{name}' is a built-in scheme; leave out {', '.join(more)}, or "
                "choose another name"
            )
        return SchemeFile(_BUILT_IN[name], first_pixel)
    return SchemeFile(_own_scheme(name, content, place), first_pixel)


def scheme_to_dict(scheme: schemes.LandmarkScheme) -> dict[str, Any]:
    """Returns what tells a scheme from all others, as JSON has it; see `scheme_from_dict`."""
    if _BUILT_IN.get(scheme.name) == scheme:
        return {"name": scheme.name}
    names = scheme.landmark_names
    pairs = [(i, j) for i, j in enumerate(scheme.flip_permutation) if i < j]
    return {
        "name": scheme.name,
        "landmarks": list(names),
        "flip_pairs": [[names[i], names[j]] for i, j in pairs],
        "normalizer": [names[i] for i in scheme.eye_corners],
        "strokes": [[names[i] for i in stroke] for stroke in scheme.strokes],
    }


def example(names: Sequence[str]) -> dict[str, Any]:
    """Returns a scheme file for landmarks of these names, pairs guessed from 'left' and 'right'.

    Args:
      names: Two or more different ones.
    """
    known = set(names)
    pairs = [[n, _opposite(n)] for n in names if _opposite(n) != n and _opposite(n) in known]
    eyes = [pair for pair in pairs if "eye" in pair[0].lower()]
    return {
        "name": "my_scheme",
        "landmarks": list(names),
        "flip_pairs": pairs,
        "normalizer": [*eyes, *pairs, list(names[:2])][0],
    }


def _opposite(name: str) -> str:
    for left, right in (("left", "right"), ("Left", "Right"), ("LEFT", "RIGHT")):
        if left in name:
            return name.replace(left, right)
    return name


def _name(content: Mapping[str, Any], place: str) -> str:
    name = content.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise SchemeError(
            f"{place}: name must be 1 to 64 letters, digits, '_', '-' or '.', such as 'five_points'"
        )
    missing = [field for field in _REQUIRED if field not in content]
    if missing and name not in _BUILT_IN:
        raise SchemeError(
            f"{place}: {', '.join(missing)} missing (only the built-in schemes "
            f"{', '.join(_BUILT_IN)} are known by name)"
        )
    return name


def _own_scheme(name: str, content: Mapping[str, Any], place: str) -> schemes.LandmarkScheme:
    names = _landmarks(content["landmarks"], place)
    numbers = {landmark: i for i, landmark in enumerate(names)}
    normalizer = _indices(content["normalizer"], numbers, f"{place}: normalizer")
    if len(normalizer) != 2 or normalizer[0] == normalizer[1]:
        raise SchemeError(
            f"{place}: normalizer must be two different landmarks, such as the eyes: errors are "
            "given in percent of their distance"
        )
    return schemes.LandmarkScheme(
        name=name,
        num_landmarks=len(names),
        flip_permutation=_flip_permutation(content["flip_pairs"], numbers, place),
        eye_corners=(normalizer[0], normalizer[1]),
        left_pupil=(),
        right_pupil=(),
        outline=(),
        strokes=tuple(
            _indices(stroke, numbers, f"{place}: strokes[{i}]")
            for i, stroke in enumerate(_list(content.get("strokes", []), f"{place}: strokes"))
        ),
        names=names,
    )


def _landmarks(value: Any, place: str) -> tuple[str, ...]:
    place = f"{place}: landmarks"
    names = _list(value, place)
    if not 2 <= len(names) <= MAX_LANDMARKS:
        raise SchemeError(f"{place}: there are {len(names)}; give 2 to {MAX_LANDMARKS} names")
    for i, name in enumerate(names):
        good = isinstance(name, str) and 0 < len(name) <= 64 and name.isprintable()
        if not good or name != name.strip():
            raise SchemeError(
                f"{place}[{i}]: a name is a text of 1 to 64 letters without blanks around it"
            )
        if names.index(name) < i:
            raise SchemeError(f"{place}[{i}]: '{name}' is there twice; names must differ")
    return tuple(names)


def _flip_permutation(value: Any, numbers: Mapping[str, int], place: str) -> schemes.Indices:
    permutation, paired = list(range(len(numbers))), dict[int, int]()
    names = list(numbers)
    for i, pair in enumerate(_list(value, f"{place}: flip_pairs")):
        where = f"{place}: flip_pairs[{i}]"
        indices = _indices(pair, numbers, where)
        if len(indices) != 2 or indices[0] == indices[1]:
            raise SchemeError(f"{where}: a pair is two different landmarks; leave single ones out")
        for index in indices:
            if index in paired:
                raise SchemeError(
                    f"{where}: '{names[index]}' is in flip_pairs[{paired[index]}] already; a "
                    "landmark has one mirror image"
                )
            paired[index] = i
        left, right = indices
        permutation[left], permutation[right] = right, left
    return tuple(permutation)


def _indices(value: Any, numbers: Mapping[str, int], place: str) -> schemes.Indices:
    names = _list(value, place)
    for name in names:
        if not isinstance(name, str) or name not in numbers:
            known = ", ".join(list(numbers)[:20]) + (", ..." if len(numbers) > 20 else "")
            raise SchemeError(
                f"{place}: {repr(name)[:60]} is no landmark; correct it to one of: {known}"
            )
    return tuple(numbers[name] for name in names)


def _list(value: Any, place: str) -> list[Any]:
    if not isinstance(value, list):
        raise SchemeError(f"{place}: must be a list in square brackets")
    return value
