"""Decodes photos that may come from anywhere.

The size is read from the header before a pixel is decoded, so that a small file cannot unfold
into more memory than the machine has. A photo is turned the way its EXIF orientation says,
because that is how people see (and mark) it.
"""

import io
import os
import pathlib

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 256 << 20
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
_ORIENTATION_TAG = 0x0112
_TURNED_ORIENTATIONS = (5, 6, 7, 8)


class ImageError(ValueError):
    """A photo cannot be used; the message names it and says what to do."""


def read_encoded(path: str | os.PathLike[str]) -> bytes:
    """Returns a photo file's bytes.

    Raises:
      ImageError: The file cannot be read, is empty or is larger than `MAX_FILE_BYTES`.
    """
    try:
        with pathlib.Path(path).open("rb") as file:
            encoded = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from error
    if not encoded:
        raise ImageError(f"{path}: the file is empty; download it again or remove it")
    if len(encoded) > MAX_FILE_BYTES:
        raise ImageError(f"{path}: larger than {MAX_FILE_BYTES} bytes; re-save it smaller")
    return encoded


def image_size(encoded: bytes, name: str) -> tuple[int, int]:
    """Returns the (width, height) that `decode_image` will give, from the header alone.

    Args:
      encoded: The bytes of an image file.
      name: What errors call the photo.

    Raises:
      ImageError: The bytes are no image, or one of more than `MAX_PIXELS` pixels.
    """
    with _open(encoded, name) as image:
        width, height = image.size
        turned = _orientation(image, name) in _TURNED_ORIENTATIONS
    return (height, width) if turned else (width, height)


def decode_image(
    encoded: bytes, name: str, *, shrink: int = 1
) -> tuple[npt.NDArray[np.uint8], int]:
    """Decodes a photo, a JPEG smaller than it is if asked to.

    A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size for a fraction of the work, each pixel
    standing for the mean of those it replaces.

    Args:
      encoded: The bytes of an image file.
      name: What errors call the photo.
      shrink: How many times smaller it may be decoded; 1, 2, 4 or 8.

    Returns:
      The (H, W, 3) uint8 RGB pixels, and how many times smaller than the photo they are: 1 where
      that cannot be had. Distances from the photo's upper left corner are exactly so many times
      shorter.

    Raises:
      ImageError: The bytes are no whole image, or one of more than `MAX_PIXELS` pixels.
    """
    with _open(encoded, name) as image:
        orientation = _orientation(image, name)
        applied = 1
        # Not for turned photos: the fraction of a pixel at their end would come to the front.
        if shrink > 1 and orientation == 1:
            width, height = image.size
            drafted = image.draft("RGB", (width // shrink, height // shrink))
            if drafted is not None:
                applied = round(width / drafted[1][2])
        try:
            if orientation != 1:
                image = ImageOps.exif_transpose(image)
            return np.asarray(image.convert("RGB")), applied
        except (OSError, SyntaxError, ValueError) as error:
            raise ImageError(
                f"{name}: the image is damaged ({error}); download it again or remove it"
            ) from error


def _open(encoded: bytes, name: str) -> Image.Image:
    too_large = f"{name}: more than the {MAX_PIXELS} pixels allowed; re-save it smaller"
    try:
        image = Image.open(io.BytesIO(encoded), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(too_large) from error
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(
            f"{name}: not a readable image (known: {', '.join(_FORMATS)}); re-save or remove it"
        ) from error
    if image.size[0] * image.size[1] > MAX_PIXELS:
        raise ImageError(too_large)
    return image


def _orientation(image: Image.Image, name: str) -> int:
    """The EXIF orientation, 1 (upright) where there is none or it makes no sense."""
    if "exif" not in image.info and image.format != "TIFF":
        return 1  # looking the tag up costs more than opening the photo, and few have one
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"{name}: damaged EXIF data ({error}); re-save it") from error
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def printable_name(name: str) -> str:
    """Returns a file name that can be printed and stored as UTF-8.

    Control characters and bytes that are not UTF-8, which a file system allows in a name, are
    written as escapes.
    """
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
