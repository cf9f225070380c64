"""The landmark network of a run's folder: of its last checkpoint, which tells all about it."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from absl import logging

from scaf_jax.data import geometry, warping
from scaf_jax.files import strict_json
from scaf_jax.files.places import Place
from scaf_jax.landmarks import heatmaps, scheme_files, schemes
from scaf_jax.models import aligner
from scaf_jax.reporting import model_card
from scaf_jax.training import checkpoint_errors, checkpointing, state
from scaf_jax.weights import marks

PyTree = Any

# What a stage's settings were before they existed: checkpoints without them were trained so.
BEFORE_THEY_EXISTED: Mapping[str, Any] = {
    "skip_gain": aligner.FIXED,
    "path_start": aligner.RANDOM,
    "skip_gain_rate": 1.0,
    "gradient_clip": 0.0,
    "augmentation.border": warping.BLACK,
}

# Of a network's provenance: whether its evaluation averaged the maps of mirrored crops.
FLIP = "flip"

# And, where labels were drawn, how.
LABEL_SUBSET, LABEL_SEED = "label_subset", "label_seed"

_STAGE = "alignment"
# Of a run of active learning: its rounds, each a run of its own.
ROUNDS_FOLDER = "rounds"
_ROUND = re.compile(r"round_(\d+)")


class Saved(NamedTuple):
    """What a checkpoint holds of a landmark network.

    Attributes:
      about: How it marks faces, and where it is from.
      crop: How faces are cut out for it.
      params: Nested dicts of arrays.
      batch_stats: Nested dicts of arrays.
    """

    about: marks.Marks
    crop: geometry.CropSettings
    params: PyTree
    batch_stats: PyTree


def checkpoints_of(run: Place) -> Place:
    """Returns where stage 2's checkpoints of a run are.

    Args:
      run: WORKDIR, or WORKDIR/alignment; of active learning also WORKDIR/rounds/round_N, where
        WORKDIR stands for the last round that has a network.
    """
    inner = run / _STAGE
    if inner.is_dir():
        return checkpointing.folder_of(inner)
    last = _last_round(run)
    return checkpointing.folder_of(run if last is None else last / _STAGE)


def _last_round(run: Place) -> Place | None:
    """The folder of the last round whose training has left a checkpoint."""
    rounds = run / ROUNDS_FOLDER
    if not rounds.is_dir():
        return None
    numbers = [int(match[1]) for x in rounds.iterdir() if (match := _ROUND.fullmatch(x.name))]
    folders = (rounds / f"round_{number}" for number in sorted(numbers, reverse=True))
    return next((folder for folder in folders if _has_steps(folder / _STAGE)), None)


def _has_steps(stage: Place) -> bool:
    folder = checkpointing.folder_of(stage)
    return folder.is_dir() and any(x.name.isdigit() for x in folder.iterdir())


def holds_landmark_network(run: Place) -> bool:
    """Whether a folder is a run with a stage 2, or that of one; not whether it can be used."""
    if (run / _STAGE).is_dir() or _last_round(run) is not None:
        return True
    try:
        metadata = checkpointing.read_metadata(checkpoints_of(run))
    except (FileNotFoundError, checkpoint_errors.CheckpointError):
        return False
    return metadata.get("stage") == _STAGE


def read(run: Place) -> Saved:
    """Reads the landmark network of a run's last checkpoint.

    Args:
      run: As `checkpoints_of`.

    Raises:
      FileNotFoundError: There is no such folder, or no checkpoint in it.
      checkpoint_errors.CheckpointError: It is damaged, of stage 1, or its metadata lack a setting;
        the message names the folder, and the setting.
    """
    folder = checkpoints_of(run)
    with checkpointing.Checkpoints(folder, create=False) as checkpoints:
        step = checkpoints.latest_step()
        metadata = checkpoints.read_metadata(step)
        about, crop = _described(metadata, folder)
        _, params, batch_stats = state.definition(about.architecture.build)
        wanted = {"params": params, "batch_stats": batch_stats}
        found = checkpoints.restore_subtrees(list(wanted), wanted, step)
    told = {**about.provenance, **_reported(run, about.provenance["steps"])}
    about = dataclasses.replace(about, provenance=told)
    return Saved(about, crop, found["params"], found["batch_stats"])


def report_of(run: Place) -> Place:
    """Returns the folder of a run's report, be it there or not; `run` as for `checkpoints_of`."""
    folder = checkpoints_of(run)
    if isinstance(folder, pathlib.Path):  # `.` and links have other parents
        folder = folder.resolve()
    return folder.parent.parent / "report"


def _reported(run: Place, steps: Any) -> dict[str, str]:
    """What the run's report says of the network; nothing where it is of another checkpoint."""
    file = report_of(run) / "metrics.json"
    if not file.is_file():
        return {}
    try:
        content = strict_json.read_json(file)
        same = content["training"]["training steps"] == steps
        return model_card.short_form(content) if same else {}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        logging.warning("%s: passed over, since it is no report (%s)", file, error)
        return {}


def _described(
    metadata: Mapping[str, Any], folder: Place
) -> tuple[marks.Marks, geometry.CropSettings]:
    if metadata.get("stage") != _STAGE:
        raise checkpoint_errors.CheckpointError(
            f"{folder} holds a checkpoint of '{metadata.get('stage')}', which marks no landmarks: "
            "give the folder of a whole run, or its alignment/"
        )
    try:
        crop = geometry.CropSettings.from_dict(metadata["crop"])
        return _marks(metadata, crop, f"{folder}: scheme"), crop
    except KeyError as error:
        raise checkpoint_errors.CheckpointError(
            f"{folder}: the checkpoint's metadata lack {error}, which a landmark network needs; it "
            "cannot be used by itself. Train on from it with scaf_jax.main, which saves it anew"
        ) from error
    except (TypeError, ValueError) as error:
        raise checkpoint_errors.CheckpointError(
            f"{folder}: the checkpoint's metadata are damaged ({error}). Take an earlier checkpoint"
        ) from error


def _marks(metadata: Mapping[str, Any], crop: geometry.CropSettings, place: str) -> marks.Marks:
    config, scheme = metadata["config"], _scheme(metadata["scheme"], place)
    stage = BEFORE_THEY_EXISTED | config[_STAGE]
    architecture = aligner.Architecture(
        input_size=config["input_size"],
        num_landmarks=scheme.num_landmarks,
        width_multiplier=config["width_multiplier"],
        compute_dtype=config["compute_dtype"],
        **{name: stage[name] for name in ("heatmap_size", "skips", "skip_gain")},
    )
    codec = heatmaps.HeatmapCodec(
        input_size=architecture.input_size,
        pixel_convention=crop.pixel_convention,
        **{name: stage[name] for name in ("heatmap_size", "sigma", "support")},
        **{name: stage[name] for name in ("rounding", "blur_size")},
    )
    decoder = config["evaluation"]["decoder"]
    return marks.Marks(architecture, codec, scheme, decoder, _provenance(metadata))


def _scheme(saved: Any, place: str) -> schemes.LandmarkScheme:
    # Built-in schemes went by their name alone at first.
    content = {"name": saved} if isinstance(saved, str) else saved
    return scheme_files.scheme_from_dict(content, place).scheme


def _provenance(metadata: Mapping[str, Any]) -> dict[str, marks.PlainValue]:
    found: dict[str, marks.PlainValue] = {"steps": metadata["step"]}
    stage1 = metadata.get("stage1") or {}
    if stage1.get("description"):
        found["stage1"] = stage1["description"]
    if "faces" not in metadata.get("settings", {}):  # else they were chosen, not counted out
        stage = metadata["config"][_STAGE]
        found["labels"] = stage["num_labels"] or "all"
        if stage["num_labels"] and stage.get(LABEL_SUBSET, "first") != "first":
            found |= {name: stage[name] for name in (LABEL_SUBSET, LABEL_SEED)}
    flip = metadata["config"]["evaluation"].get(FLIP)
    if isinstance(flip, bool):
        found[FLIP] = flip
    return found
