"""A network ready to look at a face: its weights with all that must be known to use them."""

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax import nnx

from scaf_jax.data import geometry
from scaf_jax.files.places import Place
from scaf_jax.inference import fitted_file, run_folder
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.training import state, tree_paths
from scaf_jax.weights import builtin, exporting, files, header, marks, torch_files
from scaf_jax.weights.fitted import Fitted

PyTree = Any

# What a weights file says of its own, outside of a network's marks.
_TEXTS = ("training_data", "licence", "attribution")


@dataclasses.dataclass(frozen=True)
class FaceNetwork:
    """A network with an encoder and a generator, and the crops that it was trained on.

    Attributes:
      graphdef: The module's definition.
      params: Its parameters, nested dicts of arrays.
      batch_stats: Its running statistics, nested dicts of arrays.
      crop: How faces are cut out for it. It takes these (S, S, 3) uint8 RGB crops, see
        `training.preprocessing`.
      provenance: Where it is from, plain values such as `steps`, `stage1` and `labels`.
    """

    graphdef: nnx.GraphDef[Any]
    params: PyTree
    batch_stats: PyTree
    crop: geometry.CropSettings
    provenance: Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Bundle(FaceNetwork):
    """A landmark network.

    Attributes:
      architecture: Which network it is, what `graphdef` is made from.
      codec: What its heatmaps mean.
      scheme: What its landmarks mean.
      decoder: How places are read from heatmaps by default, one of `heatmaps.DECODERS`.
      fitted: What was fitted to it after its training.
    """

    architecture: aligner.Architecture
    codec: heatmaps.HeatmapCodec
    scheme: schemes.LandmarkScheme
    decoder: str
    fitted: Fitted = Fitted()

    def __post_init__(self) -> None:
        for what, values in self._said_twice().items():
            if len(set(values)) > 1:
                told = " and ".join(repr(value) for value in dict.fromkeys(values))
                raise ValueError(f"a network's {what} is said to be {told}: its parts do not fit")
        if self.decoder not in heatmaps.DECODERS:
            raise ValueError(f"decoder must be one of {heatmaps.DECODERS}, not '{self.decoder}'")

    def _said_twice(self) -> dict[str, tuple[Any, ...]]:
        shape, codec, crop = self.architecture, self.codec, self.crop
        return {
            "input_size": (shape.input_size, codec.input_size, crop.input_size),
            "heatmap_size": (shape.heatmap_size, codec.heatmap_size),
            "pixel_convention": (codec.pixel_convention, crop.pixel_convention),
            "num_landmarks": (shape.num_landmarks, self.scheme.num_landmarks),
        }

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Bundle":
        """Loads a landmark network.

        Args:
          path: The folder of a run or of its stage 2 (WORKDIR, WORKDIR/alignment), of which the
            last checkpoint is taken; or a weights file, as `save` writes it. Either may be in a
            bucket (gs://...).

        Raises:
          FileNotFoundError: There is neither, or no checkpoint in the folder.
          checkpoint_errors.CheckpointError, header.WeightsError: It is damaged, not ours, from a
            later version, or a stage 1, which marks no landmarks.
        """
        place = builtin.place_of(os.fspath(path))
        if isinstance(place, pathlib.Path) and torch_files.is_snapshot(place):
            raise header.WeightsError(
                f"{path} is a snapshot of PyTorch; `python -m scaf_jax.convert {path} "
                "FILE.safetensors` makes a weights file of it"
            )
        about, crop, params, batch_stats = (
            run_folder.read(place) if place.is_dir() else _read_file(place)
        )
        return cls(
            graphdef=state.definition(about.architecture.build)[0],
            params=params,
            batch_stats=batch_stats,
            crop=crop,
            provenance=about.provenance,
            architecture=about.architecture,
            codec=about.codec,
            scheme=about.scheme,
            decoder=about.decoder,
            fitted=fitted_file.read(place, int(about.provenance["steps"]))
            if place.is_dir()
            else about.fitted,
        )

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        provenance: exporting.Provenance | None = None,
        overwrite: bool = False,
    ) -> header.Header:
        """Writes the network as a weights file, whole or not at all; its arrays stay float32.

        Args:
          path: The file; its folder must exist.
          provenance: Where the photos are from. Where it says nothing, what the network itself
            was loaded with.
          overwrite: Whether a file that is there is replaced.

        Returns:
          What the file says of itself.

        Raises:
          FileNotFoundError: There is no folder for it.
          header.WeightsError: It is there already, or an array is not finite.
          ValueError: `provenance` of the network holds something else than plain values.
        """
        path = pathlib.Path(path)
        exporting.check_folder(path)
        about, arrays = self.to_weights(provenance)
        files.write(path, about, arrays, overwrite=overwrite)
        return about

    def to_weights(self, provenance: exporting.Provenance | None = None) -> files.Weights:
        """Returns what `save` writes; arguments and errors as there."""
        known = dict(self.provenance)
        own = {name: known.pop(name, "") for name in _TEXTS}
        given = dataclasses.asdict(provenance or exporting.Provenance())
        about = header.Header(
            networks=header.LANDMARK_NETWORK,
            width_multiplier=float(self.architecture.width_multiplier),
            crop=self.crop,
            steps=known.pop("steps", 0),
            package_version=exporting.package_version(),
            marks=marks.Marks(
                self.architecture, self.codec, self.scheme, self.decoder, known, self.fitted
            ),
            **{name: given[name] or own[name] for name in _TEXTS},
        )
        named = tree_paths.named_leaves({"params": self.params, "batch_stats": self.batch_stats})
        return files.Weights(about, {name: np.asarray(array) for name, array in named.items()})


def _read_file(path: Place) -> run_folder.Saved:
    if not isinstance(path, pathlib.Path) or not path.is_file():
        raise FileNotFoundError(
            f"there is neither a folder nor a file {path}: give the folder of a run, or a landmark "
            "network's weights file"
        )
    about, arrays = files.read(path)
    if about.marks is None:
        raise header.WeightsError(
            f"{path} holds {' and '.join(about.networks)} only, a stage 1, which marks no "
            "landmarks: give a file that was written from a whole run"
        )
    texts = {name: getattr(about, name) for name in _TEXTS if getattr(about, name)}
    origin = {"steps": about.steps, **about.marks.provenance, **texts}
    tree = tree_paths.nest(arrays)
    return run_folder.Saved(
        dataclasses.replace(about.marks, provenance=origin),
        about.crop,
        tree["params"],
        tree["batch_stats"],
    )
