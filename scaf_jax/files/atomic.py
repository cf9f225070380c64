"""Writes files so that a reader never sees half of one."""

import json
import os
import pathlib
import tempfile
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from scaf_jax.files.places import Place


def write_bytes(path: Place, content: bytes) -> None:
    """Writes a file whole or not at all: beside its place first, then moved into it.

    In a bucket nothing is seen of a file before it is whole.

    Args:
      path: Where; its folder must exist.
      content: What.

    Raises:
      OSError: It cannot be written; what was at `path` is still there.
    """
    if not isinstance(path, pathlib.Path):
        path.write_bytes(content)
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it readable by its owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_text(path: Place, text: str) -> None:
    """Writes UTF-8 text; see `write_bytes`."""
    write_bytes(path, encode(text))


def encode(text: str) -> bytes:
    """Returns text as `write_text` writes it."""
    # A file name that is not UTF-8 reaches us with surrogates, which UTF-8 cannot hold.
    return text.encode("utf-8", errors="backslashreplace")


def write_json(path: Place, value: Any) -> None:
    """Writes strict JSON: what is not finite becomes null; see `write_bytes`."""
    write_text(path, json.dumps(plain(value), indent=2, allow_nan=False) + "\n")


def write_png(path: Place, image: NDArray[np.uint8]) -> None:
    """Writes an (H, W, 3) uint8 RGB image; see `write_bytes`.

    Raises:
      ValueError: The image cannot be encoded.
    """
    done, encoded = cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))
    if not done:
        raise ValueError(f"{path}: an image of shape {image.shape} cannot be written as PNG")
    write_bytes(path, encoded.tobytes())


def plain(value: Any) -> Any:
    """Returns the value as JSON knows it.

    Mappings, sequences and arrays become dicts and lists, numpy numbers Python's, numbers that are
    not finite None, and anything else its text.
    """
    if hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
