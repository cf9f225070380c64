"""Which landmarks a set of labeled faces says nothing about."""

import numpy as np

from scaf_jax.data import sources


def unknown_landmarks(source: sources.Source, num_landmarks: int) -> list[int]:
    """Returns the landmarks that are known in none of a source's faces.

    Faces are read only until every landmark was met: mostly one.

    Args:
      source: Labeled faces.
      num_landmarks: Landmarks of a face.

    Returns:
      Their 0-based numbers, ascending.

    Raises:
      ValueError: A face has another number of landmarks.
    """
    known = np.zeros(num_landmarks, bool)
    for index in range(len(source)):
        if known.all():
            break
        record = source[index]
        mask = np.asarray(record["landmark_mask"], bool)
        if mask.shape != known.shape:
            raise ValueError(
                f"face '{record['key']}' has {len(mask)} landmarks; the scheme has {num_landmarks}"
            )
        known |= mask
    return np.flatnonzero(~known).tolist()
