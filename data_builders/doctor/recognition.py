"""Which data set a folder of downloads holds, and how its faces are marked."""

import dataclasses
import importlib
import importlib.util
import pathlib
from typing import Any

from data_builders import known_sets
from scaf_jax.data import geometry
from scaf_jax.files import folder_files
from scaf_jax.files.escaping import printable
from scaf_jax.landmarks import schemes

# They take any folder of photos, so they are asked last, the more particular one first.
FALLBACKS = ("landmarks_folder", "faces_folder")
# How far below a folder published sets are looked for, and in how many folders of a level.
_DEPTH, _MOST_FOLDERS = 3, 30


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A data set that the doctor can look at.

    Attributes:
      name: Its name, as for `python -m data_builders.prepare`.
      downloads: Its module with `recognize` and `find`.
      num_landmarks: Landmarks of a face.
      scheme: What they mean; None where nobody says.
      crop: How its faces are cut out.
    """

    name: str
    downloads: Any
    num_landmarks: int
    scheme: schemes.LandmarkScheme | None
    crop: geometry.CropSettings


def known_names() -> list[str]:
    """Returns the names of the sets that are made from downloads, in the order of asking."""
    names = [name for name in known_sets.known_names() if _has_downloads(name)]
    own = [name for name in names if name not in FALLBACKS]
    return own + [name for name in FALLBACKS if name in names]


def recognize(root: pathlib.Path) -> list[str]:
    """Returns the names of the sets that a folder looks like, the likeliest first.

    Args:
      root: The folder of downloads. Only if it looks like no set in particular, those of
        `FALLBACKS` are asked.
    """
    own = [name for name in known_names() if name not in FALLBACKS]
    found = [name for name in own if _downloads(name).recognize(root)]
    return found or [name for name in FALLBACKS if _downloads(name).recognize(root)]


def lies_deeper(root: pathlib.Path) -> str:
    """Returns what to say where a published set lies in a folder of a folder; empty if none does.

    Archives of archives unzip so. A folder that looks like a published set itself is not searched.

    Args:
      root: The folder of downloads.
    """
    own = [name for name in known_names() if name not in FALLBACKS]
    level = [root]
    for _ in range(_DEPTH):
        for folder in level:
            for name in own:
                if _downloads(name).recognize(folder):
                    where = printable(str(folder))
                    return "" if folder == root else f"{where} looks like {name}: give that folder"
        level = [path for folder in level for path in _folders_in(folder)][:_MOST_FOLDERS]
    return ""


def note_deeper(root: pathlib.Path, error: BaseException) -> None:
    """Adds to an error where a published set lies in a folder of a folder, if one does."""
    said = lies_deeper(root)
    if said:
        error.add_note(said)


def open_set(name: str, root: pathlib.Path) -> DataSet:
    """Returns the data set of that name.

    Args:
      name: One of `known_names()`.
      root: The folder of downloads, which may say how its faces are marked.

    Raises:
      ValueError: The folder's own scheme cannot be used; the message names the file.
    """
    module = importlib.import_module(f"data_builders.{name}.{name}_dataset_builder")
    downloads = _downloads(name)
    num_landmarks = getattr(module.Builder, "NUM_LANDMARKS", 0)
    read_scheme = getattr(downloads, "read_scheme", None)
    if read_scheme is not None:  # the folder itself says what its landmarks mean
        scheme: Any = read_scheme(root)
        num_landmarks = scheme.num_landmarks
    else:
        scheme = _usual_scheme(getattr(downloads, "SCHEME", None), num_landmarks)
    return DataSet(name, downloads, num_landmarks, scheme, _crop_of(name))


def _folders_in(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return folder_files.folders_in(folder)
    except OSError:
        return []  # nobody knows what is in it


def _usual_scheme(name: str | None, num_landmarks: int) -> schemes.LandmarkScheme | None:
    if name is not None:
        return schemes.get_scheme(name) if name else None
    alike = [scheme for scheme in schemes.SCHEMES if scheme.num_landmarks == num_landmarks]
    return alike[0] if alike else None


def _crop_of(name: str) -> geometry.CropSettings:
    preset = name.removeprefix("the")
    known = preset in geometry.MARGINS
    return geometry.crop_settings(preset) if known else geometry.CropSettings()


def _downloads(name: str) -> Any:
    return importlib.import_module(f"data_builders.{name}.downloads")


def _has_downloads(name: str) -> bool:
    return importlib.util.find_spec(f"data_builders.{name}.downloads") is not None
