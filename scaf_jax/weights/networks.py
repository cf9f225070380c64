"""The arrays that the networks of a weights file must have."""

import functools
from collections.abc import Callable

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

    autoencoder.check_input_size(input_size)
    return shapes_of(functools.partial(_stage1, networks, input_size, width_multiplier))


def builder(about: header.Header) -> Callable[[], nnx.Module]:
    """Returns what builds the network of a file with this header.

    Returns:
      A function that gives an aligner, or of stage 1 an `nnx.Dict` of its networks by name.
    """
    if about.marks is not None:
        return about.marks.architecture.build
    return functools.partial(_stage1, about.networks, about.input_size, about.width_multiplier)


def expected_of(about: header.Header) -> dict[str, jax.ShapeDtypeStruct]:
    """Returns the arrays that a file with this header must have; see `expected_arrays`."""
    autoencoder.check_input_size(about.input_size)
    return shapes_of(builder(about))


def _stage1(networks: tuple[str, ...], input_size: int, width_multiplier: float) -> nnx.Dict:
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


def shapes_of(build: Callable[[], nnx.Module]) -> dict[str, jax.ShapeDtypeStruct]:
    _, params, batch_stats = state.definition(build)
    return tree_paths.named_leaves({"params": params, "batch_stats": batch_stats})
