"""Faces from photos with a `.pts` file of the same name beside each; `nan nan` is not known."""

import collections
import functools
import pathlib

import numpy as np

from data_builders import face_builder, faces
from data_builders.landmarks_folder import listed
from scaf_jax.data import photo_files
from scaf_jax.files import folder_files
from scaf_jax.formats import pts
from scaf_jax.landmarks import scheme_files

FIRST_PIXEL = 1  # as the iBUG group counts


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the .pts files of a folder and its sub-folders, sorted."""
    return sorted(root / name for name in folder_files.files_below(root) if _is_points(name))


def has_pairs(root: pathlib.Path) -> bool:
    """Returns whether somewhere in a folder a photo lies beside a .pts file of its name."""
    names = list(folder_files.files_below(root))
    stems = {pathlib.PurePath(name).with_suffix("") for name in names if _is_points(name)}
    return any(
        pathlib.PurePath(name).with_suffix("") in stems and photo_files.is_photo(root / name)
        for name in names
        if stems
    )


def list_faces(
    root: pathlib.Path, paths: list[pathlib.Path], scheme_file: scheme_files.SchemeFile
) -> tuple[list[listed.Listed], list[str]]:
    """Lists the photos that have a file of points.

    Args:
      root: The folder of the data set.
      paths: The files of points, from `find_files`.
      scheme_file: What the points mean.

    Returns:
      The faces by name, and the problems found.

    Raises:
      DownloadError: Two photos have the same file of points, or two files the same photo.
    """
    for group in folder_files.of_one_stem(map(str, paths)):
        raise face_builder.DownloadError(
            f"{group[0]}: there are {len(group)} files of points of this name "
            f"({listed.some([pathlib.Path(name).name for name in group])}); move all but one away"
        )
    points = {path.with_suffix(""): path for path in paths}
    photos = [root / name for name in photo_files.list_photos(root)]
    stems = collections.Counter(photo.with_suffix("") for photo in photos)
    for stem, count in stems.items():
        if count > 1 and stem in points:
            alike = [photo.name for photo in photos if photo.with_suffix("") == stem]
            raise face_builder.DownloadError(
                f"{points[stem]}: there are {count} photos of this name ({listed.some(alike)}); "
                "move all but one away"
            )
    found = [
        listed.Listed(
            name=photo.relative_to(root).as_posix(),
            image=photo,
            place=str(points[photo.with_suffix("")]),
            annotate=functools.partial(
                _annotate,
                points[photo.with_suffix("")],
                scheme_file.scheme.num_landmarks,
                FIRST_PIXEL if scheme_file.first_pixel is None else scheme_file.first_pixel,
            ),
        )
        for photo in photos
        if photo.with_suffix("") in points
    ]
    alone = [str(path.relative_to(root)) for stem, path in points.items() if stem not in stems]
    return found, [f"{len(alone)} .pts files have no photo: {listed.some(alone)}"] if alone else []


def _is_points(name: str) -> bool:
    return folder_files.ending(name) == ".pts"


def _annotate(path: pathlib.Path, num_landmarks: int, first_pixel: int) -> faces.Annotation:
    points = pts.read_pts(path, num_landmarks, allow_missing=True) - np.float32(first_pixel)
    return faces.Annotation(
        landmarks=points, mask=np.isfinite(points[:, 0]), unknown_as="'nan nan'"
    )
