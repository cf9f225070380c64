"""From a run of stage 1 to a weights file."""

import dataclasses
import importlib.metadata
import pathlib
from typing import Any

import numpy as np

from scaf_jax.data import geometry
from scaf_jax.files.places import Place
from scaf_jax.training import checkpointing, tree_paths
from scaf_jax.weights import files, header, networks

# What a run does not know of its photos, for command lines.
TEXTS = {
    "training_data": "which photos the networks have seen",
    "licence": "under which licence the weights may be used",
    "attribution": "whom to name",
}


@dataclasses.dataclass(frozen=True)
class Provenance:
    """What a run does not know of its photos; empty texts say nothing."""

    training_data: str = ""
    licence: str = ""
    attribution: str = ""


def export(
    run: pathlib.Path,
    path: pathlib.Path,
    *,
    discriminators: bool = False,
    provenance: Provenance | None = None,
    overwrite: bool = False,
) -> header.Header:
    """Writes the last checkpoint of a stage 1 as a weights file.

    Args:
      run: The stage's folder, such as `WORKDIR/pretraining`.
      path: The file; its folder must exist.
      discriminators: Whether they are written beside encoder and generator.
      provenance: Where the photos are from. Where it says nothing, what an imported run was
        imported with.
      overwrite: Whether a file that is there is replaced.

    Returns:
      What the file says of itself.

    Raises:
      FileNotFoundError: There is no checkpoint, or no folder for the file.
      checkpoint_errors.CheckpointError: The checkpoint is damaged or lacks a network.
      header.WeightsError: The folder holds no stage 1, or the file cannot be written.
    """
    check_folder(path)
    about, arrays = read_run(run, discriminators=discriminators, provenance=provenance)
    files.write(path, about, arrays, overwrite=overwrite)
    return about


def read_run(
    run: Place, *, discriminators: bool = False, provenance: Provenance | None = None
) -> files.Weights:
    """Reads the last checkpoint of a stage 1; arguments and errors as `export`."""
    folder = checkpointing.folder_of(run)
    metadata = checkpointing.read_metadata(folder)
    if metadata.get("stage") != "pretraining":
        raise header.WeightsError(
            f"{run} holds a checkpoint of '{metadata.get('stage')}', not of stage 1: give "
            "WORKDIR/pretraining"
        )
    names = header.AUTOENCODER + (header.DISCRIMINATORS if discriminators else ())
    about = _header(names, metadata, provenance or Provenance())
    return files.Weights(about, _arrays(folder, about))


def check_folder(path: pathlib.Path) -> None:
    """Raises FileNotFoundError unless the folder of a file to write is there."""
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} for {path.name}: make it first")


def _arrays(folder: Place, about: header.Header) -> dict[str, files.Array]:
    expected = networks.expected_of(about)
    subtrees = [f"{kind}/{name}" for kind in ("params", "batch_stats") for name in about.networks]
    # The embedding's discriminator has no running statistics.
    subtrees = [tree for tree in subtrees if tree_paths.select(expected, [tree])]
    restored = checkpointing.restore_parameters(folder, subtrees, tree_paths.nest(expected))
    named = tree_paths.named_leaves(restored)
    return {name: np.asarray(named[name]) for name in expected}


def _header(
    names: tuple[str, ...], metadata: dict[str, Any], provenance: Provenance
) -> header.Header:
    imported = metadata.get("weights", {})
    texts = {
        name: value or imported.get(name, "")
        for name, value in dataclasses.asdict(provenance).items()
    }
    model = {name: metadata["settings"][name] for name in header.MODEL_FIELDS}
    crop = geometry.CropSettings.from_dict(metadata["crop"])
    return header.Header(
        networks=names,
        width_multiplier=float(model["width_multiplier"]),
        crop=dataclasses.replace(crop, input_size=model["input_size"]),
        steps=metadata["step"],
        package_version=package_version(),
        **texts,
    )


def package_version() -> str:
    """Returns the version of scaf_jax, for files that it writes."""
    try:
        return importlib.metadata.version("scaf_jax")
    except importlib.metadata.PackageNotFoundError:  # run from a source folder
        return "not installed"
