"""The forms of data sets in which photos are cut down to the faces when they are prepared.

A form named `cropped_256` holds, instead of each photo, the part of it that crops of 256 pixels
can show, however training turns, moves and scales them; see `precropping`.
"""

import re
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders import faces
from scaf_jax.data import precropping

Cropping = precropping.Cropping
_CONFIG_NAME = re.compile(r"(?:[a-z0-9_]+_)?cropped_([1-9]\d{0,4})")


def size_of(config_name: str) -> int | None:
    """Returns the N of a builder config `cropped_N` or `NAME_cropped_N`, None for other names."""
    match = _CONFIG_NAME.fullmatch(config_name)
    return int(match[1]) if match else None


def extra_features() -> dict[str, Any]:
    """Returns the features that cropped examples have besides the usual ones."""
    return {
        "stored_matrix": tfds.features.Tensor(
            shape=(2, 3),
            dtype=np.float32,
            doc="From the photo to the stored image; 0 is the center of the first pixel in both.",
        ),
        "photo_size": tfds.features.Tensor(
            shape=(2,), dtype=np.int32, doc="Width and height of the photo."
        ),
    }


def precrop(example: dict[str, Any], cropping: Cropping) -> dict[str, Any]:
    """Returns an example of `face_reading` with the region of its face instead of the photo.

    Raises:
      ValueError: One of `FACE_ERRORS`: the photo cannot be decoded, or the box is far larger.
    """
    try:
        return precropping.precrop(example, cropping)
    except precropping.RegionError as error:
        raise faces.FaceError(str(error)) from error
