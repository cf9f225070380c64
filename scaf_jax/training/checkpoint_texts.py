"""What a checkpoint holds beside arrays, as JSON: its metadata and where the data stood."""

import base64
import importlib.metadata
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jax
from absl import logging
from etils import epath

from scaf_jax.files import strict_json
from scaf_jax.training.checkpoint_errors import CheckpointError

FORMAT = "scaf_jax checkpoint"
FORMAT_VERSION = 1

_LIBRARIES = ("scaf_jax", "jax", "flax", "optax", "orbax-checkpoint", "grain", "numpy")

IteratorState = Any  # what JSON can hold, or bytes, or None


def complete_metadata(metadata: Mapping[str, Any] | None, step: int) -> dict[str, Any]:
    """Returns metadata with `format`, `format_version`, `step` and `versions` added.

    Args:
      metadata: JSON values.
      step: The step that is saved.

    Raises:
      TypeError: `metadata` holds something that JSON cannot.
    """
    about = {**(metadata or {}), "format": FORMAT, "format_version": FORMAT_VERSION}
    about |= {"step": step, "versions": _library_versions()}
    return strict_json.parse_json(_to_json(about, "metadata"), "metadata")


def check_metadata(metadata: Any, folder: epath.Path) -> dict[str, Any]:
    """Returns metadata that was read.

    Args:
      metadata: What the file holds.
      folder: The checkpoint, for messages.

    Raises:
      CheckpointError: Another project wrote it, or a later version of this one.
    """
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise CheckpointError(
            f"{folder} was not written by this project: its metadata has no entry "
            f"'format: {FORMAT}'"
        )
    if metadata.get("format_version", 0) > FORMAT_VERSION:
        raise CheckpointError(
            f"{folder} has format {metadata['format_version']}; this version of scaf_jax reads up "
            f"to {FORMAT_VERSION}: install a newer one"
        )
    return metadata


def iterator_text(state: IteratorState) -> str:
    """Returns a process's place in the data as text.

    Raises:
      TypeError: It holds something that JSON cannot.
    """
    if isinstance(state, bytes):
        return _to_json({"bytes": base64.b64encode(state).decode()}, "iterator_state")
    return _to_json({"json": state}, "iterator_state")


def own_iterator_state(texts: Sequence[str], step: int) -> IteratorState:
    """Returns this process's place in the data.

    Args:
      texts: What `iterator_text` gave, one of each process that saved.
      step: The step that is restored.

    Returns:
      None if none was saved, or if the run had another number of processes (then a warning is
      logged: the data order of that run cannot be continued).
    """
    places = [f"step {step}, place in the data of process {n}" for n in range(len(texts))]
    states = list(map(_iterator_state, texts, places))
    if len(states) == jax.process_count():
        return states[jax.process_index()]
    logging.warning(
        "step %d was saved by %d processes and is restored by %d: the order of the data starts "
        "anew",
        step,
        len(states),
        jax.process_count(),
    )
    return None


def _iterator_state(text: str, place: str) -> IteratorState:
    value = strict_json.parse_json(text, place)
    return base64.b64decode(value["bytes"]) if "bytes" in value else value["json"]


def _to_json(value: Any, what: str) -> str:
    try:
        return json.dumps(value)
    except TypeError as error:
        raise TypeError(f"{what} must hold JSON values only: {error}") from error


def _library_versions() -> dict[str, str]:
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:  # run from a source folder
            versions[name] = "not installed"
    return versions
