"""300-W from the folders that iBUG's downloads unzip to.

Pixel conventions: `.pts` files count pixels from 1, so 1 is subtracted and a landmark on the
centre of the first pixel is 0. Box files hold the extent of the 1-based points; boxes are stored
with these numbers unchanged and read as pixel edges (0 is the photo's border), as the published
loader reads them. A box made here for want of a file follows the same rule.
"""

import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from data_builders.the300w import boxes, downloads
from scaf_jax.data import images, pts

_TRAIN = ("afw", "helen/trainset", "lfpw/trainset")
_COMMON = ("helen/testset", "lfpw/testset")
_CHALLENGING = ("ibug",)
SPLITS = {
    "train": _TRAIN,
    "test_common": _COMMON,
    "test_challenging": _CHALLENGING,
    "test_full": _COMMON + _CHALLENGING,
}
_NUM_LANDMARKS = 68


class Builder(tfds.core.GeneratorBasedBuilder):
    """300-W: faces with 68 landmarks, in the published order."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}
    MANUAL_DOWNLOAD_INSTRUCTIONS = """
    Download AFW, HELEN, LFPW, IBUG and the bounding boxes from
    https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/ and unzip them into one folder,
    so that it holds afw/, helen/trainset/, helen/testset/, lfpw/trainset/, lfpw/testset/, ibug/
    and 'Bounding Boxes/'. That folder is the manual_dir.
    """

    def __init__(self, *, strict: bool = False, **kwargs: Any) -> None:
        """Makes the builder.

        Args:
          strict: Whether downloads that are not complete are an error rather than a warning.
          **kwargs: What every TFDS builder takes, such as `data_dir`.
        """
        self._strict = strict
        self.problems: list[str] = []  # of the downloads; known once it is prepared
        super().__init__(**kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    # Encoded, so that neither preparing nor reading needs TensorFlow.
                    "image": tfds.features.Tensor(
                        shape=(), dtype=np.object_, doc="The photo file's bytes."
                    ),
                    "landmarks": tfds.features.Tensor(
                        shape=(_NUM_LANDMARKS, 2),
                        dtype=np.float32,
                        doc="x, y in pixels; 0 is the centre of the first pixel.",
                    ),
                    "box_detector": tfds.features.Tensor(
                        shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1 of a face detector."
                    ),
                    "box_ground_truth": tfds.features.Tensor(
                        shape=(4,), dtype=np.float32, doc="x0, y0, x1, y1 around the landmarks."
                    ),
                    "key": tfds.features.Text(doc="Folder and file name of the photo."),
                    "subset": tfds.features.Text(doc="Folder: afw, helen/trainset, ..."),
                    "index": tfds.features.Scalar(
                        dtype=np.int32, doc="Place in the split's published list."
                    ),
                }
            ),
            homepage="https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/",
            # 'The first N labels' means the published order.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Any]:
        root = pathlib.Path(dl_manager.manual_dir)
        faces, problems = downloads.find_faces(root)
        face_boxes, box_problems = downloads.read_all_boxes(root, faces)
        self.problems = problems + box_problems
        downloads.report(self.problems, strict=self._strict)
        members = {name: [f for folder in SPLITS[name] for f in faces[folder]] for name in SPLITS}
        return {
            name: self._generate_examples(listed, face_boxes)
            for name, listed in members.items()
            if listed  # TFDS has no empty splits
        }

    def _generate_examples(
        self, faces: Sequence[downloads.Face], face_boxes: dict[str, boxes.FaceBoxes]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, face in enumerate(faces):
            example = _read_face(face, face_boxes.get(face.key))
            yield index, {**example, "index": index}


def _read_face(face: downloads.Face, entry: boxes.FaceBoxes | None) -> dict[str, Any]:
    points = pts.read_pts(face.points, _NUM_LANDMARKS)
    encoded = images.read_encoded(face.image)
    # Decoded once here, so that a damaged photo shows now and not hours into a training.
    pixels, _ = images.decode_image(encoded, str(face.image))
    size = np.array(pixels.shape[1::-1], np.float32)
    if (points < -size).any() or (points > 2 * size).any():
        raise downloads.DownloadError(
            f"{face.points}: a point lies far outside the photo {face.image.name} of "
            f"{size[0]:.0f} x {size[1]:.0f} pixels; do the two belong together?"
        )
    ground_truth = boxes.extent(points)
    if entry is not None and entry.ground_truth is not None:
        ground_truth = entry.ground_truth
    if not (ground_truth[:2] < ground_truth[2:]).all():
        raise downloads.DownloadError(f"{face.points}: the points do not span a face")
    detector = ground_truth
    if entry is not None and entry.detector is not None:
        detector = entry.detector
    return {
        "image": encoded,
        "landmarks": points - np.float32(1),
        "box_detector": detector,
        "box_ground_truth": ground_truth,
        "key": face.key,
        "subset": face.folder,
    }
