"""A finished stage 1 to start from: of a run's folder, a weights file, or a landmark network."""

import pathlib
from typing import Any

from absl import logging

from scaf_jax.runs import identity, landmark_start
from scaf_jax.runs.run import Run
from scaf_jax.runs.starts import RunFolder, Stage1, WeightsFile
from scaf_jax.weights import builtin


def given(run: Run) -> Stage1 | None:
    """Opens the stage 1 that `pretraining.run` names, after a look at whether it fits.

    Args:
      run: The run.

    Returns:
      None if it names none, or none is needed.

    Raises:
      FileNotFoundError: It is not there.
      checkpoint_errors.CheckpointError, header.WeightsError: It is damaged or not ours.
      identity.RunMismatchError: It is of another input size or width.
    """
    if not run.stage1:
        return None
    found = _open(run)
    check_fits(run, found)
    return found


def check_fits(run: Run, pretrained: Stage1) -> None:
    """Raises RunMismatchError unless a stage 1 has the run's input size and width."""
    theirs = pretrained.facts().model
    wrong = [
        f"{name} is {theirs[name]!r} there and {ours!r} here"
        for name, ours in run.model.items()
        if theirs[name] != ours
    ]
    if wrong:
        raise identity.RunMismatchError(
            f"stage 1 in {pretrained.name} does not fit: {'; '.join(wrong)}. Give this run the "
            "same, or name another stage 1 with pretraining.run"
        )
    if isinstance(pretrained, landmark_start.LandmarkNetwork):
        landmark_start.check_fits(run, pretrained)


def tell_other_crop(run: Run, pretrained: Stage1) -> None:
    """Logs in which ways faces are cut out otherwise than for stage 1, which is allowed."""
    theirs = pretrained.facts().crop
    differences = [
        f"{name} {theirs[name]} there, {value} here"
        for name, value in run.crop.to_dict().items()
        if name in theirs and theirs[name] != value
    ]
    if differences:
        # No warning: the forms for own landmarks do so on purpose, and it is not theirs to change.
        logging.info(
            "stage 1 in %s learned from other crops (%s); stage 2 gets used to these",
            pretrained.name,
            "; ".join(differences),
        )


def describe(pretrained: Stage1 | None) -> str:
    """Returns a line on where encoder and generator began, for reports."""
    return "none: random weights" if pretrained is None else pretrained.describe()


def origin(pretrained: Stage1 | None) -> dict[str, Any]:
    """Returns where encoder and generator began, for checkpoints: JSON values."""
    theirs = None if pretrained is None else pretrained.identity()
    return {"stage1": {"description": describe(pretrained), "identity": theirs}}


def _open(run: Run) -> Stage1:
    name = run.stage1
    path = builtin.place_of(name)
    if not path.exists():
        raise FileNotFoundError(
            f"pretraining.run: there is neither a folder nor a file '{name}'. Give the folder of a "
            f"stage 1 (WORKDIR/pretraining) or of a landmark network (WORKDIR/alignment), a "
            f"weights file, or '{builtin.NAME}'. (--config=configs/synthetic.py trains the one in "
            "runs/synthetic/alignment)"
        )
    if landmark_start.is_landmark_network(path):
        return landmark_start.LandmarkNetwork(path, name, run.scheme)
    if isinstance(path, pathlib.Path) and not path.is_dir():
        return WeightsFile(path, name)
    return RunFolder(path)
