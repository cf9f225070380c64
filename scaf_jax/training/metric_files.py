"""What a training wrote to its `metrics.jsonl`: lines, and what they tell."""

import json
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from scaf_jax.files import atomic, places, strict_json

SCALARS_FILE = "metrics.jsonl"


def read_scalars(path: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Reads a `metrics.jsonl`: one dict a line with 'step', 'time' and the numbers.

    A line that a crash cut short is left out. A missing file has no lines.
    """
    place = places.as_place(path)
    if not place.exists():
        return []
    records = []
    for line in places.read_text(place).splitlines():
        try:
            record = strict_json.parse_json(line, str(path))
        except strict_json.JsonError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def training_seconds(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """Returns how long the steps of a training took, from the time between its lines.

    Steps before the first line, in which the program was compiled, count as those after it; so do
    breaks of a training that was stopped and continued.

    Args:
      lines: As `read_scalars` gives them.

    Returns:
      Seconds, or None if the lines do not tell.
    """
    timed = [line for line in lines if isinstance(line.get("time"), int | float)]
    if len(timed) < 2 or timed[-1]["step"] <= timed[0]["step"]:
        return None
    first, last = timed[0], timed[-1]
    per_step = (last["time"] - first["time"]) / (last["step"] - first["step"])
    return per_step * last["step"]


def drop_after(path: pathlib.Path, last_step: int) -> None:
    """Rewrites a `metrics.jsonl`, if there is one, without the lines after a step."""
    if not path.exists():
        return
    kept = [record for record in read_scalars(path) if record["step"] <= last_step]
    atomic.write_text(path, "".join(json.dumps(record) + "\n" for record in kept))
