"""Photos of a folder tree without landmarks: what stage 1 learns from.

Pixel conventions: boxes are pixel edges, 0 is the photo's border.
"""

import pathlib

import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.faces_folder import downloads


class Builder(face_builder.FaceBuilder):
    """Photos without landmarks, by name."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name="default", description="Any folder.")]
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    The manual_dir is a folder of photos, with sub-folders or not. boxes.csv or boxes.json in it
    may say where the faces are; data_builders/faces_folder/README.md describes these files.
    """
    NUM_LANDMARKS = 0
    accepts_any_config_name = True

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the photos; see `downloads.find`."""
        return downloads.find(root)
