"""Reads a folder of fixtures: stored numbers, and the rule that rebuilds weights and inputs.

Weights are not stored. A tensor is drawn from a generator seeded by the folder's salt and the
tensor's name, so that a name, a shape and the salt are enough to have it again.
"""

import dataclasses
import functools
import math
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from scaf_jax.files import strict_json

Shape = tuple[int, ...]


class FixtureError(ValueError):
    """A fixture or photo is missing or unreadable; the message names it."""


def make_rng(salt: str, name: str) -> np.random.Generator:
    """Returns the random generator of what is named `name`."""
    return np.random.default_rng(zlib.crc32((salt + name).encode()))


def make_tensor(salt: str, name: str, shape: Shape) -> np.ndarray:
    """Returns the weights or statistics named `name`, float32, in PyTorch's layout."""
    rng = make_rng(salt, name)
    leaf = name.rpartition(".")[2]
    if leaf == "running_var":
        values = rng.uniform(0.5, 1.5, shape)
    elif leaf in ("running_mean", "bias"):
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:
        values = rng.uniform(0.5, 1.5, shape)
    else:
        values = rng.standard_normal(shape) * np.sqrt(1 / math.prod(shape[1:]))
    return values.astype(np.float32)


def make_input(salt: str, name: str, shape: Shape) -> np.ndarray:
    """Returns the input named `name`, float32, NHWC, from its PyTorch shape (B, C, H, W)."""
    rng = make_rng(salt, name)
    return to_nhwc(rng.uniform(-0.5, 0.5, shape).astype(np.float32))


def to_nhwc(array: np.ndarray) -> np.ndarray:
    """Returns a (B, C, H, W) array as (B, H, W, C)."""
    return np.moveaxis(array, 1, -1)


def to_nchw(array: Any) -> np.ndarray:
    """Returns a (B, H, W, C) array as (B, C, H, W)."""
    return np.moveaxis(np.asarray(array), -1, 1)


@dataclasses.dataclass(frozen=True)
class Network:
    """The weights of one fixture.

    Attributes:
      name: Name of the file that lists them, without its end: `fabrec_256_68`.
      salt: Salt of weights and inputs.
      shapes: PyTorch shape of every tensor by name.
      input_size: Side of the images in pixels; 0 where there are none.
      num_landmarks: Number of landmarks; 0 where there are none.
    """

    name: str
    salt: str
    shapes: Mapping[str, Shape]
    input_size: int = 0
    num_landmarks: int = 0

    @functools.cached_property
    def tensors(self) -> dict[str, np.ndarray]:
        """The tensors by PyTorch name, float32."""
        return {name: make_tensor(self.salt, name, shape) for name, shape in self.shapes.items()}

    def with_landmarks(self, num_landmarks: int) -> "Network":
        """Returns the same network for another number of landmarks."""
        shapes = dict(self.shapes)
        head = list(shapes["LMH.lin.weight"])
        shapes["LMH.lin.weight"] = (head[0], num_landmarks, *head[2:])
        return dataclasses.replace(self, shapes=shapes, num_landmarks=num_landmarks)


@dataclasses.dataclass(frozen=True)
class Folder:
    """A folder of fixtures."""

    path: pathlib.Path

    def __post_init__(self) -> None:
        if not self.path.is_dir():
            raise FixtureError(f"there is no folder of fixtures '{self.path}'")

    def names(self, pattern: str) -> list[str]:
        """Returns the sorted names of the files that match a glob pattern."""
        return sorted(path.name for path in self.path.glob(pattern))

    def arrays(self, name: str) -> dict[str, np.ndarray]:
        """Returns the arrays of a .npz file by name.

        Raises:
          FixtureError: The file is missing or not an archive of plain arrays.
        """

        def read(path: pathlib.Path) -> dict[str, np.ndarray]:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return dict(archive)

        return self._read(name, read)

    def json(self, name: str) -> Any:
        """Returns the content of a .json file.

        Raises:
          FixtureError: The file is missing or not JSON.
        """
        return self._read(name, strict_json.read_json)

    def _read(self, name: str, read: Callable[[pathlib.Path], Any]) -> Any:
        path = self.path / name
        if not path.is_file():
            raise FixtureError(f"the fixture file '{path}' is missing")
        try:
            return read(path)
        except (OSError, EOFError, TypeError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise FixtureError(f"the fixture file '{path}' cannot be read: {error}") from error

    def network(self, name: str) -> Network:
        """Returns the weights that `NAME_state.json` lists.

        Raises:
          FixtureError: The file is missing or lacks a field.
        """
        content = self.json(f"{name}_state.json")
        try:
            return Network(
                name=name,
                salt=content["salt"],
                shapes={tensor: tuple(shape) for tensor, shape in content["tensors"]},
                input_size=content.get("input_size", 0),
                num_landmarks=content.get("num_landmarks", 0),
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise FixtureError(
                f"'{self.path / name}_state.json' is not a list of weights: {error!r}"
            ) from error

    def full_networks(self) -> list[Network]:
        """Returns the networks of the folder that have images and landmarks."""
        suffix = "_state.json"
        return [self.network(n.removesuffix(suffix)) for n in self.names(f"fabrec_*{suffix}")]

    def network_of_size(self, input_size: int) -> Network:
        """Returns a network for images of a size.

        Raises:
          FixtureError: The folder has none.
        """
        for network in self.full_networks():
            if network.input_size == input_size:
                return network
        raise FixtureError(
            f"the folder '{self.path}' has no 'fabrec_{input_size}_*_state.json', which tells the "
            f"weights of the {input_size} px network"
        )

    @functools.cached_property
    def salt(self) -> str:
        """The salt of inputs that belong to no network.

        Raises:
          FixtureError: The files tell none, or not the same.
        """
        salts = sorted({network.salt for network in self.full_networks()})
        if len(salts) != 1:
            found = f"different salts {salts}" if salts else "no salt"
            raise FixtureError(f"the files fabrec_*_state.json of '{self.path}' tell {found}")
        return salts[0]
