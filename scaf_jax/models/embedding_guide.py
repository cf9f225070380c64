"""A teacher for the embedding in short trainings: whitened principal components of the faces.

Encoder and generator that start from random weights need many thousands of faces until the
embedding tells more than color and light. Principal components of the training crops tell that
from the start, and their whitened coordinates have zero mean and unit variance, as the embedding's
prior N(0, I) has. The published procedure has no such term.
"""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

SIZE = 32  # pixels: more would only add noise to the components


class EmbeddingGuide(nnx.Module):
    """Maps images to the coordinates that their embeddings are drawn to.

    Args:
      num_components: Size of the embedding.
    """

    def __init__(self, num_components: int):
        # Not parameters: nothing trains them, and they are saved with the running statistics.
        self.mean = nnx.BatchStat(jnp.zeros(SIZE * SIZE * 3))
        self.projection = nnx.BatchStat(jnp.zeros((SIZE * SIZE * 3, num_components)))

    def __call__(self, images: jax.Array) -> jax.Array:
        """Returns the coordinates (B, num_components) of images (B, S, S, 3), float32."""
        return (shrink(images) - self.mean[...]) @ self.projection[...]


def shrink(images: jax.Array) -> jax.Array:
    """Averages images (B, S, S, 3) to 32 px; returns (B, 32 * 32 * 3) float32."""
    count, side = len(images), images.shape[1] // SIZE
    blocks = images.astype(jnp.float32).reshape(count, SIZE, side, SIZE, side, 3)
    return blocks.mean(axis=(2, 4)).reshape(count, -1)


def whitened_components(rows: np.ndarray, num_components: int) -> dict[str, np.ndarray]:
    """Returns the mean and the whitening projection of the rows' principal components.

    Args:
      rows: (N, D) float, one shrunk image a row.
      num_components: How many components, K.

    Returns:
      `mean` (D,) and `projection` (D, K) float32: (rows - mean) @ projection has zero mean, unit
      variance and no correlation. Components that the rows do not have are zero.
    """
    mean = rows.mean(axis=0)
    _, scales, directions = np.linalg.svd(rows - mean, full_matrices=False)
    present = scales > 1e-5 * scales[0]
    scales, directions = scales[present][:num_components], directions[present][:num_components]
    projection = np.zeros((rows.shape[1], num_components))
    projection[:, : len(scales)] = directions.T / (scales / np.sqrt(len(rows)))
    return {"mean": mean.astype(np.float32), "projection": projection.astype(np.float32)}
