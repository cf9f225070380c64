"""Photos to measure the data pipeline with: drawn faces in front of a grainy background."""

import io

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from data_builders.synthetic_faces.renderer import render_face
from scaf_jax.data import geometry, sources, warping

_RENDERED = 256
# Side of the drawing as a fraction of the photo's width; a face takes about half of it.
_SHARE = 0.6
_JPEG_QUALITY = 92
# Grain keeps a JPEG file as large as a camera's: smooth drawings would decode too quickly.
_GRAIN = 6.0


# As many faces as 300-W has to train on: what shuffling costs depends on it.
_SOURCE_LENGTH = 3148


class RepeatedSource:
    """A few records in memory, over and over, as a source of usual length."""

    def __init__(self, records: list[sources.Record]) -> None:
        """Takes the records."""
        self._records = records

    def __len__(self) -> int:
        return _SOURCE_LENGTH

    def __getitem__(self, index: int) -> sources.Record:
        return self._records[index % len(self._records)]

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        return [self[i]["key"] for i in range(len(self))]


def make(width: int, count: int) -> list[sources.Record]:
    """Returns the records of `count` faces in JPEG photos of `width` x 3/4 `width` pixels."""
    return [_record(width, number) for number in range(count)]


def _record(width: int, number: int) -> sources.Record:
    face = render_face(5, number, size=_RENDERED)
    rng = np.random.default_rng(number)
    height = 3 * width // 4
    scale = _SHARE * width / _RENDERED
    left, top = rng.uniform(0, 1, 2) * (width - scale * _RENDERED, height - scale * _RENDERED)
    matrix = geometry.invert(warping.shrink_matrix(1 / scale, (-left / scale, -top / scale)))
    box = np.tile([left, top], 2)
    file = io.BytesIO()
    Image.fromarray(_photo(face.image, matrix, (width, height), rng)).save(
        file, "JPEG", quality=_JPEG_QUALITY
    )
    return {
        "image": file.getvalue(),
        "landmarks": geometry.to_crop(face.landmarks68, matrix).astype(np.float32),
        "landmark_mask": np.ones(68, bool),
        "box_detector": (box + scale * face.box_detector).astype(np.float32),
        "box_ground_truth": (box + scale * face.box_ground_truth).astype(np.float32),
        "key": f"{width}/{number:03d}",
        "subset": "",
        "index": number,
    }


def _photo(
    face: npt.NDArray[np.uint8],
    matrix: npt.NDArray[np.float64],
    size: tuple[int, int],
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    colors = rng.uniform(40, 200, (6, 8, 3)).astype(np.float32)
    photo = cv2.resize(colors, size, interpolation=cv2.INTER_CUBIC)
    cv2.warpAffine(
        face.astype(np.float32),
        matrix,
        size,
        dst=photo,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_TRANSPARENT,
    )
    photo += rng.normal(0, _GRAIN, photo.shape).astype(np.float32)
    return np.clip(photo, 0, 255).astype(np.uint8)
