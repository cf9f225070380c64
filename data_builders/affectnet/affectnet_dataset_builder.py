"""AffectNet from its tables and the folders that its archives unpack to.

Photos without a face (expression 10) are left out; all others are kept with what the tables say.
Boxes are x, y, width, height in the tables and are stored as x0, y0, x1, y1, in pixel edges.
Landmarks are the tables' own, found by a program; they are taken as pixels counted from 0. A face
whose row has none has a landmark_mask that is False throughout.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.affectnet import downloads


class Builder(face_builder.FaceBuilder):
    """AffectNet: faces with expressions, in the order of its tables."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Ask for AffectNet at https://www.mohammadmahoor.com/pages/databases/affectnet/ and unpack its
    archives into one folder, so that it holds Manually_Annotated_Images/ with training.csv and
    validation.csv, and Automatically_Annotated_Images/ with automatically_annotated.csv (either
    part alone will do). The tables may stay in Manually_Annotated_file_lists/ and
    Automatically_annotated_file_list/. That folder is the manual_dir.
    """
    HOMEPAGE = "https://www.mohammadmahoor.com/pages/databases/affectnet/"
    NUM_LANDMARKS = downloads.NUM_LANDMARKS
    MARGINS = ("affectnet", "300w", "wflw")
    EXTRA_FEATURES = {
        "expression": tfds.features.Scalar(
            dtype=np.int32,
            doc="0 neutral, 1 happy, 2 sad, 3 surprise, 4 fear, 5 disgust, 6 anger, 7 contempt, "
            "8 none, 9 uncertain.",
        ),
        "valence": tfds.features.Scalar(dtype=np.float32, doc="-1..1; -2 where not annotated."),
        "arousal": tfds.features.Scalar(dtype=np.float32, doc="-1..1; -2 where not annotated."),
    }

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        return downloads.find(root)
