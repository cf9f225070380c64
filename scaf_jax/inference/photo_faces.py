"""The faces of one photo: its pixels or file and the boxes around them, to crops for a network.

Everything from outside is checked here; messages name the photo and the box.
"""

import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from scaf_jax.data import face_view, geometry, images, photo_boxes

Array = npt.NDArray[Any]
# One photo's: None for the whole photo, (4,) for one face, (N, 4) for N; x0, y0, x1, y1.
BoxesLike: TypeAlias = npt.ArrayLike | None
# A photo's (width, height) to its boxes, for boxes that depend on its size.
BoxesOf: TypeAlias = Callable[[tuple[int, int]], BoxesLike]


class FindsBoxes(Protocol):
    """Finds boxes in a photo's pixels; `side` is how long its longer side should be at least."""

    @property
    def side(self) -> int: ...

    def __call__(self, pixels: npt.NDArray[np.uint8], /) -> Array: ...


# OpenCV counts the pixels of a row in 16 bits.
_MAX_SIDE = 32_766
# A face of a box so much larger than the photo would be a dot in its crop.
_LARGEST_BOX = 10
_MAX_SHRINK = 8


@dataclasses.dataclass(frozen=True)
class PhotoFaces:
    """The N faces of a photo, ready for a network.

    Attributes:
      size: (width, height) of the photo as people see it, pixels.
      boxes: (N, 4) float32 x0, y0, x1, y1, pixel edges of the photo.
      crops: (N, S, S, 3) uint8 RGB.
      matrices: (N, 2, 3) float64, from the photo to the crops.
      cut_again: Other boxes (N, 4) of the photo to its faces there; only where boxes were found.
    """

    size: tuple[int, int]
    boxes: npt.NDArray[np.float32]
    crops: npt.NDArray[np.uint8]
    matrices: npt.NDArray[np.float64]
    cut_again: "Callable[[Array], PhotoFaces] | None" = None


NONE = PhotoFaces(
    (0, 0), np.zeros((0, 4), np.float32), np.zeros((0, 1, 1, 3), np.uint8), np.zeros((0, 2, 3))
)


def of_pixels(
    pixels: Any,
    boxes: BoxesLike,
    crop: geometry.CropSettings,
    name: str,
    finder: FindsBoxes | None = None,
) -> PhotoFaces:
    """Returns the faces of a decoded photo.

    Args:
      pixels: (H, W, 3) uint8 RGB.
      boxes: Pixel edges of the photo; see `BoxesLike`.
      crop: How faces are cut out.
      name: What errors call the photo.
      finder: What finds the boxes where they are None.

    Raises:
      TypeError: `pixels` is no uint8 array.
      ValueError: It has another shape, or a box is none or lies outside the photo.
    """
    _check_pixels(pixels, name)
    size = (pixels.shape[1], pixels.shape[0])
    seeker = finder if boxes is None else None
    checked = checked_boxes(boxes if seeker is None else seeker(pixels), size, name)
    views = _views(checked, crop, name, None)
    found = _cut(views, pixels, 1, size, checked, crop)
    return found if seeker is None else _with_pixels(found, pixels, 1, crop)


def of_file(
    path: str | os.PathLike[str],
    boxes: BoxesLike | BoxesOf,
    crop: geometry.CropSettings,
    finder: FindsBoxes | None = None,
) -> PhotoFaces:
    """Returns the faces of a photo's file; see `data.images`.

    Args:
      path: The file.
      boxes: Pixel edges of the photo, turned the way its EXIF orientation says; or what gives
        them by its size.
      crop: How faces are cut out.
      finder: What finds the boxes where they are None.

    Raises:
      ImageError: The file cannot be read or used.
      ValueError: A box is none or lies outside the photo.
    """
    name, encoded = images.printable_name(os.fspath(path)), images.read_encoded(path)
    size = images.image_size(encoded, name)
    _check_size(size, name)
    given, decoded = boxes(size) if callable(boxes) else boxes, None
    seeker = finder if given is None else None
    if seeker is not None:
        wanted = _shrink_to(seeker.side, size)
        pixels, shrink = decoded = images.decode_image(encoded, name, shrink=wanted)
        given = np.asarray(seeker(pixels), np.float64) * shrink
    checked = checked_boxes(given, size, name)
    views = _views(checked, crop, name, encoded)
    # Small enough to decode fast, large enough for the smallest face.
    needed = min((view.jpeg_shrink for view in views), default=1)
    if decoded is None or (views and needed < decoded[1]):
        decoded = images.decode_image(encoded, name, shrink=needed)
    pixels, shrink = decoded
    found = _cut(views, pixels, shrink, size, checked, crop)
    return found if seeker is None else _with_pixels(found, pixels, shrink, crop)


def _with_pixels(
    found: PhotoFaces, pixels: npt.NDArray[np.uint8], shrink: int, crop: geometry.CropSettings
) -> PhotoFaces:
    """The same, which can be cut out again."""

    def again(boxes: Array) -> PhotoFaces:
        given = np.asarray(boxes, np.float32)
        return _cut(_views(given, crop, "photo", None), pixels, shrink, found.size, given, crop)

    return dataclasses.replace(found, cut_again=again)


def _shrink_to(side: int, size: tuple[int, int]) -> int:
    """How many times smaller a JPEG may be decoded to have a longer side of so many pixels."""
    shrink = 1
    while shrink < _MAX_SHRINK and max(size) >= 2 * shrink * side:
        shrink *= 2
    return shrink


def one_by_one(photos: Any, boxes: Any) -> tuple[Sequence[Any], Sequence[Any]]:
    """Returns the photos that a user gave, and as many entries of boxes.

    Args:
      photos: An (H, W, 3) array, or a list of them.
      boxes: Those of one photo, or a list with an entry for each; None for whole photos.

    Raises:
      TypeError: The photos are names of files, or one that is not decoded.
      ValueError: There are not as many entries as photos.
    """
    if isinstance(photos, np.ndarray) and photos.ndim <= 3:
        return [photos], [boxes]
    if isinstance(photos, str | bytes | os.PathLike):
        raise TypeError(f"photos are arrays of pixels; for files: predict_files([{photos!r}])")
    try:
        photos = list(photos)
    except TypeError:
        raise TypeError(
            f"photos are arrays of pixels, or a list of them, not {type(photos).__name__}; of "
            "Pillow's images: np.asarray(image.convert('RGB'))"
        ) from None
    if boxes is None:
        return photos, [None] * len(photos)
    check_count(boxes, len(photos), "photos")
    return photos, boxes


def check_count(boxes: Any, count: int, what: str) -> None:
    """Raises ValueError unless `boxes` has an entry for each of `count` photos or files."""
    given = len(boxes) if hasattr(boxes, "__len__") else f"{type(boxes).__name__}, not a list"
    if given != count:
        raise ValueError(
            f"boxes: {given}, for {count} {what}; give a list with an entry for each of them: one "
            "box x0, y0, x1, y1, a list of such boxes, or None for the whole photo"
        )


def checked_boxes(boxes: BoxesLike, size: tuple[int, int], name: str) -> npt.NDArray[np.float32]:
    """Returns (N, 4) float32 boxes of a photo.

    Args:
      boxes: See `BoxesLike`. They may reach over the photo's border.
      size: (width, height) of the photo, pixels.
      name: What errors call the photo.

    Raises:
      ValueError: They are no boxes, are not finite, enclose nothing, show nothing of the photo, or
        are far larger than it; the message names the first one.
    """
    width, height = size
    if boxes is None:
        return np.array([[0, 0, width, height]], np.float32)
    form = "one box x0, y0, x1, y1 in pixels, or a list of them"
    try:
        values = np.asarray(boxes, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: boxes must be {form}, all of them numbers") from None
    if values.size == 0 and values.ndim in (1, 2):
        return np.zeros((0, 4), np.float32)
    if values.shape[-1:] != (4,) or values.ndim > 2:
        raise ValueError(f"{name}: boxes have shape {values.shape}; give {form}, (4,) or (N, 4)")
    values = values.reshape(-1, 4)
    for number, box in enumerate(values):
        problem = _box_problem(box, size)
        if problem:
            told = ", ".join(f"{value:.6g}" for value in box)
            raise ValueError(f"{name}: box {number} is ({told}); {problem}")
    return values.astype(np.float32)


def _box_problem(box: Array, size: tuple[int, int]) -> str:
    """What is wrong with a (4,) float64 box; empty if nothing is."""
    if not np.isfinite(box).all():
        return "all four must be finite"
    # As it will be used: two sides that differ by little may be the same in float32.
    start, stop = box.astype(np.float32).reshape(2, 2)
    if not (start < stop).all():
        return "it must be x0, y0, x1, y1 with x0 < x1 and y0 < y1"
    photo = f"the photo of {size[0]} x {size[1]} pixels"
    if photo_boxes.is_fractions(box) and max(size) > photo_boxes.LARGEST_FRACTION:
        return f"it is in fractions; boxes are in pixels of {photo}"
    if not ((start < size) & (stop > 0)).all():
        return f"it lies outside {photo}; boxes are in pixels, not in fractions or percent"
    if (stop - start).min() < photo_boxes.SHORTEST <= min(size):
        return f"it is less than {photo_boxes.SHORTEST:g} pixels wide or high and shows no face"
    if (stop - start).max() > _LARGEST_BOX * max(size):
        return f"it is more than {_LARGEST_BOX} times as large as {photo}"
    return ""


def _check_pixels(pixels: Any, name: str) -> None:
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        what = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
        fractions = "; of levels 0 to 1: (255 * photo).round().astype(np.uint8)"
        raise TypeError(
            f"{name}: a photo is a uint8 array of RGB levels 0 to 255, not {what}"
            + (fractions if str(what).startswith(("float", "bfloat")) else "")
        )
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(
            f"{name}: a photo has shape (height, width, 3), RGB; this one has {pixels.shape}"
            + _way_out(pixels)
        )
    _check_size((pixels.shape[1], pixels.shape[0]), name)


def _way_out(pixels: Array) -> str:
    """How pixels of another form become RGB, for the forms that people have."""
    if pixels.ndim == 2:
        return ". If it is gray: np.stack([photo] * 3, axis=-1)"
    if pixels.ndim == 3 and pixels.shape[2] == 4:
        return ". Leave its fourth channel out: photo[..., :3]"
    if pixels.ndim == 3 and pixels.shape[0] == 3:
        return ". If its channels come first: photo.transpose(1, 2, 0)"
    return ""


def _check_size(size: tuple[int, int], name: str) -> None:
    if not (min(size) > 0 and max(size) <= _MAX_SIDE):
        raise images.ImageError(
            f"{name}: {size[0]} x {size[1]} pixels; a photo's sides are 1 to {_MAX_SIDE} pixels "
            "long: cut or re-save it"
        )


def _views(
    boxes: npt.NDArray[np.float32], crop: geometry.CropSettings, name: str, encoded: bytes | None
) -> list[face_view.FaceView]:
    field = f"box_{crop.box}"
    return [face_view.face_view({"image": encoded, "key": name, field: box}, crop) for box in boxes]


def _cut(
    views: list[face_view.FaceView],
    pixels: npt.NDArray[np.uint8],
    shrink: int,
    size: tuple[int, int],
    boxes: npt.NDArray[np.float32],
    crop: geometry.CropSettings,
) -> PhotoFaces:
    crops = np.zeros((len(views), crop.input_size, crop.input_size, 3), np.uint8)
    matrices = np.zeros((len(views), 2, 3))
    for i, view in enumerate(views):
        crops[i], matrices[i] = view.cut_from(pixels, shrink), view.matrix
    return PhotoFaces(size, boxes, crops, matrices)
