"""Residual blocks: of the encoder, of the generator (inverted), and the skip bottleneck."""

import jax
import jax.numpy as jnp
from flax import nnx
from flax.typing import Dtype

from scaf_jax.models import layers


class BasicBlock(nnx.Module):
    """conv3x3 - BN - ReLU - conv3x3 - BN, plus the input, ReLU (ResNet-18).

    Where stride or channels change, the input passes through a strided 1x1 convolution and BN.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        stride: int = 1,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        def conv(inputs: int, window: int, step: int) -> layers.Conv:
            return layers.Conv(
                inputs,
                out_channels,
                window=window,
                stride=step,
                padding=window // 2,
                init=layers.normal_fan_out,
                dtype=dtype,
                rngs=rngs,
            )

        self.conv1 = conv(in_channels, 3, stride)
        self.norm1 = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)
        self.conv2 = conv(out_channels, 3, 1)
        self.norm2 = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)
        self.has_projection = stride != 1 or in_channels != out_channels
        if self.has_projection:
            self.projection = conv(in_channels, 1, stride)
            self.projection_norm = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        frozen = not train
        y = jax.nn.relu(self.norm1(self.conv1(x), use_running_average=frozen))
        y = self.norm2(self.conv2(y), use_running_average=frozen)
        if self.has_projection:
            x = self.projection_norm(self.projection(x), use_running_average=frozen)
        return jax.nn.relu(y + x)


class UpsamplingBlock(nnx.Module):
    """A generator stage, (B, H, W, in) -> (B, 2H, 2W, out).

    tconv4x4/2 - BN - ReLU - conv3x3 - BN, plus (tconv4x4/2 - BN) of the input, ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        self.conv1 = layers.ConvTranspose(in_channels, out_channels, dtype=dtype, rngs=rngs)
        self.norm1 = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)
        self.conv2 = layers.Conv(
            out_channels,
            out_channels,
            window=3,
            padding=1,
            init=layers.normal_fan_out,
            dtype=dtype,
            rngs=rngs,
        )
        self.norm2 = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)
        self.projection = layers.ConvTranspose(in_channels, out_channels, dtype=dtype, rngs=rngs)
        self.projection_norm = layers.BatchNorm(out_channels, dtype=dtype, rngs=rngs)
        self.out_channels = out_channels

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        frozen = not train
        y, shortcut = layers.apply_together(x, self.conv1, self.projection)
        y = jax.nn.relu(self.norm1(y, use_running_average=frozen))
        y = self.norm2(self.conv2(y), use_running_average=frozen)
        shortcut = self.projection_norm(shortcut, use_running_average=frozen)
        return jax.nn.relu(y + shortcut)


class Bottleneck(nnx.Module):
    """The hierarchical, parallel, multi-scale block of the skip connections; shape is kept.

    a = conv3x3(relu(bn(x))) to C/2, b and c likewise from a and b to C/4; [a, b, c] + x.
    Source: Bulat & Tzimiropoulos 2017, used by SCAF, sec. 4.2.
    """

    def __init__(self, channels: int, *, dtype: Dtype | None = None, rngs: nnx.Rngs):
        half, quarter = channels // 2, channels // 4
        if half + 2 * quarter != channels:
            raise ValueError(f"a bottleneck needs channels divisible by 4, not {channels}")

        def conv(inputs: int, outputs: int) -> layers.Conv:
            return layers.Conv(inputs, outputs, window=3, padding=1, dtype=dtype, rngs=rngs)

        self.norm1 = layers.BatchNorm(channels, dtype=dtype, rngs=rngs)
        self.conv1 = conv(channels, half)
        self.norm2 = layers.BatchNorm(half, dtype=dtype, rngs=rngs)
        self.conv2 = conv(half, quarter)
        self.norm3 = layers.BatchNorm(quarter, dtype=dtype, rngs=rngs)
        self.conv3 = conv(quarter, quarter)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        frozen = not train
        a = self.conv1(jax.nn.relu(self.norm1(x, use_running_average=frozen)))
        b = self.conv2(jax.nn.relu(self.norm2(a, use_running_average=frozen)))
        c = self.conv3(jax.nn.relu(self.norm3(b, use_running_average=frozen)))
        return jnp.concatenate([a, b, c], axis=-1) + x
