"""The stage 1 that comes along with the package; its model card is beside it."""

import importlib.resources
import pathlib

from scaf_jax.files import places
from scaf_jax.files.places import Place

NAME = "builtin"
FILE = "stage1_128_half.safetensors"
_PACKAGE = "scaf_jax.weights"


def path() -> pathlib.Path:
    """Returns where the file is.

    Raises:
      FileNotFoundError: The package was installed without it.
    """
    found = pathlib.Path(str(importlib.resources.files(_PACKAGE) / FILE))
    if not found.is_file():
        raise FileNotFoundError(
            f"the stage 1 that comes along is missing, {found}: install scaf_jax again, from a "
            "wheel or a whole copy of its repository"
        )
    return found


def resolve(text: str) -> pathlib.Path:
    """Returns the file that a user means: `builtin`, or a path. A file of that name is ./builtin.

    Raises:
      FileNotFoundError: `builtin` is meant, and the package was installed without it.
    """
    return path() if text == NAME else pathlib.Path(text)


def place_of(text: str) -> Place:
    """Returns what a user means, as `resolve`, also in a bucket.

    A file of a bucket is copied here, so that files are always on a disk; folders stay where they
    are.

    Raises:
      FileNotFoundError: `builtin` is meant, and the package was installed without it.
      ValueError: It is an address that cannot be opened.
    """
    if not places.is_address(text):
        return resolve(text)
    place = places.at(text)
    if isinstance(place, pathlib.Path) or place.is_dir() or not place.exists():
        return place
    return places.copy_here(place)
