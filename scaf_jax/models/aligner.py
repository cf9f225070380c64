"""The aligner: landmark heatmaps through a frozen generator.

Interleaved Transfer Layers (ITLs) sit between the generator's stages; skip bottlenecks bring the
encoder's feature maps of the same resolution. Source: SCAF, sec. 3.1; without skips it is 3FabRec.

As the paper is written, a bottleneck's output is added with weight 1. A bottleneck keeps its
input, so at the first step that adds the encoder's maps as they are to those of the generator: the
frozen stages behind leave the range that they know, and their ReLUs die. With a learned gain that
starts at 0 the network begins as 3FabRec, and lets in what helps.

ITLs with random weights mix the generator's maps up in the same way: stages behind them see
nothing that they know, and hardly the face. ITLs that begin as the identity leave the generator as
stage 1 made it, so that the head has its maps of the face to learn from.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from flax.typing import Dtype

from scaf_jax import default_config
from scaf_jax.models import autoencoder, layers, resnet

PyTree = Any

FIRST_RESOLUTION = 8

# What a skip bottleneck's output is multiplied by before it is added to the generator's map.
LEARNED, FIXED = "learned", "fixed"
SKIP_GAINS = (LEARNED, FIXED)

# How a new landmark path begins.
RANDOM, IDENTITY = "random", "identity"
PATH_STARTS = (RANDOM, IDENTITY)
COMPUTE_DTYPES = ("float32", "bfloat16")
_PUBLISHED = default_config.get_config()
# Of the head's random weights where ITLs begin as the identity: the generator's maps are larger
# than what random ITLs make of them, and so would the first heatmaps be.
_QUIET_HEAD = 0.05


class Aligner(nnx.Module):
    """Image (B, S, S, 3) -> landmark heatmaps (B, H, H, L).

    Args:
      input_size: S: 64, 128 or 256 pixels.
      heatmap_size: H, 16 px up to S, but at most 128: a power of two. The path leaves the
        generator at H / 2.
      num_landmarks: L.
      skips: Whether skip bottlenecks are there (SCAF) or not (3FabRec).
      skip_gain: `learned`: a gain a channel, 0 at first; `fixed`: 1, as the paper is written.
      width_multiplier: Scales every channel count.
      dtype: Dtype to compute in (parameters stay float32).
      rngs: Source of the initial weights.

    Raises:
      ValueError: The path to heatmap_size does not exist at this input size, or there is no such
        skip_gain.
    """

    def __init__(
        self,
        *,
        input_size: int,
        heatmap_size: int,
        num_landmarks: int,
        skips: bool = _PUBLISHED.alignment.skips,
        skip_gain: str = _PUBLISHED.alignment.skip_gain,
        width_multiplier: float = 1.0,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        sizes = heatmap_sizes(input_size)
        if heatmap_size not in sizes:
            raise ValueError(
                f"heatmap_size must be one of {sizes} at input_size {input_size}, "
                f"not {heatmap_size}"
            )
        if skip_gain not in SKIP_GAINS:
            raise ValueError(f"skip_gain must be one of {SKIP_GAINS}, not '{skip_gain}'")
        self.encoder = autoencoder.Encoder(
            input_size=input_size, width_multiplier=width_multiplier, dtype=dtype, rngs=rngs
        )
        self.generator = autoencoder.Generator(
            output_size=input_size, width_multiplier=width_multiplier, dtype=dtype, rngs=rngs
        )
        self.transfer = TransferPath(
            channels_by_resolution=_path_channels(heatmap_size, width_multiplier),
            skip_resolutions=_skip_resolutions(input_size) if skips else (),
            learned_gains=skip_gain == LEARNED,
            num_landmarks=num_landmarks,
            dtype=dtype,
            rngs=rngs,
        )

    def __call__(
        self, images: jax.Array, *, train: bool, train_backbone: bool = False
    ) -> tuple[jax.Array, jax.Array]:
        """Predicts heatmaps.

        Args:
          images: (B, S, S, 3), RGB in [0, 1] minus the mean.
          train: Whether the bottlenecks' batch norm uses (and records) batch statistics.
          train_backbone: The same for encoder and generator; never in SCAF, whose encoder and
            generator keep their running statistics, but needed when trained from random weights.

        Returns:
          Heatmaps (B, H, H, L) in the compute dtype, and embeddings (B, 99).
        """
        embeddings, features = self.encoder(images, train=train_backbone)
        x = self.generator.start(embeddings, train=train_backbone)
        for name in self.transfer.itls:
            x = self.generator.stages[name](x, train=train_backbone)
            x = self.transfer.itl(name, x, features.get(x.shape[1]), train=train)
        return self.transfer.head(x), embeddings

    def reconstruct(self, embeddings: jax.Array) -> jax.Array:
        """Returns the autoencoder's images (B, S, S, 3) of embeddings (B, 99)."""
        return self.generator(embeddings, train=False)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Which aligner it is, in plain values: what decides its arrays' shapes and its computations.

    Attributes:
      input_size: S, side of the crop in pixels.
      heatmap_size: H, side of the heatmaps in pixels.
      num_landmarks: L.
      skips: Whether skip bottlenecks are there (SCAF) or not (3FabRec).
      skip_gain: One of `SKIP_GAINS`.
      width_multiplier: Scale of every channel count.
      compute_dtype: One of `COMPUTE_DTYPES`; parameters are float32 whatever it is.
    """

    input_size: int
    heatmap_size: int
    num_landmarks: int
    skips: bool = _PUBLISHED.alignment.skips
    skip_gain: str = _PUBLISHED.alignment.skip_gain
    width_multiplier: float = _PUBLISHED.width_multiplier
    compute_dtype: str = _PUBLISHED.compute_dtype

    def build(self, seed: int | jax.Array = 0) -> Aligner:
        """Returns the network with random weights; of a seed, or of a random key under `jit`.

        Raises:
          ValueError: There is none of this kind; the message names the setting.
        """
        if self.compute_dtype not in COMPUTE_DTYPES:
            raise ValueError(
                f"compute_dtype must be one of {COMPUTE_DTYPES}, not '{self.compute_dtype}'"
            )
        arguments = dataclasses.asdict(self)
        dtype = arguments.pop("compute_dtype")
        return Aligner(
            **arguments, dtype=None if dtype == "float32" else dtype, rngs=nnx.Rngs(seed)
        )


def begin_as_identity(params: PyTree) -> PyTree:
    """Returns parameters whose ITLs pass on what they get, and whose heatmaps are faint.

    Args:
      params: Nested dicts of a new `Aligner`.
    """
    path = params["transfer"]
    itls = {name: {"kernel": _identity(itl["kernel"])} for name, itl in path["itls"].items()}
    head = {"kernel": _QUIET_HEAD * path["head"]["kernel"]}
    return {**params, "transfer": {**path, "itls": itls, "head": head}}


def _identity(kernel: jax.Array) -> jax.Array:
    window, _, channels, _ = kernel.shape
    center = window // 2
    return jnp.zeros_like(kernel).at[center, center].set(jnp.eye(channels, dtype=kernel.dtype))


def heatmap_sizes(input_size: int) -> list[int]:
    """Returns the sides that heatmaps may have at an input size, pixels."""
    return [size for size in (16, 32, 64, 128) if size <= input_size]


class TransferPath(nnx.Module):
    """What stage 2 adds: ITLs, skip bottlenecks and the heatmap head."""

    def __init__(
        self,
        *,
        channels_by_resolution: dict[int, int],
        skip_resolutions: tuple[int, ...],
        learned_gains: bool,
        num_landmarks: int,
        dtype: Dtype | None,
        rngs: nnx.Rngs,
    ):
        self.itls, self.bottlenecks, gains = nnx.Dict(), nnx.Dict(), nnx.Dict()
        channels = 0
        for i, (resolution, channels) in enumerate(channels_by_resolution.items(), start=1):
            self.itls[f"layer{i}"] = layers.Conv(
                channels, channels, window=3, padding=1, dtype=dtype, rngs=rngs
            )
            if resolution in skip_resolutions:
                self.bottlenecks[f"layer{i}"] = resnet.Bottleneck(channels, dtype=dtype, rngs=rngs)
                gains[f"layer{i}"] = nnx.Param(jnp.zeros(channels))
        # No parameters where they are not learned: checkpoints of the paper's form have none.
        self.gains = gains if learned_gains else nnx.Dict()
        self.head = layers.ConvTranspose(channels, num_landmarks, dtype=dtype, rngs=rngs)

    def itl(self, name: str, x: jax.Array, feature: jax.Array | None, *, train: bool) -> jax.Array:
        """Applies the ITL after the generator stage `name`, with the encoder's feature if used."""
        if name in self.bottlenecks:
            skip = self.bottlenecks[name](feature, train=train)
            if name in self.gains:
                skip = self.gains[name][...].astype(skip.dtype) * skip
            x = x + skip
        return self.itls[name](x)


def _path_channels(heatmap_size: int, width_multiplier: float) -> dict[int, int]:
    channels = {8: 256, 16: 128, 32: 64, 64: 64}
    return {
        resolution: layers.scale_channels(c, width_multiplier)
        for resolution, c in channels.items()
        if FIRST_RESOLUTION <= resolution < heatmap_size
    }


def _skip_resolutions(input_size: int) -> tuple[int, ...]:
    """Resolutions at which the encoder's features fit the generator's in size and channels."""
    return (8, 16, 32, 64) if input_size == 256 else (8, 16, 32)
