"""Tests of decoding photos that may come from anywhere."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from scaf_jax.data import images


def _encode(pixels, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def _rgb(height=6, width=9):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


def _png_of_size(width, height):
    """A small PNG file that claims to be of some size."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_decodes_rgb():
    pixels, shrink = images.decode_image(_encode(_rgb()), "face.png")
    np.testing.assert_array_equal(pixels, _rgb())
    assert shrink == 1


def test_gray_becomes_rgb():
    gray = _rgb()[..., 0]
    pixels, _ = images.decode_image(_encode(gray), "face")
    np.testing.assert_array_equal(pixels, np.repeat(gray[..., None], 3, -1))


def test_what_is_transparent_is_laid_over_black():
    alpha = np.full((6, 9, 1), 255, np.uint8)
    alpha[:, 3:] = 0
    pixels, _ = images.decode_image(_encode(np.dstack([_rgb(), alpha])), "face")
    np.testing.assert_array_equal(pixels[:, :3], _rgb()[:, :3])
    assert not pixels[:, 3:].any()


def test_a_photo_is_turned_upright():
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rows of the file are columns of the photo
    encoded = _encode(_rgb(), "PNG", exif=exif)
    assert images.image_size(encoded, "face") == (6, 9)
    pixels, _ = images.decode_image(encoded, "face", shrink=2)
    np.testing.assert_array_equal(pixels, np.rot90(_rgb(), -1))


_XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("with_exif", [False, True])
@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
def test_exif_alone_says_how_a_photo_is_turned(kind, with_exif, orientation):
    """Whatever XMP says; with EXIF that says nothing of it and without EXIF alike."""
    stored = np.zeros((32, 48, 3), np.uint8)
    stored[:16, :16] = 255
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    if with_exif:
        exif[0x010F] = "Camera"
    options = {"lossless": True} if kind == "WEBP" else {}
    if kind == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", _XMP.decode())
        options["pnginfo"] = text
    else:
        options["xmp"] = _XMP
    if kind == "TIFF":  # which has no EXIF of its own but these tags
        options = {"tiffinfo": {700: _XMP, **dict(exif)}}
    elif with_exif or orientation is not None:
        options["exif"] = exif
    encoded = _encode(stored, kind, **options)
    expected = {
        None: stored,
        1: stored,
        2: stored[:, ::-1],
        3: stored[::-1, ::-1],
        4: stored[::-1],
        5: stored.swapaxes(0, 1),
        6: np.rot90(stored, -1),
        7: np.rot90(stored.swapaxes(0, 1), 2),
        8: np.rot90(stored),
    }[orientation]
    pixels, _ = images.decode_image(encoded, "face")
    assert images.image_size(encoded, "face") == (expected.shape[1], expected.shape[0])
    assert pixels.shape == expected.shape
    np.testing.assert_allclose(pixels.astype(int), expected.astype(int), atol=40)


@pytest.mark.parametrize("shrink", [2, 4, 8])
def test_a_jpeg_is_decoded_smaller(shrink):
    smooth = np.repeat(np.linspace(0, 255, 403)[None, :, None], 301, 0).repeat(3, 2)
    encoded = _encode(smooth.astype(np.uint8), "JPEG", quality=98)
    pixels, applied = images.decode_image(encoded, "face", shrink=shrink)
    assert applied == shrink
    assert pixels.shape == (-(-301 // shrink), -(-403 // shrink), 3)
    # Its pixel i shows the mean of the photo's pixels i * shrink .. (i + 1) * shrink - 1.
    columns = np.arange(10) * shrink + (shrink - 1) / 2
    np.testing.assert_allclose(pixels[5, :10, 0], columns * 255 / 402, atol=2)


def test_a_jpeg_narrower_than_the_shrinkage_is_decoded():
    pixels, applied = images.decode_image(_encode(_rgb(40, 3), "JPEG"), "face", shrink=8)
    assert pixels.shape[0] == -(-40 // applied)


def test_what_is_no_jpeg_is_not_shrunk():
    pixels, applied = images.decode_image(_encode(_rgb(64, 64)), "face", shrink=4)
    assert applied == 1 and pixels.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        (b"", "not a readable image"),
        (b"#!/bin/sh", "not a readable image"),
        (_encode(_rgb(200, 200))[:-1000], "damaged"),
        (_encode(_rgb(200, 200), "JPEG")[:-1000], "damaged"),
        (_png_of_size(10_000, 8_000), "64000000 pixels"),
        (_png_of_size(100_000, 80_000), "64000000 pixels"),
    ],
    ids=["empty", "script", "cut png", "cut jpeg", "large", "huge"],
)
def test_errors_name_the_photo(encoded, message):
    with pytest.raises(images.ImageError, match=r"me/face\.png: .*" + message):
        images.decode_image(encoded, "me/face.png")


def test_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(images.ImageError, match=r"empty\.jpg: the file is empty"):
        images.read_encoded(tmp_path / "empty.jpg")
    with pytest.raises(images.ImageError, match=r"no\.jpg: cannot be read"):
        images.read_encoded(tmp_path / "no.jpg")


def test_names_become_printable():
    assert images.printable_name("Zoë 1.jpg") == "Zoë 1.jpg"
    hostile = images.printable_name("a\nb\x1b[31m\udcff.jpg")
    assert hostile == r"a\nb\x1b[31m\udcff.jpg"
    hostile.encode("utf-8")


@pytest.mark.filterwarnings("ignore")  # Pillow warns of some damage that it can work round
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "WEBP", "TIFF", "GIF", "PPM", "AVIF"])
def test_damaged_files_give_an_image_or_a_clear_error(kind):
    encoded = _encode(_rgb(40, 60), kind)
    rng = np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(encoded)
        for place in rng.integers(0, len(damaged), 5):
            damaged[place] = rng.integers(256)
        try:
            pixels, _ = images.decode_image(bytes(damaged), "face")
        except images.ImageError as error:
            assert str(error).startswith("face: ")
        else:
            assert pixels.ndim == 3 and pixels.dtype == np.uint8


def test_16_bits_are_divided_not_cut_off():
    gray = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1365  # up to 64155
    for kind in ("PNG", "TIFF", "PPM"):
        pixels, _ = images.decode_image(_encode(gray, kind), "face")
        np.testing.assert_array_equal(pixels[..., 0], np.round(gray / 257))


def test_a_name_that_no_file_can_have():
    with pytest.raises(images.ImageError, match="cannot be read: .*null"):
        images.read_encoded("a\0.jpg")
