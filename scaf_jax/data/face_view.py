"""What a network sees of a record's face: one crop, its pixels, and the way to it and back.

Nobody else computes a crop's matrix. A record may hold only a part of its photo (see
`precropping`), so that three coordinate systems meet here: the photo's, those of the record's
image, and the crop's, which have two conventions (see `geometry`). `corners` counts the pixels of
the photo, also where the image is a part of it with pixels of another size.
"""

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from scaf_jax.data import geometry, images, sources, warping

Array = npt.NDArray[Any]

_MAX_JPEG_SHRINK = 8


@dataclasses.dataclass(frozen=True)
class FaceView:
    """One crop of a record's face; made by `face_view`.

    Attributes:
      record: The face, with `image` and `key`.
      crop: How it is cut out.
      box: (4,) float32 x0, y0, x1, y1, the box that is cut out, edge coordinates of the image.
      matrix: (2, 3) float64, from the record's image to the crop, for pixels.
      stored: (2, 3), from the photo to the record's image; None where this is the whole photo.
    """

    record: sources.Record
    crop: geometry.CropSettings
    box: npt.NDArray[np.float32]
    matrix: npt.NDArray[np.float64]
    stored: Array | None

    @property
    def photo_matrix(self) -> npt.NDArray[np.float64]:
        """(2, 3) float64, from the photo to the crop."""
        if self.stored is None:
            return self.matrix
        return geometry.compose(self.matrix, self.stored)

    @property
    def image_matrix(self) -> npt.NDArray[np.float64]:
        """(2, 3) float64, with which `geometry.to_photo` leads landmarks back to the image.

        It is `matrix` but under `corners`, whose half pixels are the photo's and not those of a
        stored part.
        """
        if self.stored is None or self.crop.pixel_convention == "centers":
            return self.matrix
        # Half a pixel of the photo is s / 2 pixels of a part at scale s, and not 1 / 2.
        shift = 0.5 * (self.stored[:, :2].sum(axis=1) - 1)
        return geometry.compose(self.matrix, np.column_stack([np.eye(2), shift]))

    def cut(
        self, interpolation: str = warping.BICUBIC, border: str = warping.BLACK
    ) -> npt.NDArray[np.uint8]:
        """Decodes the record's image and cuts the crop out of it.

        A JPEG that shrinks to less than half is decoded smaller at once, which is several times
        faster for large photos.

        Args:
          interpolation: One of `warping.INTERPOLATIONS`.
          border: One of `warping.BORDERS`, what lies outside the image.

        Returns:
          (S, S, 3) uint8 RGB.

        Raises:
          ImageError: The image cannot be decoded; the message names the record's key.
        """
        encoded, key = self.record["image"], self.record["key"]
        pixels, shrink = images.decode_image(encoded, key, shrink=self.jpeg_shrink)
        return self.cut_from(pixels, shrink, interpolation, border)

    def cut_from(
        self,
        pixels: npt.NDArray[np.uint8],
        shrink: int = 1,
        interpolation: str = warping.BICUBIC,
        border: str = warping.BLACK,
    ) -> npt.NDArray[np.uint8]:
        """Cuts the crop out of the record's image where this is decoded already.

        Args:
          pixels: (H, W, 3) uint8 RGB, of the whole image.
          shrink: How many times smaller than the image they are; see `images.decode_image`.
          interpolation: One of `warping.INTERPOLATIONS`.
          border: One of `warping.BORDERS`, what lies outside the image.

        Returns:
          (S, S, 3) uint8 RGB.

        Raises:
          ImageError: There would be nothing of the image in it, however it is changed.
        """
        self._check_overlap(shrink * pixels.shape[1], shrink * pixels.shape[0])
        matrix = self.matrix
        if shrink > 1:
            matrix = geometry.compose(matrix, warping.shrink_matrix(shrink))
        return warping.warp(pixels, matrix, self.crop.input_size, interpolation, border)

    def _check_overlap(self, width: int, height: int) -> None:
        x0, y0, x1, y1 = self.box.tolist()
        if x0 < width and x1 > 0 and y0 < height and y1 > 0:
            return  # most often; the crop is about the box
        x0, y0, x1, y1 = geometry.face_square(self.box, self.crop).tolist()
        if not (x0 < width and x1 > 0 and y0 < height and y1 > 0):
            raise images.ImageError(
                f"{self.record['key']}: the box {[round(v, 1) for v in self.box.tolist()]} lies "
                f"outside the photo of {width} x {height} pixels; nothing of it would be seen"
            )

    @property
    def jpeg_shrink(self) -> int:
        """How many times smaller a JPEG may be decoded for this crop."""
        shrinkage = 1 / geometry.matrix_scale(self.matrix)
        shrink = 1
        while 2 * shrink <= min(shrinkage, _MAX_JPEG_SHRINK):
            shrink *= 2
        return shrink

    def to_crop(
        self, points: Array, convention: geometry.PixelConvention | None = None
    ) -> npt.NDArray[np.float64]:
        """Maps landmarks of the record's image to the crop.

        Args:
          points: (L, 2) pixels of the record's image, 0 being the center of the first.
          convention: The crop coordinates wanted; by default the crop's own.

        Returns:
          (L, 2) float64 crop coordinates, those that the photo's landmarks have.
        """
        if self.stored is None:
            return geometry.to_crop(points, self.matrix, self._convention(convention))
        return self.photo_to_crop(geometry.to_photo(points, self.stored), convention)

    def to_image(
        self, points: Array, convention: geometry.PixelConvention | None = None
    ) -> npt.NDArray[np.float64]:
        """Maps (L, 2) crop coordinates to pixels of the record's image; undoes `to_crop`."""
        points = self.crop_to_photo(points, convention)
        return points if self.stored is None else geometry.to_crop(points, self.stored)

    def photo_to_crop(
        self, points: Array, convention: geometry.PixelConvention | None = None
    ) -> npt.NDArray[np.float64]:
        """Maps (L, 2) pixels of the photo to crop coordinates; see `to_crop`."""
        return geometry.to_crop(points, self.photo_matrix, self._convention(convention))

    def crop_to_photo(
        self, points: Array, convention: geometry.PixelConvention | None = None
    ) -> npt.NDArray[np.float64]:
        """Maps (L, 2) crop coordinates to pixels of the photo; undoes `photo_to_crop`."""
        return geometry.to_photo(points, self.photo_matrix, self._convention(convention))

    def _convention(self, asked: geometry.PixelConvention | None) -> geometry.PixelConvention:
        return asked or self.crop.pixel_convention


def face_view(
    record: sources.Record, crop: geometry.CropSettings, change: Array | None = None
) -> FaceView:
    """Returns how a crop shows a record's face.

    Args:
      record: The face; has `stored_matrix` where its image is only a part of the photo.
      crop: Which of its boxes is cut out, with which margins and at which size.
      change: (2, 3), how the crop is augmented, as `augmentations.Augmentation.matrix` gives it.

    Raises:
      ValueError: The box is not finite or encloses nothing; the message names the record's key.
    """
    box = np.asarray(record[f"box_{crop.box}"], np.float32)
    try:
        matrix = geometry.crop_matrix(box, crop, change)
    except ValueError as error:
        raise ValueError(f"{record['key']}: {error}") from error
    return FaceView(record, crop, box, matrix, record.get("stored_matrix"))
