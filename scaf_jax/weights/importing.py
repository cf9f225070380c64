"""From a weights file to a folder like that of a run of stage 1."""

import pathlib

from scaf_jax.training import checkpointing, tree_paths
from scaf_jax.weights import files, header


def import_weights(path: pathlib.Path, folder: pathlib.Path) -> header.Header:
    """Makes a stage-1 folder of a weights file, for `pretraining.run`.

    Its checkpoint holds the networks only, so that a training of stage 1 cannot go on from it.

    Args:
      path: The file.
      folder: Made; gets `checkpoints/`. What is in it already stays.

    Returns:
      What the file says of itself.

    Raises:
      FileNotFoundError: There is no such file.
      header.WeightsError: The file cannot be used or is not of a stage 1, or the folder holds
        checkpoints.
    """
    about, arrays = files.read(path)
    if about.marks is not None:
        raise header.WeightsError(
            f"{path} holds a landmark network, and a folder of stage 1 has no place for it: use "
            "the file itself"
        )
    target = folder / "checkpoints"
    if target.exists() or target.is_symlink():
        raise header.WeightsError(f"{folder} holds checkpoints already: choose another folder")
    values = about.to_dict()
    metadata = {
        "stage": "pretraining",
        # A run's own settings never have this hash: no training takes the folder for its own.
        "settings": {name: values[name] for name in header.MODEL_FIELDS}
        | {"weights": files.digest(path)},
        "crop": about.crop.to_dict(),
        "weights": values,
    }
    with checkpointing.Checkpoints(target) as checkpoints:
        checkpoints.save(about.steps, tree_paths.nest(arrays), metadata=metadata)
    return about
