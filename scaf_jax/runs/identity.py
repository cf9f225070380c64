"""What makes a folder's run the same run: stored with each checkpoint, compared on return."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from scaf_jax.files.places import Place
from scaf_jax.inference import run_folder
from scaf_jax.landmarks import scheme_files, schemes
from scaf_jax.runs.run import Run, Stage
from scaf_jax.weights import header

# Settings of a stage that may change between two commands of one run.
_FREE = (
    *("log_every", "save_every", "on_nonfinite", "roll_back_steps"),
    *("run", "unlabeled_dir", "unlabeled_boxes_csv", "on_error"),
)

_BEFORE_THEY_EXISTED = {
    f"stage.{name}": value for name, value in run_folder.BEFORE_THEY_EXISTED.items()
}


class RunMismatchError(ValueError):
    """A folder holds a run with other settings."""


def metadata(run: Run, stage: Stage, faces_digest: str = "") -> dict[str, Any]:
    """Returns what a checkpoint tells of its run.

    Args:
      run: The run.
      stage: The stage of it that is saved.
      faces_digest: `digest` of the faces' keys, where the config does not decide which they are.
    """
    faces = {"faces": faces_digest} if faces_digest else {}
    return {
        "stage": stage.name,
        "config": run.config,
        "settings": {**stage.binding, **faces},
        "crop": run.crop.to_dict(),
        # Whole: schemes of users' own may have the same name.
        "scheme": scheme_files.scheme_to_dict(run.scheme),
        "seed": run.seed,
    }


def digest(value: Any) -> str:
    """Returns a short hash of a value that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def binding_settings(
    config: Mapping[str, Any], stage: str, scheme: schemes.LandmarkScheme
) -> dict[str, Any]:
    """Returns the settings that decide what a stage computes, flat and JSON-able.

    Args:
      config: The whole config, plain values.
      stage: Name of its section of the stage.
      scheme: The landmark scheme that it names.
    """
    chosen = {name: config[name] for name in (*header.MODEL_FIELDS, "seed", "compute_dtype")}
    parts = {"data": dict(config["data"]), "stage": config[stage]}
    del parts["data"]["data_dir"]
    for prefix, part in parts.items():
        for name, value in part.items():
            if name in _FREE or value == "":  # what is not set decides nothing
                continue
            nested = value.items() if isinstance(value, dict) else [("", value)]
            for inner, leaf in nested:
                path = ".".join(filter(None, (prefix, name, inner)))
                chosen[path] = list(leaf) if isinstance(leaf, tuple) else leaf
    chosen["data.scheme"] = scheme_identity(scheme)
    return chosen


def scheme_identity(scheme: schemes.LandmarkScheme) -> str:
    """Returns a built-in scheme's name; of another one also a hash of all that it says."""
    content = scheme_files.scheme_to_dict(scheme)
    return scheme.name if len(content) == 1 else f"{scheme.name} ({digest(content)})"


def check_same_run(saved: dict[str, Any], wanted: dict[str, Any], folder: Place) -> None:
    """Compares the metadata of a folder's checkpoint with those of the run that would go on.

    Raises:
      RunMismatchError: They differ; the message names the settings.
    """
    before, now = (
        {name: value for name, value in found.get("settings", {}).items() if value != ""}
        for found in (saved, wanted)
    )
    older = {name: value for name, value in _BEFORE_THEY_EXISTED.items() if name in now}
    before = older | before
    changed = [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    ]
    if saved.get("stage") != wanted["stage"]:
        changed = [f"stage was {saved.get('stage')!r}, is {wanted['stage']!r}", *changed]
    if changed:
        raise RunMismatchError(
            f"{folder} holds a run with other settings: {'; '.join(changed[:8])}. Choose another "
            "--workdir, set what changed as it was, or delete that folder."
        )
