"""The adversarial autoencoder's two halves: encoder (ResNet-18) and generator (inverted ResNet).

Source: 3FabRec (CVPR 2020); SCAF (ICIAP 2022) uses the same networks.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from flax.typing import Dtype

from scaf_jax.models import layers, resnet
from scaf_jax.ops import image_groups, pooling

EMBEDDING_SIZE = 99
INPUT_SIZES = (64, 128, 256)


def check_input_size(input_size: int) -> None:
    """Raises ValueError unless the networks exist for this input size in pixels."""
    if input_size not in INPUT_SIZES:
        raise ValueError(f"input_size must be one of {INPUT_SIZES}, not {input_size}")


class EncoderStage(nnx.Module):
    """Two basic blocks; the first may halve the resolution."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int,
        dtype: Dtype | None,
        rngs: nnx.Rngs,
    ):
        self.block0 = resnet.BasicBlock(
            in_channels, out_channels, stride=stride, dtype=dtype, rngs=rngs
        )
        self.block1 = resnet.BasicBlock(out_channels, out_channels, dtype=dtype, rngs=rngs)
        self.out_channels = out_channels

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        return self.block1(self.block0(x, train=train), train=train)


class Encoder(nnx.Module):
    """Image (B, S, S, 3) -> embedding (B, 99) and the feature maps on the way.

    Args:
      input_size: S: 64, 128 or 256 pixels.
      width_multiplier: Scales every channel count.
      dtype: Dtype to compute in (parameters stay float32).
      rngs: Source of the initial weights.
    """

    def __init__(
        self,
        *,
        input_size: int,
        width_multiplier: float = 1.0,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        check_input_size(input_size)
        base, *wider = (layers.scale_channels(c, width_multiplier) for c in (64, 128, 256, 512))
        self.stem = layers.Conv(
            3,
            base,
            window=7,
            stride=2,
            padding=3,
            init=layers.normal_fan_out,
            dtype=dtype,
            rngs=rngs,
        )
        self.stem_norm = layers.BatchNorm(base, dtype=dtype, rngs=rngs)
        # Every input size meets the same ladder 32, 16, 8, 4.
        self.has_pooling = input_size > 64
        stages = {"layer0": (base, 1), "layer1": (base, 2)}
        if input_size < 256:
            stages = {"layer1": (base, 1)}
        stages |= {f"layer{i}": (channels, 2) for i, channels in enumerate(wider, start=2)}
        self.stages = nnx.Dict()
        channels = base
        for name, (out_channels, stride) in stages.items():
            self.stages[name] = EncoderStage(
                channels, out_channels, stride=stride, dtype=dtype, rngs=rngs
            )
            channels = out_channels
        self.head = layers.Dense(channels, EMBEDDING_SIZE, dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array, *, train: bool) -> tuple[jax.Array, dict[int, jax.Array]]:
        """Encodes images.

        Args:
          images: (B, S, S, 3), RGB in [0, 1] minus the mean.
          train: Whether batch norm uses (and records) the batch's statistics.

        Returns:
          Embeddings (B, 99) and feature maps (B, r, r, C) by resolution r (the deepest of each).
        """
        x, size = image_groups.fill_rows(images, 1, self.stem_norm.num_features)
        x = self.stem_norm(self.stem(x), use_running_average=not train)
        x = jax.nn.relu(x)
        if self.has_pooling:
            x = pooling.max_pool(x, window=3, stride=2, padding=1)
        features = {}
        for stage in self.stages.values():
            x, size = image_groups.fill_rows(x, size, stage.out_channels)
            x = stage(x, train=train)
            features[x.shape[1]] = image_groups.ungroup(x, size)
        return self.head(image_groups.ungroup(x, size).mean(axis=(1, 2))), features


class Generator(nnx.Module):
    """Embedding (B, 99) -> image (B, S, S, 3) in (-1, 1); its stages are exposed.

    Args:
      output_size: S: 64, 128 or 256 pixels.
      width_multiplier: Scales every channel count.
      dtype: Dtype to compute in (parameters stay float32).
      rngs: Source of the initial weights.
    """

    def __init__(
        self,
        *,
        output_size: int,
        width_multiplier: float = 1.0,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        check_input_size(output_size)
        top, *rest = (
            layers.scale_channels(c, width_multiplier) for c in (512, 256, 128, 64, 64, 64)
        )
        num_stages = output_size.bit_length() - 4  # the first gives 8 px, the last S / 2
        self.dense = layers.Dense(EMBEDDING_SIZE, top, dtype=dtype, rngs=rngs)
        self.seed = layers.ConvTranspose(top, top, stride=1, padding=0, dtype=dtype, rngs=rngs)
        self.seed_norm = layers.BatchNorm(top, dtype=dtype, rngs=rngs)
        self.stages = nnx.Dict()
        channels = top
        for i, out_channels in enumerate(rest[:num_stages], start=1):
            self.stages[f"layer{i}"] = resnet.UpsamplingBlock(
                channels, out_channels, dtype=dtype, rngs=rngs
            )
            channels = out_channels
        self.head = layers.ConvTranspose(channels, 3, dtype=dtype, rngs=rngs)

    def start(self, embeddings: jax.Array, *, train: bool) -> jax.Array:
        """Returns the first feature map (B, 4, 4, C) of embeddings (B, 99)."""
        x = self.dense(embeddings)[:, None, None, :]
        return jax.nn.relu(self.seed_norm(self.seed(x), use_running_average=not train))

    def __call__(self, embeddings: jax.Array, *, train: bool) -> jax.Array:
        """Generates images (B, S, S, 3), RGB in [0, 1] minus the mean, from (B, 99)."""
        x, size = self.start(embeddings, train=train), 1
        for stage in self.stages.values():
            x, size = image_groups.fill_rows(x, size, stage.out_channels)
            x = stage(x, train=train)
        return jnp.tanh(image_groups.ungroup(self.head(x), size))
