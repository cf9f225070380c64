"""300-W from iBUG's downloads, as they unzip or as others lay them out.

Pixel conventions: `.pts` files count pixels from 1, so 1 is subtracted and a landmark on the
center of the first pixel is 0. Box files hold the extent of the 1-based points; boxes are stored
with these numbers unchanged and read as pixel edges (0 is the photo's border), as the published
loader reads them. A box made here for want of a file follows the same rule. dlib's copy has
0-based points, and boxes of dlib's detector.
"""

import pathlib

import tensorflow_datasets as tfds

from data_builders import face_builder, faces
from data_builders.the300w import downloads


class Builder(face_builder.FaceBuilder):
    """300-W: faces with 68 landmarks, in the published order."""

    VERSION = tfds.core.Version("1.2.0")
    RELEASE_NOTES = {
        "1.0.0": "First release.",
        "1.1.0": "The feature landmark_mask.",
        "1.2.0": "The split test_300w_private, of the 600 indoor and outdoor images.",
    }
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download AFW, HELEN, LFPW, IBUG and the bounding boxes from
    https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ and unzip them into one folder,
    so that it holds afw/, helen/trainset/, helen/testset/, lfpw/trainset/, lfpw/testset/, ibug/
    and 'Bounding Boxes/'. That folder is the manual_dir. 3FabRec's images/train and images/test
    and dlib's ibug_300W_large_face_landmark_dataset are recognized too; 01_Indoor/ and
    02_Outdoor/, anywhere below, become the split test_300w_private.
    """
    HOMEPAGE = "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/"
    NUM_LANDMARKS = 68
    MARGINS = ("300w",)

    def find(self, root: pathlib.Path) -> faces.Found:
        """Lists the faces; see `downloads.find`."""
        return downloads.find(root)
