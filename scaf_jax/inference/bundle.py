"""A network ready to look at a face: its weights with all that must be known to use them."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from flax import nnx

from scaf_jax.data import geometry
from scaf_jax.landmarks import heatmaps, schemes
from scaf_jax.models import aligner
from scaf_jax.training import state

PyTree = Any


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
    """

    architecture: aligner.Architecture
    codec: heatmaps.HeatmapCodec
    scheme: schemes.LandmarkScheme
    decoder: str

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


def definition(architecture: aligner.Architecture) -> tuple[nnx.GraphDef[Any], PyTree, PyTree]:
    """Returns an aligner's definition and the shapes of its arrays, computing none.

    Args:
      architecture: Which aligner.

    Returns:
      The definition, and nested dicts of `jax.ShapeDtypeStruct`: parameters, running statistics.

    Raises:
      ValueError: There is no such network.
    """
    return state.split(nnx.eval_shape(architecture.build))
