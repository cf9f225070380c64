"""A finished stage 1 to start from: the folder of a run, or a weights file."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

import jax
from absl import logging

from scaf_jax.runs import identity
from scaf_jax.runs.run import Run
from scaf_jax.training import checkpointing, tree_paths
from scaf_jax.weights import builtin, files, header

PyTree = Any

SUBTREES = tuple(
    f"{kind}/{name}" for kind in ("params", "batch_stats") for name in header.AUTOENCODER
)


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a stage 1 was trained for.

    Attributes:
      model: Its input size and width, as `header.MODEL_FIELDS` name them.
      crop: How its faces were cut out, fields of `geometry.CropSettings`.
    """

    model: Mapping[str, Any]
    crop: Mapping[str, Any]


class Stage1(Protocol):
    """A stage 1 to start from."""

    @property
    def name(self) -> str:
        """What `pretraining.run` calls it."""
        ...

    def facts(self) -> Facts:
        """Returns what it was trained for. Raises as `given` if it cannot be read."""
        ...

    def load(self, like: PyTree) -> dict[str, PyTree]:
        """Returns encoder and generator: nested dicts of `SUBTREES`, placed as those in `like`."""
        ...

    def identity(self) -> Any:
        """Returns what tells it from others: a value that JSON can hold."""
        ...

    def describe(self) -> str:
        """Returns a line for reports."""
        ...


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of a run of stage 1: its checkpoints, or `checkpoints/` in it."""

    path: pathlib.Path

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def checkpoints(self) -> pathlib.Path:
        """Where its checkpoints are."""
        return checkpointing.folder_of(self.path)

    def metadata(self) -> dict[str, Any]:
        """Reads what its last checkpoint tells; raises as `checkpointing.read_metadata`."""
        return checkpointing.read_metadata(self.checkpoints)

    def facts(self) -> Facts:
        metadata = self.metadata()
        saved = metadata.get("settings", {})
        model = {name: saved.get(name) for name in header.MODEL_FIELDS}
        return Facts(model, metadata.get("crop", {}))

    def load(self, like: PyTree) -> dict[str, PyTree]:
        return checkpointing.restore_parameters(self.checkpoints, SUBTREES, like)

    def identity(self) -> Any:
        metadata = self.metadata()
        return [metadata.get("settings"), metadata.get("step")]

    def describe(self) -> str:
        about = _sizes(self.facts())
        return f"{self.name} ({about}, {self.metadata().get('step')} steps)"


@dataclasses.dataclass(frozen=True)
class WeightsFile:
    """A weights file.

    Attributes:
      path: Where it is.
      name: What `pretraining.run` calls it.
    """

    path: pathlib.Path
    name: str

    def facts(self) -> Facts:
        about = files.read_header(self.path)
        model = {name: getattr(about, name) for name in header.MODEL_FIELDS}
        return Facts(model, about.crop.to_dict())

    def load(self, like: PyTree) -> dict[str, PyTree]:
        arrays = files.read(self.path).arrays
        places = tree_paths.select(tree_paths.named_leaves(like), SUBTREES)
        return tree_paths.nest(
            {name: jax.device_put(arrays[name], leaf.sharding) for name, leaf in places.items()}
        )

    def identity(self) -> Any:
        return {"weights": files.digest(self.path)}

    def describe(self) -> str:
        about = files.read_header(self.path)
        parts = [_sizes(self.facts()), about.training_data, about.licence, f"{about.steps} steps"]
        return f"{self.name} ({', '.join(filter(None, parts))})"


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
    found = _open(run.stage1)
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


def tell_other_crop(run: Run, pretrained: Stage1) -> None:
    """Logs in which ways faces are cut out otherwise than for stage 1, which is allowed."""
    theirs = pretrained.facts().crop
    differences = [
        f"{name} {theirs[name]} there, {value} here"
        for name, value in run.crop.to_dict().items()
        if name in theirs and theirs[name] != value
    ]
    if differences:
        logging.warning(
            "stage 1 in %s learned from other crops (%s): stage 2 has to make up for it",
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


def _open(name: str) -> Stage1:
    path = builtin.resolve(name)
    if path.is_dir():
        return RunFolder(path)
    if path.is_file():
        return WeightsFile(path, name)
    raise FileNotFoundError(
        f"pretraining.run: there is neither a folder nor a file '{name}'. Give the folder of a "
        f"stage 1 (WORKDIR/pretraining), a weights file, or '{builtin.NAME}'"
    )


def _sizes(facts: Facts) -> str:
    size, width = (facts.model[name] for name in header.MODEL_FIELDS)
    return f"{size} px, width {width}"
