"""300-W from the folders that iBUG's downloads unzip to.

Pixel conventions: `.pts` files count pixels from 1, so 1 is subtracted and a landmark on the
centre of the first pixel is 0. Box files hold the extent of the 1-based points; boxes are stored
with these numbers unchanged and read as pixel edges (0 is the photo's border), as the published
loader reads them. A box made here for want of a file follows the same rule.
"""

import pathlib

import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.the300w import downloads


class Builder(face_builder.FaceBuilder):
    """300-W: faces with 68 landmarks, in the published order."""

    VERSION = tfds.core.Version("1.1.0")
    RELEASE_NOTES = {
        "1.0.0": "First release.",
        "1.1.0": "The feature landmark_mask.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download AFW, HELEN, LFPW, IBUG and the bounding boxes from
    https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ and unzip them into one folder,
    so that it holds afw/, helen/trainset/, helen/testset/, lfpw/trainset/, lfpw/testset/, ibug/
    and 'Bounding Boxes/'. That folder is the manual_dir.
    """
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/"
    NUM_LANDMARKS = 68

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        return downloads.find(root)
