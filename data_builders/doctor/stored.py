"""What was seen of a face, as JSON, for processes that cannot hand it over otherwise."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from data_builders import faces
from data_builders.doctor import examination, problems


def to_json(seen: examination.Observation) -> dict[str, Any]:
    """Returns an observation as JSON has it; see `from_json`."""
    face = seen.listed.face
    values = {name: np.asarray(value).tolist() for name, value in seen.values.items()}
    return {
        "face": [os.fsencode(face.image).hex(), face.key, face.subset, face.place],
        "splits": list(seen.listed.splits),
        "problems": [dataclasses.asdict(problem) for problem in seen.problems],
        "digest": seen.digest.hex(),
        "values": values,
        "orientation": seen.orientation,
        "size": list(seen.size),
    }


def from_json(content: Mapping[str, Any]) -> examination.Observation:
    """Returns the observation of which `to_json` made this."""
    image, key, subset, place = content["face"]
    path = pathlib.Path(os.fsdecode(bytes.fromhex(image)))
    face = faces.Face(path, key, subset, place, _no_more)
    return examination.Observation(
        examination.Listed(face, tuple(content["splits"])),
        tuple(
            problems.Problem(**problem | {"splits": tuple(problem["splits"])})
            for problem in content["problems"]
        ),
        bytes.fromhex(content["digest"]),
        {name: _array(name, value) for name, value in content["values"].items()},
        content["orientation"],
        tuple(content["size"]),
    )


def _array(name: str, value: Any) -> npt.NDArray[Any]:
    if name == "landmark_mask":
        return np.array(value, bool)
    array = np.array(value, np.float32)
    return array.reshape(-1, 2) if name == "landmarks" else array


def _no_more() -> faces.Annotation:
    raise RuntimeError("a face that was looked at is not read again")
