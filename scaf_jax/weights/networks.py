"""The arrays that the networks of a weights file must have."""

import jax
from flax import nnx

from scaf_jax.models import autoencoder, discriminators
from scaf_jax.training import state, tree_paths
from scaf_jax.weights import header


def expected_arrays(
    networks: tuple[str, ...], *, input_size: int, width_multiplier: float
) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the arrays of some networks of stage 1, without computing any.

    Args:
      networks: Names, of `header.AUTOENCODER` and `header.DISCRIMINATORS`.
      input_size: Side of the images, in pixels.
      width_multiplier: Scale of the channel counts.

    Returns:
      float32 shapes by path, such as 'params/encoder/stem/kernel'.

    Raises:
      ValueError: The networks do not exist at this size.
    """

    def build() -> nnx.Dict:
        common = {"width_multiplier": width_multiplier, "rngs": nnx.Rngs(0)}
        makers = {
            "encoder": lambda: autoencoder.Encoder(input_size=input_size, **common),
            "generator": lambda: autoencoder.Generator(output_size=input_size, **common),
            "embedding_discriminator": lambda: discriminators.EmbeddingDiscriminator(**common),
            "image_discriminator": lambda: discriminators.ImageDiscriminator(
                input_size=input_size, **common
            ),
        }
        return nnx.Dict({name: makers[name]() for name in networks})

    autoencoder.check_input_size(input_size)
    _, params, batch_stats = state.definition(build)
    return tree_paths.named_leaves({"params": params, "batch_stats": batch_stats})


def expected_of(about: header.Header) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the arrays that a file with this header must have; see `expected_arrays`."""
    if about.marks is not None:
        _, params, batch_stats = state.definition(about.marks.architecture.build)
        return tree_paths.named_leaves({"params": params, "batch_stats": batch_stats})
    return expected_arrays(
        about.networks, input_size=about.input_size, width_multiplier=about.width_multiplier
    )
