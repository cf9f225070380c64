"""What is measured: both training steps and inference, with their weights and batches.

Weights and batches are NumPy arrays, so that every contestant starts from the same ones.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from flax import nnx

from scaf_jax.landmarks import heatmaps
from scaf_jax.models import adversarial_autoencoder, aligner
from scaf_jax.training import state

PyTree = Any
Batch = dict[str, np.ndarray]

PRETRAINING, ALIGNMENT, INFERENCE = "pretraining", "alignment", "inference"
TITLES = {
    PRETRAINING: "stage 1 step",
    ALIGNMENT: "stage 2 step",
    INFERENCE: "crop to landmarks",
}
NUM_LANDMARKS = 68
# The discriminators do not learn in every step of stage 1: four steps are one cycle.
_CYCLE = 4
_SEED = 0


@dataclasses.dataclass(frozen=True)
class Workload:
    """One kind of step at one size.

    Attributes:
      kind: A key of `TITLES`.
      size: Side of the crops, in pixels.
      batch_size: Crops in a step.
      width: Multiplier of every channel count.
      dtype: What our networks compute in; None is the parameters' own, float32.
    """

    kind: str
    size: int
    batch_size: int
    width: float = 1.0
    dtype: str | None = None

    @property
    def title(self) -> str:
        """How the table calls it."""
        return TITLES[self.kind]

    @property
    def steps_per_run(self) -> int:
        """How many steps are timed together."""
        return _CYCLE if self.kind == PRETRAINING else 1

    @property
    def images_per_run(self) -> int:
        """How many images are seen in what is timed together."""
        return self.steps_per_run * self.batch_size

    @property
    def codec(self) -> heatmaps.HeatmapCodec:
        """The published codec: sigma 7 on heatmaps of 128 px (64 for crops of 64 px)."""
        return heatmaps.HeatmapCodec(input_size=self.size, heatmap_size=min(128, self.size))

    def build_model(self) -> nnx.Module:
        """Returns the model with random weights."""
        rngs = nnx.Rngs(_SEED)
        if self.kind == PRETRAINING:
            return adversarial_autoencoder.PretrainingModel(
                input_size=self.size, width_multiplier=self.width, dtype=self.dtype, rngs=rngs
            )
        return aligner.Aligner(
            input_size=self.size,
            heatmap_size=self.codec.heatmap_size,
            num_landmarks=NUM_LANDMARKS,
            skips=True,
            skip_gain=aligner.FIXED,  # the PyTorch side has no gains
            width_multiplier=self.width,
            dtype=self.dtype,
            rngs=rngs,
        )

    def graphdef(self) -> nnx.GraphDef[Any]:
        """Returns the model's definition."""
        return state.split(nnx.eval_shape(self.build_model))[0]

    def weights(self) -> tuple[PyTree, PyTree]:
        """Returns random parameters and the first running statistics, NumPy arrays.

        NumPy draws them, since compiling the models' own initialization takes longer than the
        measurement; for speed it only matters that they are of an ordinary size.
        """
        rng = np.random.default_rng(_SEED)
        shapes = state.split(nnx.eval_shape(self.build_model))[1:]
        return jax.tree_util.tree_map_with_path(functools.partial(_draw, rng), shapes)

    def batch(self) -> Batch:
        """Returns random crops `image` (B, S, S, 3) uint8; for stage 2 their landmarks as well."""
        rng = np.random.default_rng(_SEED)
        count, size = self.batch_size, self.size
        batch: Batch = {"image": rng.integers(0, 256, (count, size, size, 3), np.uint8)}
        if self.kind == ALIGNMENT:
            points = rng.uniform(0, size - 1, (count, NUM_LANDMARKS, 2))
            batch["landmarks"] = points.astype(np.float32)
            batch["landmark_mask"] = np.ones((count, NUM_LANDMARKS), bool)
        return batch


def _draw(rng: np.random.Generator, path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> Any:
    if len(leaf.shape) == 1:  # of a norm or a bias
        return np.full(leaf.shape, path[-1].key in ("scale", "var"), np.float32)
    kernel = rng.standard_normal(leaf.shape, np.float32)
    return kernel / np.float32(np.sqrt(np.prod(leaf.shape[:-1])))
