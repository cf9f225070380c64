"""What happens to a batch of crops on the device before the networks see it."""

import jax
import jax.numpy as jnp

IMAGE_MEAN = (0.518, 0.418, 0.361)


def normalize(images: jax.Array) -> jax.Array:
    """Maps RGB bytes (B, S, S, 3) to [0, 1] minus the mean, float32; floats pass unchanged.

    Source: 3FabRec (CVPR 2020): no division by a deviation, so that reconstructions through a
    tanh live in the same range.
    """
    if jnp.issubdtype(images.dtype, jnp.floating):
        return images
    return images.astype(jnp.float32) / 255.0 - jnp.asarray(IMAGE_MEAN, jnp.float32)


def denormalize(images: jax.Array) -> jax.Array:
    """Maps networks' images (B, S, S, 3) back to RGB bytes."""
    scaled = (images.astype(jnp.float32) + jnp.asarray(IMAGE_MEAN, jnp.float32)) * 255.0
    return jnp.clip(jnp.round(scaled), 0, 255).astype(jnp.uint8)
