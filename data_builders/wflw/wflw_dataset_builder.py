"""WFLW from the folders that its downloads unzip to.

Pixel conventions: WFLW's coordinates count pixels from 0, as all published loaders read them, so
a landmark on the center of the first pixel is 0 and they are stored unchanged. The rectangle of
the lists is the only box that WFLW distributes; the published 3FabRec loader takes it for the
face's box. It is stored as the ground truth, and as the detector's box too, with its numbers
unchanged, and read as pixel edges (0 is the photo's border), as that loader reads it.

The six test subsets overlap; each holds its faces of `test`, under the same keys.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.wflw import downloads, lines


class Builder(face_builder.FaceBuilder):
    """WFLW: faces with 98 landmarks and six attributes, in the published order."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download WFLW_images.tar.gz and WFLW_annotations.tar.gz from
    https://wywu.github.io/projects/LAB/WFLW.html and unpack them into one folder, so that it holds
    WFLW_images/ and WFLW_annotations/list_98pt_rect_attr_train_test/. That folder is the
    manual_dir.
    """
    HOMEPAGE = "https://wywu.github.io/projects/LAB/WFLW.html"
    NUM_LANDMARKS = downloads.NUM_LANDMARKS
    MARGINS = ("wflw", "300w")
    EXTRA_FEATURES = {
        f"attribute_{name}": tfds.features.Scalar(
            dtype=np.bool_, doc=f"Whether the list says 1 under {name}."
        )
        for name in lines.ATTRIBUTES
    }

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        return downloads.find(root)
