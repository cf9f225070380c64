"""Photos of a folder with landmarks of a user's own: any number, some of them missing.

Pixel conventions: see `csv_tables`, `coco_files` and `pts_folders`; `first_pixel` in scheme.json
says otherwise for the first and the last.
"""

import pathlib
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.landmarks_folder import downloads
from scaf_jax.landmarks import scheme_files


class Builder(face_builder.FaceBuilder):
    """Photos with landmarks of a user's own, marked as the folder's scheme.json says."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="default", description="Any folder.")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual_dir is a folder of photos with scheme.json and one of: landmarks.csv, COCO keypoints
    in a .json, a .pts file beside each photo. data_builders/landmarks_folder/README.md describes
    these files.
    """
    # That of the folder, once it is known.
    NUM_LANDMARKS = 0
    EXTRA_FEATURES = {
        "landmarks": tfds.features.Tensor(
            shape=(None, 2),
            dtype=np.float32,
            doc="x, y in pixels; 0 is the center of the first pixel, and where it is not known.",
        ),
        "landmark_mask": tfds.features.Tensor(
            shape=(None,), dtype=np.bool_, doc="False where a landmark is not known."
        ),
    }
    accepts_any_config_name = True

    def dataset_info_from_configs(self, **kwargs: Any) -> tfds.core.DatasetInfo:
        """See TFDS; the scheme is kept with the data as metadata."""
        return super().dataset_info_from_configs(metadata=tfds.core.MetadataDict(), **kwargs)

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        found = downloads.find(root)
        scheme = downloads.read_scheme(root)
        self.NUM_LANDMARKS = scheme.num_landmarks
        metadata: Any = self.info.metadata
        metadata["scheme"] = scheme_files.scheme_to_dict(scheme)
        return found
