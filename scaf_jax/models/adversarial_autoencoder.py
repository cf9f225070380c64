"""All networks of stage 1 together: the autoencoder, its two discriminators, perhaps a guide."""

import dataclasses
from typing import Any

from flax import nnx
from flax.typing import Dtype

from scaf_jax.models import autoencoder, discriminators, embedding_guide


class PretrainingModel(nnx.Module):
    """The four networks of stage 1, and the guide of the embedding where one is used."""

    def __init__(
        self,
        *,
        input_size: int,
        width_multiplier: float = 1.0,
        guided: bool = False,
        dtype: Dtype | None = None,
        rngs: nnx.Rngs,
    ):
        common: dict[str, Any] = {
            "width_multiplier": width_multiplier,
            "dtype": dtype,
            "rngs": rngs,
        }
        self.encoder = autoencoder.Encoder(input_size=input_size, **common)
        self.generator = autoencoder.Generator(output_size=input_size, **common)
        self.embedding_discriminator = discriminators.EmbeddingDiscriminator(**common)
        self.image_discriminator = discriminators.ImageDiscriminator(
            input_size=input_size, **common
        )
        if guided:
            self.embedding_guide = embedding_guide.EmbeddingGuide(autoencoder.EMBEDDING_SIZE)


@dataclasses.dataclass(frozen=True)
class Architecture:
    """Which networks of stage 1 they are, in plain values.

    Attributes:
      input_size: Side of the crop in pixels.
      width_multiplier: Scale of every channel count.
      compute_dtype: One of `aligner.COMPUTE_DTYPES`; parameters are float32 whatever it is.
      guided: Whether the embedding has a guide.
    """

    input_size: int
    width_multiplier: float
    compute_dtype: str
    guided: bool

    def build(self, seed: int = 0) -> PretrainingModel:
        """Returns the networks with random weights."""
        return PretrainingModel(
            input_size=self.input_size,
            width_multiplier=self.width_multiplier,
            guided=self.guided,
            dtype=None if self.compute_dtype == "float32" else self.compute_dtype,
            rngs=nnx.Rngs(seed),
        )
