"""Decodes photos that may come from anywhere.

The size is read from the header before a pixel is decoded, so that a small file cannot unfold
into more memory than the machine has. A photo becomes what people see (and mark): it is turned
the way its EXIF orientation says, 16-bit grays are brought to 8 bits, and what is transparent is
laid over black, as what lies outside a photo. Where there are several answers (animations, pages,
numbers without a known white), the photo is refused.

EXIF alone says how a photo is turned (the container itself in HEIC and AVIF, the TIFF tag in TIFF):
an orientation in XMP, which programs leave behind when they turn a photo, is not looked at by
browsers and annotation tools either.
"""

import errno
import functools
import io
import os
import pathlib
import stat
import struct

import numpy as np
import numpy.typing as npt
from PIL import Image, features

MAX_PIXELS = 64_000_000
MAX_FILE_BYTES = 256 << 20
# A photo with a shorter side shows no face.
MIN_SIDE = 8
HEIF_EXTENSIONS = (".heic", ".heif", ".hif")
# Pillow may lack a library for these; phones write JPEG files of such names too.
SOMETIMES_READ = (*HEIF_EXTENSIONS, ".avif", ".jp2", ".j2k", ".jpx")
# Endings of photos, in lower case; what is in the file decides how it is decoded.
EXTENSIONS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".pjpeg", ".pjp", ".mpo"),
    *(".png", ".apng", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".gif"),
    *(".pgm", ".ppm", ".pbm", ".pnm"),
    *SOMETIMES_READ,
)
HEIF_ADVICE = "pip install 'scaf_jax[heic]'"
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF", "JPEG2000")
_HEIF = "HEIF"
# Photos of phones; their further images are previews.
_WITH_PREVIEWS = ("MPO", _HEIF)
_ORIENTATION_TAG = 0x0112
_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED_ORIENTATIONS = (5, 6, 7, 8)
# Where files of the HEIF family say that they are one, and of which kind.
_BOX_TYPE, _BRANDS = slice(4, 8), slice(8, 32)
_JPEG_2000_STARTS = (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
# What Pillow raises on damaged files.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    EOFError,
    MemoryError,
    RuntimeError,
    struct.error,
)


class ImageError(ValueError):
    """A photo cannot be used; the message names it and says what to do."""


def read_encoded(path: str | os.PathLike[str]) -> bytes:
    """Returns a photo file's bytes.

    Raises:
      ImageError: The file cannot be read, is empty or is larger than `MAX_FILE_BYTES`.
    """
    try:
        # Looked at before it is opened: opening a named pipe would wait for ever.
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a file")
        if status.st_size > MAX_FILE_BYTES:
            raise ImageError(f"{path}: larger than {MAX_FILE_BYTES} bytes; re-save it smaller")
        encoded = pathlib.Path(path).read_bytes()
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read: {reason}") from error
    if not encoded:
        raise ImageError(f"{path}: the file is empty; download it again or remove it")
    return encoded


def can_be_read(path: str | os.PathLike[str]) -> bool:
    """Returns whether a photo's kind can be decoded with what is installed, by its first bytes.

    Args:
      path: The file. One that cannot be opened counts as readable: reading it will say why not.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_BRANDS.stop)
    except (OSError, ValueError):
        return True
    if start[_BOX_TYPE] == b"ftyp":
        return bool(features.check("avif")) if b"avi" in start[_BRANDS] else _register_heif()
    return not start.startswith(_JPEG_2000_STARTS) or bool(features.check("jpg_2000"))


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


def orientation(encoded: bytes, name: str) -> int:
    """Returns how EXIF turns a photo, 1 (not at all) to 8, from the header alone; see above."""
    with _open(encoded, name) as image:
        return _orientation(image, name)


def stored_size(encoded: bytes, name: str) -> tuple[int, int]:
    """Returns the (width, height) of a photo as it is stored, before EXIF turns it; see above."""
    with _open(encoded, name) as image:
        return image.size


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
      ImageError: The bytes are no whole image, one of more than `MAX_PIXELS` pixels, several
        images, or pixels of unknown range.
    """
    with _open(encoded, name) as image:
        orientation = _orientation(image, name)
        applied = 1
        # Not for turned photos: the fraction of a pixel at their end would come to the front.
        if shrink > 1 and orientation == 1 and image.format in ("JPEG", "MPO"):
            width, height = image.size
            drafted = image.draft("RGB", (max(1, width // shrink), max(1, height // shrink)))
            if drafted is not None:
                applied = round(width / drafted[1][2])
        try:
            if orientation != 1:
                image = image.transpose(_TRANSPOSITIONS[orientation])
            return _as_rgb(image, name), applied
        except ImageError:
            raise
        except _DAMAGE as error:
            raise ImageError(
                f"{name}: the image is damaged ({error}); download it again or remove it"
            ) from error


def _open(encoded: bytes, name: str) -> Image.Image:
    too_large = f"{name}: more than the {MAX_PIXELS} pixels allowed; re-save it smaller"
    formats = _FORMATS
    if encoded[_BOX_TYPE] == b"ftyp" and _register_heif():
        formats = (*_FORMATS, _HEIF)
    try:
        image = Image.open(io.BytesIO(encoded), formats=formats)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(too_large) from error
    except _DAMAGE as error:
        heif = encoded[_BOX_TYPE] == b"ftyp" and _HEIF not in formats
        raise ImageError(
            f"{name}: not a readable image (known: {', '.join(formats)}); re-save or remove it"
            + (f", or {HEIF_ADVICE} for HEIC" if heif else "")
        ) from error
    if image.size[0] * image.size[1] > MAX_PIXELS:
        raise ImageError(too_large)
    if getattr(image, "is_animated", False) and image.format not in _WITH_PREVIEWS:
        raise ImageError(f"{name}: holds several images; save the one that is meant by itself")
    image.info.pop("xmp", None)  # Pillow would turn a TIFF by it
    return image


@functools.cache
def _register_heif() -> bool:
    """Whether Pillow reads HEIC, once it has been told of the plugin that can."""
    try:
        from pillow_heif import register_heif_opener  # pyright: ignore[reportMissingImports]
    except ImportError:
        return False
    register_heif_opener()
    return True


def _as_rgb(image: Image.Image, name: str) -> npt.NDArray[np.uint8]:
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        # Pillow would cut off at 255 what it should divide.
        gray = (np.asarray(image, np.uint32) / 257).round().astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.mode in ("I", "F"):
        raise ImageError(
            f"{name}: pixels of 32 bits, of which nobody knows which is white; re-save it with 8"
        )
    if image.has_transparency_data:
        photo = image.convert("RGBA")
        black = Image.new("RGBA", photo.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, photo)
    # Converting what is RGB already would copy it.
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))


def _orientation(image: Image.Image, name: str) -> int:
    """The EXIF orientation, 1 (upright) where there is none or it makes no sense."""
    # Pillow turns what it decodes from TIFF by itself, and its size too.
    if image.format == "TIFF" or "exif" not in image.info:
        return 1
    try:
        # Not Pillow's `getexif`, which looks into XMP where EXIF says nothing.
        exif = Image.Exif()
        exif.load(image.info["exif"])
        value = exif.get(_ORIENTATION_TAG, 1)
    except _DAMAGE as error:
        raise ImageError(f"{name}: damaged EXIF data ({error}); re-save it") from error
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def printable_name(name: str) -> str:
    """Returns a file name that can be printed and stored as UTF-8.

    Control characters and bytes that are not UTF-8, which a file system allows in a name, are
    written as escapes.
    """
    text = name.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
