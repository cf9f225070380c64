"""Weights files: safetensors with a header of ours, written whole and read strictly.

An array goes by its path in our own trees, such as 'params/encoder/stem/kernel'. Parameters are
float16 where that keeps them as exact as their largest value (see `stored`), else float32; running
statistics, and all arrays of a landmark network, are float32. Nothing is unpickled.
"""

import contextlib
import hashlib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from scaf_jax.files import atomic
from scaf_jax.weights import header, networks
from scaf_jax.weights.header import WeightsError

Array = NDArray[Any]

_LISTED_PROBLEMS = 8
_HALF_STEP = 2.0**-11  # float16's rounding of a value, at most, relative to it
_DTYPES = {"F16": "float16", "F32": "float32"}


class Weights(NamedTuple):
    """A weights file's content.

    Attributes:
      about: What the file says of itself.
      arrays: float32 by path, exactly those of its networks.
    """

    about: header.Header
    arrays: dict[str, Array]


def write(
    path: pathlib.Path,
    about: header.Header,
    arrays: Mapping[str, Array],
    *,
    overwrite: bool = False,
) -> None:
    """Writes a weights file, whole or not at all; the same content gives the same bytes.

    Args:
      path: Where; its folder must exist.
      about: What the file says of itself.
      arrays: float32 by path, exactly those of its networks.
      overwrite: Whether a file that is there is replaced.

    Raises:
      WeightsError: There is a file already, or the arrays are not those of the networks or not
        finite; the message names them with both shapes.
      OSError: The file cannot be written.
    """
    if path.exists() and not overwrite:
        raise WeightsError(f"{path} is there already: choose another name, or give --overwrite")
    _refuse(path, _shape_problems(about, {name: array.shape for name, array in arrays.items()}))
    _refuse(path, _value_problems(arrays))
    # A landmark network's places are to be those that were evaluated, to the last bit.
    keep = stored if about.marks is None else _exact
    kept = {name: keep(name, array) for name, array in arrays.items()}
    atomic.write_bytes(path, safetensors.numpy.save(kept, about.to_metadata()))


def stored(name: str, array: Array) -> Array:
    """Returns an array as the file holds it.

    Args:
      name: Its path.
      array: Finite values.

    Returns:
      float16 for parameters, if no value moves by more than float16's rounding of the largest one:
      very large values would become infinite, and arrays of very small ones nothing. Else float32.
    """
    array = np.ascontiguousarray(array, np.float32)
    if not name.startswith("params/"):
        return array
    with np.errstate(over="ignore"):  # infinite is seen below
        half = array.astype(np.float16)
    moved = np.abs(half.astype(np.float32) - array).max(initial=0)
    return half if moved <= _HALF_STEP * np.abs(array).max(initial=0) else array


def _exact(_: str, array: Array) -> Array:
    return np.ascontiguousarray(array, np.float32)


def read_header(path: pathlib.Path) -> header.Header:
    """Reads what a file says of itself, without its arrays. Raises as `read`."""
    with _opened(path) as file:
        return header.from_metadata(file.metadata(), str(path))


def read(path: pathlib.Path) -> Weights:
    """Reads a weights file.

    Args:
      path: The file.

    Raises:
      FileNotFoundError: There is no such file.
      WeightsError: It is damaged, not ours or from a later version; or its arrays are not exactly
        those of its networks, have another type, or are not finite. The message names the file and
        the arrays, with both shapes.
    """
    with _opened(path) as file:
        about = header.from_metadata(file.metadata(), str(path))
        slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118 (no dict)
        shapes = {name: tuple(part.get_shape()) for name, part in slices.items()}
        _refuse(path, _shape_problems(about, shapes))
        types = {name: part.get_dtype() for name, part in slices.items()}
        _refuse(path, _type_problems(types))
        arrays = {name: file.get_tensor(name) for name in slices}
    _refuse(path, _value_problems(arrays))
    return Weights(about, {name: array.astype(np.float32) for name, array in arrays.items()})


def digest(path: pathlib.Path) -> str:
    """Returns a short hash of a file's content, metadata included."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


@contextlib.contextmanager
def _opened(path: pathlib.Path) -> Iterator[safetensors.safe_open]:
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file {path}")
    try:
        with safetensors.safe_open(path, framework="numpy") as file:
            yield file
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{path} is damaged, cut short or no safetensors file ({error}). Fetch or export it "
            "again"
        ) from error


def _shape_problems(about: header.Header, shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    try:
        expected = networks.expected_of(about)
    except ValueError as error:
        return [str(error)]
    problems = []
    for name, leaf in expected.items():
        if name not in shapes:
            problems.append(f"{name}: missing; the networks have it with shape {leaf.shape}")
        elif shapes[name] != leaf.shape:
            problems.append(f"{name}: shape {shapes[name]} in the file, {leaf.shape} in the model")
    return problems + [
        f"{name}: unexpected, of shape {shape}; the networks have no such array"
        for name, shape in shapes.items()
        if name not in expected
    ]


def _type_problems(types: Mapping[str, str]) -> list[str]:
    allowed = {name: ("F16", "F32") if name.startswith("params/") else ("F32",) for name in types}
    return [
        f"{name}: {_DTYPES.get(kind, kind)}, not {' or '.join(_DTYPES[a] for a in allowed[name])}"
        for name, kind in types.items()
        if kind not in allowed[name]
    ]


def _value_problems(arrays: Mapping[str, Array]) -> list[str]:
    return [
        f"{name}: {np.count_nonzero(~np.isfinite(array))} of {array.size} values are not finite"
        for name, array in arrays.items()
        if not np.isfinite(array).all()
    ]


def _refuse(path: pathlib.Path, problems: Sequence[str]) -> None:
    if not problems:
        return
    listed = "".join(f"\n  {problem}" for problem in problems[:_LISTED_PROBLEMS])
    more = len(problems) - _LISTED_PROBLEMS
    raise WeightsError(
        f"{path}: its arrays are not those of the networks that it names:{listed}"
        + (f"\n  and {more} more" if more > 0 else "")
        + "\nExport the file again from the run that it came from"
    )
