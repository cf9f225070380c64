"""A landmark network to start from, of these or of other landmarks.

It gives encoder, generator and landmark path. Its head, the last layer, draws its own landmarks: it
is taken where the run's are the same, else the run's begins anew. So a network that learned many
drawn faces, or another scheme, serves few labeled faces of one's own.
"""

import dataclasses
import functools
import pathlib
from typing import Any

import jax

from scaf_jax.files.places import Place
from scaf_jax.inference import bundle
from scaf_jax.landmarks import schemes
from scaf_jax.runs import identity
from scaf_jax.runs.run import Run
from scaf_jax.runs.starts import SUBTREES, Facts, sizes
from scaf_jax.training import checkpointing, tree_paths
from scaf_jax.weights import files, header

PyTree = Any

_STAGE = "alignment"
_PATH = ("params/transfer", "batch_stats/transfer")
_HEAD = "params/transfer/head"
# What the landmark path's arrays depend on, beside the sizes that stage 1 has, too.
_SHAPE = ("heatmap_size", "skips", "skip_gain")


@dataclasses.dataclass(frozen=True)
class LandmarkNetwork:
    """A landmark network: the folder of its training, or a weights file.

    Attributes:
      path: Where it is.
      name: What `pretraining.run` calls it.
      scheme: The run's landmarks.
    """

    path: Place
    name: str
    scheme: schemes.LandmarkScheme

    def facts(self) -> Facts:
        network = _loaded(self.path)
        model = {name: getattr(network.architecture, name) for name in header.MODEL_FIELDS}
        return Facts(model, network.crop.to_dict())

    def load(self, like: PyTree) -> dict[str, PyTree]:
        network = _loaded(self.path)
        theirs = tree_paths.named_leaves(
            {"params": network.params, "batch_stats": network.batch_stats}
        )
        places = tree_paths.select(tree_paths.named_leaves(like), (*SUBTREES, *_PATH))
        own = () if self.has_same_landmarks() else tree_paths.select(places, [_HEAD])
        # Copied: a training takes over the memory of what it begins with.
        return tree_paths.nest(
            {
                name: leaf if name in own else jax.device_put(theirs[name].copy(), leaf.sharding)
                for name, leaf in places.items()
            }
        )

    def has_same_landmarks(self) -> bool:
        """Returns whether its landmarks are the run's, so that its head can be taken."""
        return _loaded(self.path).scheme.landmark_names == self.scheme.landmark_names

    def identity(self) -> Any:
        if isinstance(self.path, pathlib.Path) and self.path.is_file():
            return {"weights": files.digest(self.path)}
        metadata = checkpointing.read_metadata(checkpointing.folder_of(self.path))
        return [metadata.get("settings"), metadata.get("step")]

    def describe(self) -> str:
        network = _loaded(self.path)
        head = "its head too" if self.has_same_landmarks() else "without its head"
        return (
            f"{self.name} ({sizes(self.facts())}, a landmark network of "
            f"'{network.scheme.name}', {head}, {network.provenance['steps']} steps)"
        )


def is_landmark_network(path: Place) -> bool:
    """Whether a folder is that of a landmark network's training, or a file holds such a network.

    The folder of a whole run is none: it may hold a stage 1 as well.
    """
    if isinstance(path, pathlib.Path) and path.is_file():
        return files.read_header(path).marks is not None
    metadata = checkpointing.read_metadata(checkpointing.folder_of(path))
    return metadata.get("stage") == _STAGE


def check_fits(run: Run, network: LandmarkNetwork) -> None:
    """Raises RunMismatchError unless the run's landmark path has the network's shape."""
    theirs, ours = _loaded(network.path).architecture, run.landmark_stage().architecture
    wrong = [
        f"alignment.{name} is {getattr(theirs, name)!r} there and {getattr(ours, name)!r} here"
        for name in _SHAPE
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if wrong:
        raise identity.RunMismatchError(
            f"the landmark network {network.name} does not fit: {'; '.join(wrong)}. Give this run "
            "the same, or name a stage 1 with pretraining.run"
        )


@functools.lru_cache(maxsize=2)
def _loaded(path: Place) -> bundle.Bundle:
    return bundle.Bundle.load(path)
