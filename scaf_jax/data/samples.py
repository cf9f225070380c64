"""One record to one row of a batch: decode, crop, change, and map the landmarks along."""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import augmentations, face_view, geometry, sources
from scaf_jax.landmarks import schemes

Sample = dict[str, npt.NDArray[Any]]


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
        settings = self.augmentation
        view, sample = self.view(element, rng)
        if settings is None:
            image = view.cut()
        else:
            image = view.cut(settings.interpolation, settings.border)
            image = augmentations.occlude(rng, image, settings.occlusion_probability)
        return {"image": image, **sample}

    def view(
        self, element: tuple[int, sources.Record], rng: np.random.Generator
    ) -> tuple[face_view.FaceView, Sample]:
        """Returns how the crop shows the face, and all of the row but its image."""
        index, record = element
        change = None
        if self.augmentation is not None:
            change = augmentations.draw(rng, self.augmentation, self.crop.input_size)
        view = face_view.face_view(record, self.crop, None if change is None else change.matrix)
        points, mask = _landmarks(record, self.scheme.num_landmarks if self.scheme else 0)
        points = view.to_crop(points)
        if self.scheme is not None and change is not None and change.flip:
            points = geometry.mirror(points, self.scheme.flip_permutation)
            mask = geometry.mirror(mask[:, None], self.scheme.flip_permutation)[:, 0]
        return view, {
            "landmarks": np.where(mask[:, None], points, 0).astype(np.float32),
            "landmark_mask": mask,
            "index": np.array(index, np.int32),
        }


@dataclasses.dataclass(frozen=True)
class TrainPlace:
    """Like `TrainCrop`, for faces of `resident_faces`: where the crop is in place of its pixels.

    Attributes:
      crop: Draws the same changes, and marks the face alike.
    """

    crop: TrainCrop

    def __call__(self, element: tuple[int, sources.Record], rng: np.random.Generator) -> Sample:
        view, sample = self.crop.view(element, rng)
        back = geometry.compose(view.record["region_matrix"], geometry.invert(view.matrix))
        return {"face": sample["index"], "region_matrix": back.astype(np.float32), **sample}


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
        if record is None:
            return _empty_row(self.crop.input_size, self.num_landmarks)
        view = face_view.face_view(record, self.crop)
        photo_points, mask = _landmarks(record, self.num_landmarks)
        points, box = view.to_crop(photo_points), np.asarray(record["box_ground_truth"])
        if view.stored is not None and not self.of_image:
            photo_points = geometry.to_photo(photo_points, view.stored)
            photo_points = np.where(mask[:, None], photo_points, 0)
            box = geometry.box_to_photo(box, view.stored)
        matrix = view.image_matrix if self.of_image else view.photo_matrix
        return {
            "image": view.cut(),
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
