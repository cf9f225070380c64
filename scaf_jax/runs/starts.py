"""What stage 2 can start from: encoder and generator of a run's folder or of a weights file."""

import dataclasses
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

import jax

from scaf_jax.files.places import Place
from scaf_jax.training import checkpointing, tree_paths
from scaf_jax.weights import files, header

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

    path: Place

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def checkpoints(self) -> Place:
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
        about = sizes(self.facts())
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
        parts = [sizes(self.facts()), about.training_data, about.licence, f"{about.steps} steps"]
        return f"{self.name} ({', '.join(filter(None, parts))})"


def sizes(facts: Facts) -> str:
    """Returns a few words on a network's size, for reports."""
    size, width = (facts.model[name] for name in header.MODEL_FIELDS)
    return f"{size} px, width {width}"
