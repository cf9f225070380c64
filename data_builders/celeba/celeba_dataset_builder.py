"""CelebA, aligned or in the wild: whichever form's photos the downloads hold.

Landmarks are the two eyes, the nose and the corners of the mouth, in whole pixels, taken as
counted from 0. Photos in the wild have boxes x, y, width, height, stored as x0, y0, x1, y1.

Aligned photos have no boxes, but the eyes and the mouth lie at nearly the same places in all of
them: about (69, 111), (108, 111) and, the mouth's corners, (71, 152), (106, 152). Their box is
therefore fixed: (43, 96, 133, 181) of the 178 x 218 pixels. It is where the box around 68
landmarks lies on average when faces with 68 landmarks are turned, scaled and moved so that the
same five points fit those places (measured on 610 faces; deviation of the upper and lower side 3
pixels, of the left and right one 11, which is how far faces turn aside). So the margins that fit
300-W fit it.
"""

import pathlib

import numpy as np
import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.celeba import downloads


class Builder(face_builder.FaceBuilder):
    """CelebA: faces with five landmarks and an identity, in the order of its list."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download from https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html into one folder and unpack:
    either img_celeba (in the wild) with list_bbox_celeba.txt and list_landmarks_celeba.txt, or
    img_align_celeba with list_landmarks_align_celeba.txt; with both forms list_eval_partition.txt
    and, if you were given it, identity_CelebA.txt. The folders Anno/, Eval/ and Img/ may stay.
    That folder is the manual_dir.
    """
    HOMEPAGE = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html"
    NUM_LANDMARKS = downloads.NUM_LANDMARKS
    MARGINS = ("300w",)
    EXTRA_FEATURES = {
        "identity": tfds.features.Scalar(
            dtype=np.int32, doc="Number of the person; -1 where it is not known."
        )
    }

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        return downloads.find(root)
