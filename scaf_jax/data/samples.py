"""One record to one row of a batch: decode, crop, change, and map the landmarks along."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import augmentations, geometry, images, sources, warping
from scaf_jax.landmarks import schemes

Sample = dict[str, npt.NDArray[Any]]

_MAX_JPEG_SHRINK = 8


def cut_face(
    record: sources.Record,
    matrix: npt.NDArray[Any],
    size: int,
    interpolation: str = warping.BICUBIC,
    border: str = warping.BLACK,
) -> npt.NDArray[np.uint8]:
    """Decodes a record's photo and cuts the crop out of it.

    A JPEG that shrinks to less than half is decoded smaller at once, which is several times
    faster for large photos.

    Args:
      record: Has `image` and `key`.
      matrix: (2, 3), photo to crop.
      size: Side of the crop.
      interpolation: One of `warping.INTERPOLATIONS`.
      border: One of `warping.BORDERS`, what lies outside the photo.

    Returns:
      (size, size, 3) uint8 RGB.

    Raises:
      ImageError: The photo cannot be decoded; the message names its key.
    """
    shrink = jpeg_shrink(matrix)
    pixels, shrink = images.decode_image(record["image"], record["key"], shrink=shrink)
    if shrink > 1:
        matrix = geometry.compose(matrix, warping.shrink_matrix(shrink))
    return warping.warp(pixels, matrix, size, interpolation, border)


def jpeg_shrink(matrix: npt.NDArray[Any]) -> int:
    """Returns how many times smaller a photo may be decoded for its (2, 3) crop matrix."""
    shrinkage = 1 / geometry.matrix_scale(matrix)
    shrink = 1
    while 2 * shrink <= min(shrinkage, _MAX_JPEG_SHRINK):
        shrink *= 2
    return shrink


def photo_to_crop(record: sources.Record, matrix: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Returns the (2, 3) matrix from the photo to the crop, where records may hold parts of photos.

    Args:
      record: Has `stored_matrix` where its image is only a part of the photo.
      matrix: (2, 3), from the record's image to the crop.
    """
    stored = record.get("stored_matrix")
    return np.asarray(matrix if stored is None else geometry.compose(matrix, stored), np.float64)


def landmarks_in_crop(
    record: sources.Record,
    points: npt.NDArray[Any],
    matrix: npt.NDArray[Any],
    convention: geometry.PixelConvention,
) -> npt.NDArray[np.float64]:
    """Maps a record's landmarks to the crop, as `geometry.to_crop` maps those of its photo.

    Args:
      record: Has `stored_matrix` where its image is only a part of the photo.
      points: (L, 2) pixels of the record's image.
      matrix: (2, 3), from the record's image to the crop.
      convention: The crop coordinates wanted; `corners` depends on the size of the photo's pixels.

    Returns:
      (L, 2) float64 crop coordinates.
    """
    stored = record.get("stored_matrix")
    if stored is not None:
        points, matrix = geometry.to_photo(points, stored), photo_to_crop(record, matrix)
    return geometry.to_crop(points, matrix, convention)


@dataclasses.dataclass(frozen=True)
class TrainCrop:
    """(place, record) and randomness -> one face of a training batch; see `pipelines`.

    Attributes:
      crop: How the face is cut out.
      augmentation: How it is changed; None leaves it.
      scheme: How it is marked; None leaves landmarks out.
    """

    crop: geometry.CropSettings
    augmentation: augmentations.AugmentationSettings | None
    scheme: schemes.LandmarkScheme | None

    def __call__(self, element: tuple[int, sources.Record], rng: np.random.Generator) -> Sample:
        index, record = element
        size = self.crop.input_size
        change, settings = None, self.augmentation
        if settings is not None:
            change = augmentations.draw(rng, settings, size)
        matrix = _matrix(record, self.crop, None if change is None else change.matrix)
        if settings is None:
            image = cut_face(record, matrix, size)
        else:
            image = cut_face(record, matrix, size, settings.interpolation, settings.border)
            image = augmentations.occlude(rng, image, settings.occlusion_probability)

        points, mask = _landmarks(record, self.scheme.num_landmarks if self.scheme else 0)
        points = landmarks_in_crop(record, points, matrix, self.crop.pixel_convention)
        if self.scheme is not None and change is not None and change.flip:
            points = geometry.mirror(points, self.scheme.flip_permutation)
            mask = geometry.mirror(mask[:, None], self.scheme.flip_permutation)[:, 0]
        return {
            "image": image,
            "landmarks": np.where(mask[:, None], points, 0).astype(np.float32),
            "landmark_mask": mask,
            "index": np.array(index, np.int32),
        }


@dataclasses.dataclass(frozen=True)
class EvaluationCrop:
    """(place, record) -> one row of an evaluation batch; see `pipelines`.

    Attributes:
      crop: How the face is cut out.
      num_landmarks: How many landmarks it has; 0 leaves them out.
      of_image: Whether coordinates outside the crop are those of the record's image, and not of
        the photo, where the image is only a part of it.
    """

    crop: geometry.CropSettings
    num_landmarks: int
    of_image: bool = False

    def __call__(self, element: tuple[int, sources.Record | None]) -> Sample:
        index, record = element
        size = self.crop.input_size
        if record is None:
            return _empty_row(size, self.num_landmarks)
        matrix = _matrix(record, self.crop, None)
        photo_points, mask = _landmarks(record, self.num_landmarks)
        points = landmarks_in_crop(record, photo_points, matrix, self.crop.pixel_convention)
        image, box = cut_face(record, matrix, size), np.asarray(record["box_ground_truth"])
        stored = record.get("stored_matrix")
        if stored is not None and not self.of_image:
            photo_points = np.where(mask[:, None], geometry.to_photo(photo_points, stored), 0)
            box = geometry.box_to_photo(box, stored)
            matrix = photo_to_crop(record, matrix)
        return {
            "image": image,
            "landmarks": np.where(mask[:, None], points, 0).astype(np.float32),
            "landmark_mask": mask,
            "index": np.array(index, np.int32),
            "matrix": matrix.astype(np.float32),
            "photo_landmarks": photo_points.astype(np.float32),
            "box_ground_truth": box.astype(np.float32),
            "valid": np.array(True),
        }


def _empty_row(size: int, num_landmarks: int) -> Sample:
    return {
        "image": np.zeros((size, size, 3), np.uint8),
        "landmarks": np.zeros((num_landmarks, 2), np.float32),
        "landmark_mask": np.zeros(num_landmarks, bool),
        "index": np.array(-1, np.int32),
        "matrix": np.eye(2, 3, dtype=np.float32),  # so that inverting it raises nothing
        "photo_landmarks": np.zeros((num_landmarks, 2), np.float32),
        "box_ground_truth": np.zeros(4, np.float32),
        "valid": np.array(False),
    }


def _box(record: sources.Record, crop: geometry.CropSettings) -> npt.NDArray[np.float32]:
    return np.asarray(record[f"box_{crop.box}"], np.float32)


def _matrix(
    record: sources.Record, crop: geometry.CropSettings, change: npt.NDArray[Any] | None
) -> npt.NDArray[np.float64]:
    try:
        return geometry.crop_matrix(_box(record, crop), crop, change)
    except ValueError as error:
        raise ValueError(f"{record['key']}: {error}") from error


def _landmarks(
    record: sources.Record, num_landmarks: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The photo's landmarks, 0 where they are not known, and which are known."""
    if num_landmarks == 0:
        return np.zeros((0, 2), np.float32), np.zeros(0, bool)
    points = np.asarray(record["landmarks"], np.float32)
    if len(points) != num_landmarks:
        raise ValueError(
            f"{record['key']}: {len(points)} landmarks, but the scheme has {num_landmarks}"
        )
    mask = np.asarray(record["landmark_mask"], bool)
    return np.where(mask[:, None], points, np.float32(0)), mask
