"""Photo files for the tests of bad input: what cannot be used, and what is merely unusual."""

import io
import os
import struct
import zlib

import cv2
import numpy as np
from PIL import Image, PngImagePlugin

SHAPE = (40, 60, 3)
COLOR = (200, 120, 40)


def photo(color=COLOR, mode="RGB", size=SHAPE[1::-1]):
    return Image.new(mode, size, color)


def encode(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def write(path, content=None):
    path.write_bytes(encode(photo(), "JPEG", quality=95) if content is None else content)


def _bytes(content):
    return lambda path: path.write_bytes(content())


def _saved(kind, make, **options):
    return lambda path: path.write_bytes(encode(make(), kind, **options))


def _noise():
    rng = np.random.default_rng(0)
    return Image.fromarray(rng.integers(0, 256, SHAPE, np.uint8))


def _png(width, height, *chunks, depth=8, kind=2):
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    every = [(b"IHDR", header), *chunks, (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in every
    )


def _claimed(width, height):
    return _png(width, height, (b"IDAT", zlib.compress(bytes(1000))))


def _large_one_bit():
    """144 million pixels that are really there, in a few kilobytes."""
    rows = bytes(1 + 12_000 // 8) * 12_000
    return _png(12_000, 12_000, (b"IDAT", zlib.compress(rows, 1)), depth=1, kind=0)


def _claimed_jpeg():
    content = bytearray(encode(photo(), "JPEG"))
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", 60_000, 60_000)
    return bytes(content)


def _text_bomb(name):
    """A text that unfolds to 64 MB."""
    packed = zlib.compress(bytes(64 << 20), 9)
    header = {b"zTXt": b"Comment\0\0", b"iTXt": b"Comment\0\1\0\0\0", b"iCCP": b"a\0\0"}[name]
    pixels = zlib.compress((b"\0" + bytes(180)) * 40)
    return _png(60, 40, (name, header + packed), (b"IDAT", pixels))


def _damaged_png():
    content = bytearray(encode(_noise(), "PNG"))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def _animation(kind):
    frames = [photo((200, 0, 0)), photo((0, 200, 0))]
    return encode(frames[0], kind, save_all=True, append_images=frames[1:])


def _loop(path):
    path.symlink_to(path.name)


def _dangling(path):
    path.symlink_to("nowhere.jpg")


def _sparse(path):
    with path.open("wb") as file:
        file.truncate((256 << 20) + 1)


_NO_IMAGE = "not a readable image"
_DAMAGED = "the image is damaged"
_TOO_LARGE = "more than the 64000000 pixels allowed"
_SEVERAL = "holds several images"

# Name -> (writes the file, words of the error).
BAD = {
    "photo empty": (_bytes(lambda: b""), "the file is empty"),
    "photo text": (_bytes(lambda: b"no photo at all\n"), _NO_IMAGE),
    "photo web page": (_bytes(lambda: b"<!DOCTYPE html><html>Log in</html>"), _NO_IMAGE),
    "photo zeros": (_bytes(lambda: bytes(1000)), _NO_IMAGE),
    "photo cut jpeg": (_bytes(lambda: encode(_noise(), "JPEG")[:-400]), _DAMAGED),
    "photo cut png": (_bytes(lambda: encode(_noise(), "PNG")[:-400]), _DAMAGED),
    "photo cut tiff": (_bytes(lambda: encode(_noise(), "TIFF")[:-400]), _DAMAGED),
    "photo cut webp": (_bytes(lambda: encode(_noise(), "WEBP")[:-400]), _NO_IMAGE),
    "photo header only": (_bytes(lambda: encode(_noise(), "PNG")[:33]), _NO_IMAGE),
    "photo damaged": (_bytes(_damaged_png), _DAMAGED),
    "photo of no width": (_bytes(lambda: _claimed(0, 40)), _NO_IMAGE),
    "photo of one pixel": (_saved("PNG", lambda: photo(size=(1, 1))), "1 x 1 pixels show no face"),
    "photo of one row": (_saved("PNG", lambda: photo(size=(60, 1))), "60 x 1 pixels show no face"),
    "photo claims 60000": (_bytes(lambda: _claimed(60_000, 60_000)), _TOO_LARGE),
    "photo claims 10000": (_bytes(lambda: _claimed(10_000, 9_000)), _TOO_LARGE),
    "photo claims 60000 jpeg": (_bytes(_claimed_jpeg), _TOO_LARGE),
    "photo has 12000": (_bytes(_large_one_bit), _TOO_LARGE),
    "photo is a bomb ztxt": (_bytes(lambda: _text_bomb(b"zTXt")), _NO_IMAGE),
    "photo is a bomb itxt": (_bytes(lambda: _text_bomb(b"iTXt")), _NO_IMAGE),
    "photo animated gif": (_bytes(lambda: _animation("GIF")), _SEVERAL),
    "photo animated avif": (_bytes(lambda: _animation("AVIF")), _SEVERAL),
    "photo animated webp": (_bytes(lambda: _animation("WEBP")), _SEVERAL),
    "photo animated png": (_bytes(lambda: _animation("PNG")), _SEVERAL),
    "photo of two pages": (_bytes(lambda: _animation("TIFF")), _SEVERAL),
    "photo of floats": (_saved("TIFF", lambda: photo(0.5, "F")), "pixels of 32 bits"),
    "photo of integers": (_saved("TIFF", lambda: photo(70_000, "I")), "pixels of 32 bits"),
    "photo folder": (lambda path: path.mkdir(), "cannot be read: not a file"),
    "photo pipe": (os.mkfifo, "cannot be read: not a file"),
    "photo link loop": (_loop, "cannot be read: Too many levels of symbolic links"),
    "photo dangling link": (_dangling, "cannot be read: No such file"),
    "photo missing": (lambda path: None, "cannot be read: No such file"),
    "photo huge file": (_sparse, "larger than 268435456 bytes"),
}


def _gray_16():
    return Image.fromarray(np.full(SHAPE[:2], 120 * 257, np.uint16))


def _rgb_16():
    pixels = np.full(SHAPE, COLOR[::-1], np.uint16) * 257  # OpenCV's colors are BGR
    return cv2.imencode(".png", pixels)[1].tobytes()


def _rgba_16(alpha):
    pixels = np.full((*SHAPE[:2], 4), (*COLOR[::-1], alpha), np.uint16) * 257
    return cv2.imencode(".png", pixels)[1].tobytes()


def _palette():
    return photo().quantize(4)


def _transparent_palette():
    """Index 0, which is bright and transparent, everywhere."""
    image = Image.new("P", SHAPE[1::-1], 0)
    image.putpalette([255, 255, 255, *COLOR])
    return image


def _turned():
    """Stored on its side; upright it has the right shape, and its color at (20, 10) alone."""
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[8:13, 18:23] = COLOR
    return Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))


def _exif(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def _cmyk():
    return photo((0, 0, 0, 55), "CMYK")


def _keyed():
    """A color that counts as transparent, everywhere."""
    content = io.BytesIO()
    photo().save(content, "PNG", transparency=COLOR)
    return content.getvalue()


def _with_text():
    text = PngImagePlugin.PngInfo()
    text.add_itxt("Comment", "Zoë", zip=True)
    return encode(photo(), "PNG", pnginfo=text)


# Name -> (writes the file, the color at x = 20, y = 10, tolerance).
GOOD = {
    "usual jpeg": (_saved("JPEG", photo, quality=95), COLOR, 3),
    "progressive jpeg": (_saved("JPEG", photo, quality=95, progressive=True), COLOR, 3),
    "gray jpeg": (_saved("JPEG", lambda: photo(120, "L")), [120] * 3, 1),
    "cmyk jpeg": (_saved("JPEG", _cmyk), [200] * 3, 2),
    "cmyk tiff": (_saved("TIFF", _cmyk), [200] * 3, 2),
    "jpeg with preview": (
        _saved("MPO", photo, save_all=True, append_images=[photo((0, 0, 0))], quality=95),
        COLOR,
        3,
    ),
    "png called jpg": (_saved("PNG", photo), COLOR, 0),
    "webp called jpg": (_saved("WEBP", photo, lossless=True), COLOR, 0),
    "bmp called jpg": (_saved("BMP", photo), COLOR, 0),
    "tiff called jpg": (_saved("TIFF", photo), COLOR, 0),
    "gif called jpg": (_saved("GIF", photo), COLOR, 2),
    "avif called jpg": (_saved("AVIF", photo, quality=95), COLOR, 4),
    "ppm called jpg": (_saved("PPM", photo), COLOR, 0),
    "pgm of 16 bits": (_saved("PPM", _gray_16), [120] * 3, 0),
    "png with text": (_bytes(_with_text), COLOR, 0),
    "gray png of 16 bits": (_saved("PNG", _gray_16), [120] * 3, 0),
    "gray tiff of 16 bits": (_saved("TIFF", _gray_16), [120] * 3, 0),
    "png of 16 bits": (_bytes(_rgb_16), COLOR, 0),
    "png of 16 bits opaque": (_bytes(lambda: _rgba_16(255)), COLOR, 0),
    "png of 16 bits transparent": (_bytes(lambda: _rgba_16(0)), [0] * 3, 0),
    "png of one bit": (_saved("PNG", lambda: photo(1, "1")), [255] * 3, 0),
    "png with palette": (_saved("PNG", _palette), COLOR, 2),
    "palette transparent": (_saved("PNG", _transparent_palette, transparency=0), [0] * 3, 0),
    "rgba opaque": (_saved("PNG", lambda: photo((*COLOR, 255), "RGBA")), COLOR, 0),
    "rgba half": (_saved("PNG", lambda: photo((*COLOR, 128), "RGBA")), [100, 60, 20], 1),
    "rgba transparent": (_saved("PNG", lambda: photo((*COLOR, 0), "RGBA")), [0] * 3, 0),
    "gray half": (_saved("PNG", lambda: photo((120, 128), "LA")), [60] * 3, 1),
    "color transparent": (_bytes(_keyed), [0] * 3, 0),
    "turned by exif": (_saved("PNG", _turned, exif=_exif(6)), COLOR, 0),
    "turned jpeg": (_saved("JPEG", _turned, exif=_exif(6), quality=95), COLOR, 9),
    "exif without sense": (_saved("PNG", photo, exif=_exif(99)), COLOR, 0),
}
