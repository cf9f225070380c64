"""Compiles a step for a topology, or finds the figures of an earlier compilation of the same."""

import hashlib
import importlib.metadata
import pathlib
import time
from typing import Any

import jax
from absl import logging

from scaf_jax.aot import chips, programs, roofline
from scaf_jax.commands import runtime
from scaf_jax.files import atomic, strict_json

# Of the figures; changed where their meaning changes.
_VERSION = 2


def cache_folder() -> pathlib.Path:
    """Returns where figures are kept."""
    return runtime.cache_folder().parent / "aot"


def figures(
    program: programs.Program, topology: str, *, cache: pathlib.Path | None = None
) -> tuple[dict[str, Any], str | None]:
    """Returns a step's figures on a topology.

    Args:
      program: The step, for the devices of the topology.
      topology: Its name.
      cache: Where figures of earlier compilations are, and are kept; None compiles anew.

    Returns:
      As `roofline.figures`, with `topology` and `versions`; and the compiled program's text, None
      where the figures were kept.
    """
    lowered = program.lower()
    versions = {name: importlib.metadata.version(name) for name in ("jax", "jaxlib", "libtpu")}
    kept = cache and cache / f"{_digest(lowered, topology, versions)}.json"
    if kept and kept.is_file():
        logging.info("figures of an earlier compilation: %s", kept)
        return strict_json.read_json(kept), None
    logging.info("compiling for %s; a whole step takes minutes", topology)
    start = time.perf_counter()
    compiled = lowered.compile()
    chip = chips.of_topology(topology)
    found = roofline.figures(compiled, chip=chip, num_chips=program.devices, images=program.images)
    seconds = time.perf_counter() - start
    found |= {"topology": topology, "versions": versions, "compile_seconds": seconds}
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_json(kept, found)
    return found, compiled.as_text()


def _digest(lowered: jax.stages.Lowered, topology: str, versions: dict[str, str]) -> str:
    text = repr((_VERSION, topology, sorted(versions.items()))) + lowered.as_text()
    return hashlib.sha256(text.encode()).hexdigest()[:32]
