"""Crops of photos as the published loader makes them."""

import pathlib

import numpy as np

from scaf_jax.data import geometry, images, published_crop
from scaf_jax.formats import pts
from scaf_jax.parity import comparison, fixtures

# Mean absolute difference of a crop, in gray levels: bicubic kernels differ between libraries.
PIXEL_TOLERANCE = 1.0
LANDMARK_TOLERANCE = 1e-4


def check_crops(folder: fixtures.Folder, faces: pathlib.Path) -> list[comparison.Row]:
    """Checks boxes, pixels and landmarks of every crop fixture.

    Args:
      folder: The fixtures.
      faces: Folder of the photos; their .pts files lie beside them.

    Raises:
      FixtureError: A photo, its landmarks or a field is missing; the message names it.
    """
    rows = []
    for name in folder.names("crops_*.json"):
        name = name.removesuffix(".json")
        frames = folder.json(f"{name}.json")
        found = comparison.Comparison(name, folder.arrays(f"{name}.npz"))
        crops = found.stored("crops")
        if len(crops) != len(frames):
            raise fixtures.FixtureError(
                f"fixture {name}: {len(frames)} frames in the .json, {len(crops)} crops in the .npz"
            )
        rows += found.rows()
        for frame, crop in zip(frames, crops, strict=True):
            rows += _check_frame(comparison.Comparison(name, frame), crop, faces)
    return rows


def _check_frame(
    found: comparison.Comparison, theirs: np.ndarray, faces: pathlib.Path
) -> list[comparison.Row]:
    file, size = str(found.stored("file")), theirs.shape[0]
    photo, points = _read_face(faces, file)
    settings = geometry.crop_settings("300w", input_size=size)
    region = published_crop.published_region(found.stored("box"), settings)
    # Boxes have to agree exactly; shown is the largest difference in pixels.
    difference = max(
        np.abs(getattr(region, name) - found.stored(name)).max()
        for name in ("extended", "roi", "tl", "br")
    )
    found.add(f"{file}: boxes, px", difference, 0.0)
    tl, br = found.stored("tl"), found.stored("br")
    ours = published_crop.published_crop(photo, tl, br, size)
    difference = np.abs(ours.astype(np.float64) - theirs).mean()
    found.add(f"{file}: pixels, gray levels", difference, PIXEL_TOLERANCE)
    landmarks = published_crop.published_landmarks(points, tl, br, size)
    error = comparison.relative_error(landmarks, found.stored("landmarks_in_crop"))
    found.add(f"{file}: landmarks", error, LANDMARK_TOLERANCE)
    return found.rows()


def _read_face(faces: pathlib.Path, file: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns a photo (H, W, 3) uint8 and its landmarks (L, 2), 0-based pixel centers."""
    name = pathlib.PurePosixPath(file)
    if name.is_absolute() or ".." in name.parts:
        raise fixtures.FixtureError(f"the photo '{file}' of a crop is outside its folder")
    path = faces / name
    try:
        photo, _ = images.decode_image(images.read_encoded(path), str(path))
        return photo, pts.read_pts(path.with_suffix(".pts")) - 1.0
    except (images.ImageError, pts.PtsError) as error:
        raise fixtures.FixtureError(
            f"{error}. The crops need their photos with .pts files: set --faces"
        ) from error
