"""Small pictures that show which face of a photo is meant and where the model put its points."""

import io

import numpy as np
from PIL import Image, ImageDraw

from scaf_jax.data import images
from scaf_jax.formats.asked import AskedFace

FOLDER = "previews"

_SIDE = 800  # pixels, at most
_BOX_COLOR = (255, 210, 0)
_POINT_COLOR = (40, 90, 255)


def draw(encoded: bytes, face: AskedFace) -> bytes:
    """Returns the photo with the face's box and pre-labels drawn, a JPEG.

    Raises:
      ImageError: The photo cannot be decoded.
    """
    pixels, _ = images.decode_image(encoded, face.key)
    picture = Image.fromarray(pixels)
    picture.thumbnail((_SIDE, _SIDE))
    scale = np.array(picture.size) / (face.width, face.height)
    pen = ImageDraw.Draw(picture)
    x0, y0, x1, y1 = (np.array(face.box) * np.tile(scale, 2)).tolist()
    if x0 <= x1 and y0 <= y1:
        pen.rectangle((x0, y0, x1, y1), outline=_BOX_COLOR, width=2)
    for x, y in (face.landmarks + 0.5) * scale:
        pen.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=_POINT_COLOR)
    output = io.BytesIO()
    picture.save(output, "JPEG", quality=85)
    return output.getvalue()
