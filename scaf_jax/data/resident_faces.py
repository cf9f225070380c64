"""Faces that stay in the device's memory: all that any training crop of them shows, decoded once.

A region keeps the photo's own pixels, so that one interpolation leads from them to the crop, as in
`face_view`. Only photos that shrink to less than half are made smaller beforehand, by a whole
number. There, the loader chooses the number, and where the blocks of averaged pixels begin, by the
augmented crop; here both belong to the face.
"""

import concurrent.futures
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import tqdm

from scaf_jax.data import augmentations, face_view, geometry, images, precropping, sources, warping

BYTES_PER_PIXEL = 4
# Places in one array are told in 32 bits.
_MOST_PIXELS = 2**31 - 1
_SAMPLE = 32


class TooLargeError(ValueError):
    """The faces do not fit; the message says what they need and what there is."""


@dataclasses.dataclass(frozen=True)
class ResidentFaces:
    """Regions of all faces of a source, one after the other; a source of records without images.

    Attributes:
      pixels: (P, 4) uint8, red, green, blue and 0, rows from the top.
      starts: (N,) int32, the first pixel of each face's region.
      sizes: (N, 2) int32, height and width of each region.
      records: The faces; `region_matrix`, (2, 3) float64, leads from the image to the region.
    """

    pixels: npt.NDArray[np.uint8]
    starts: npt.NDArray[np.int32]
    sizes: npt.NDArray[np.int32]
    records: Sequence[sources.Record]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> sources.Record:
        return self.records[index]

    @property
    def keys(self) -> list[str]:
        """The records' keys, in order."""
        return [record["key"] for record in self.records]


@dataclasses.dataclass(frozen=True)
class Cutter:
    """Cuts regions out of photos.

    Attributes:
      crop: How faces are cut out.
      augmentation: How they will be changed; decides how far a region reaches.
    """

    crop: geometry.CropSettings
    augmentation: augmentations.AugmentationSettings | None

    def __call__(self, record: sources.Record) -> tuple[npt.NDArray[np.uint8], sources.Record]:
        """Returns a face's region, (h, w, 3) uint8, and its record without the image.

        Raises:
          ImageError: The photo cannot be decoded.
          ValueError: The box encloses nothing.
        """
        view = face_view.face_view(record, self.crop)
        pixels, shrink = images.decode_image(
            record["image"], record["key"], shrink=view.jpeg_shrink
        )
        matrix = view.matrix
        if shrink > 1:
            matrix = geometry.compose(matrix, warping.shrink_matrix(shrink))
        factor = warping.reduction(geometry.matrix_scale(matrix))
        region, to_crop = warping.part(pixels, matrix, self._edges(), factor, self._border())
        own = {name: value for name, value in record.items() if name != "image"}
        # From the image to the crop without augmentation, and from there to the region.
        own["region_matrix"] = geometry.compose(geometry.invert(to_crop), view.matrix)
        return region, own

    def _edges(self) -> npt.NDArray[np.float64]:
        size, change = self.crop.input_size, self.augmentation
        reach = 0.5 if change is None else precropping.reach_of(change)
        return (size - 1) / 2 + reach * size * np.array([-1.0, 1.0])

    def _border(self) -> str:
        return warping.BLACK if self.augmentation is None else self.augmentation.border


def estimated_bytes(source: sources.Source, cutter: Cutter) -> int:
    """Returns about how much memory the regions of a source need, from some of its faces."""
    count = min(_SAMPLE, len(source))
    places = np.linspace(0, len(source) - 1, count).astype(int).tolist()
    areas = [region.shape[0] * region.shape[1] for region, _ in (cutter(source[i]) for i in places)]
    return round(BYTES_PER_PIXEL * float(np.mean(areas)) * len(source))


def load(
    source: sources.Source, cutter: Cutter, *, most_bytes: float, threads: int = 1
) -> ResidentFaces:
    """Cuts the regions of all faces out.

    Args:
      source: The faces.
      cutter: Cuts them out.
      most_bytes: How much memory they may need.
      threads: How many photos are decoded at a time.

    Raises:
      TooLargeError: They need more; nothing was kept.
    """
    most_pixels = min(most_bytes / BYTES_PER_PIXEL, _MOST_PIXELS)
    regions: list[npt.NDArray[np.uint8]] = []
    records: list[sources.Record] = []
    pixels = 0
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    try:
        found = pool.map(lambda place: cutter(source[place]), range(len(source)))
        for region, record in tqdm.tqdm(
            found, "faces for the device", len(source), unit="face", disable=None
        ):
            pixels += region.shape[0] * region.shape[1]
            if pixels > most_pixels:
                raise TooLargeError(
                    f"{len(records) + 1} of the {len(source)} faces need "
                    f"{pixels * BYTES_PER_PIXEL / 2**30:.2f} GiB, and there is room for "
                    f"{most_pixels * BYTES_PER_PIXEL / 2**30:.2f} GiB"
                )
            regions.append(region)
            records.append(record)
    finally:
        pool.shutdown(cancel_futures=True)
    return _joined(regions, records, pixels)


def _joined(regions: list[Any], records: list[sources.Record], pixels: int) -> ResidentFaces:
    joined = np.zeros((pixels, BYTES_PER_PIXEL), np.uint8)
    sizes = np.array([region.shape[:2] for region in regions], np.int32).reshape(-1, 2)
    ends = np.cumsum(sizes.prod(axis=1, dtype=np.int64))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int32)
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        joined[start:end, :3] = regions[number].reshape(-1, 3)
        regions[number] = None  # its memory goes at once
    return ResidentFaces(joined, starts, sizes, records)
