"""The two discriminators of the adversarial autoencoder: of embeddings and of images.

Source: 3FabRec (CVPR 2020).
"""

import jax
import jax.numpy as jnp
from flax import nnx
from flax.typing import Dtype

from scaf_jax.models import autoencoder, layers
from scaf_jax.ops import image_groups


class EmbeddingDiscriminator(nnx.Module):
    """Embedding (B, 99) -> probability (B,) that it was drawn from N(0, I)."""

    def __init__(
        self,
        *,
        width_multiplier: float = 1.0,
        dropout_rate: float = 0.2,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        hidden = layers.scale_channels(1000, width_multiplier)
        self.dense1 = layers.Dense(autoencoder.EMBEDDING_SIZE, hidden, dtype=dtype, rngs=rngs)
        self.dense2 = layers.Dense(hidden, hidden, dtype=dtype, rngs=rngs)
        self.dense3 = layers.Dense(hidden, 1, dtype=dtype, rngs=rngs)
        self.dropout = nnx.Dropout(dropout_rate)

    def __call__(self, embeddings: jax.Array, *, dropout_key: jax.Array | None) -> jax.Array:
        """Returns probabilities (B,); dropout is off where dropout_key is None."""
        off = dropout_key is None
        keys = (None, None) if off else jax.random.split(dropout_key)
        x = self.dropout(self.dense1(embeddings), rngs=keys[0], deterministic=off)
        x = self.dropout(self.dense2(jax.nn.relu(x)), rngs=keys[1], deterministic=off)
        return _probability(self.dense3(jax.nn.relu(x))[:, 0])


class ImageDiscriminator(nnx.Module):
    """Image (B, S, S, 3) -> probability (B,) that it is a photo.

    conv4x4/2 stages to 32, 64, 128, 256, 256 channels (one fewer at 64 px), each LeakyReLU 0.2
    and, all but the first, BN before it; conv4x4 to one channel, global average, sigmoid.
    """

    def __init__(
        self,
        *,
        input_size: int,
        width_multiplier: float = 1.0,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        autoencoder.check_input_size(input_size)
        widths = [layers.scale_channels(c, width_multiplier) for c in (32, 64, 128, 256, 256)]
        if input_size == 64:
            widths.pop()
        self.convs, self.norms = nnx.Dict(), nnx.Dict()
        channels = 3
        for i, width in enumerate(widths):
            self.convs[f"conv{i}"] = layers.Conv(
                channels, width, window=4, stride=2, padding=1, dtype=dtype, rngs=rngs
            )
            if i:
                self.norms[f"conv{i}"] = layers.BatchNorm(width, dtype=dtype, rngs=rngs)
            channels = width
        self.head = layers.Conv(channels, 1, window=4, dtype=dtype, rngs=rngs)

    def __call__(self, images: jax.Array, *, train: bool) -> jax.Array:
        """Returns probabilities (B,) for images (B, S, S, 3), in [0, 1] minus the mean."""
        x, size = image_groups.fill_rows(images, 1, self.convs["conv0"].kernel.shape[3])
        for name, conv in self.convs.items():
            x = conv(x)
            if name in self.norms:
                x = self.norms[name](x, use_running_average=not train)
            x = jax.nn.leaky_relu(x, 0.2)
            x, size = image_groups.fill_rows(x, size, conv.kernel.shape[3])
        x = image_groups.ungroup(x, size)
        return _probability(self.head(x).mean(axis=(1, 2, 3)))


def _probability(logits: jax.Array) -> jax.Array:
    # Close to 0 and 1 bfloat16 has no digits left for the logarithms of the losses.
    return jax.nn.sigmoid(logits.astype(jnp.promote_types(logits.dtype, jnp.float32)))
