"""Faces from photos with a `.pts` file of the same name beside each; `nan nan` is not known."""

import collections
import functools
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from data_builders import face_builder, faces
from data_builders.landmarks_folder import listed
from scaf_jax.data import photo_files
from scaf_jax.files import folder_files, spellings
from scaf_jax.formats import pts
from scaf_jax.landmarks import scheme_files

FIRST_PIXEL = 1  # as the iBUG group counts
_BLANK = re.compile(rb"\{\s*(?:nan\s+nan\s*)+\}", re.IGNORECASE)


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the .pts files of a folder and its sub-folders, sorted."""
    return sorted(root / name for name in folder_files.files_below(root) if _is_points(name))


def has_pairs(root: pathlib.Path) -> bool:
    """Returns whether somewhere in a folder a photo lies beside a .pts file of its name."""
    names = list(folder_files.files_below(root))
    stems = {_stem(pathlib.PurePath(name)) for name in names if _is_points(name)}
    return any(
        stems & {_stem(path), _plain(path)} and photo_files.is_photo(root / name)
        for name in names
        if stems and not _is_points(name) and (path := pathlib.PurePath(name))
    )


def list_faces(
    root: pathlib.Path, paths: list[pathlib.Path], scheme_file: scheme_files.SchemeFile
) -> tuple[list[listed.Listed], list[str]]:
    """Lists the photos that have a file of points: a.pts or a.jpg.pts for a.jpg.

    Args:
      root: The folder of the data set.
      paths: The files of points, from `find_files`.
      scheme_file: What the points mean.

    Returns:
      The faces by name, and the problems found.

    Raises:
      DownloadError: Two photos have the same file of points, or two files the same photo.
    """
    photos = [root / name for name in photo_files.list_photos(root)]
    pairs = _pairs(photos, paths)
    first_pixel = FIRST_PIXEL if scheme_file.first_pixel is None else scheme_file.first_pixel
    found = [
        listed.Listed(
            name=photo.relative_to(root).as_posix(),
            image=photo,
            place=str(points),
            annotate=functools.partial(
                _annotate, points, scheme_file.scheme.num_landmarks, first_pixel
            ),
            blank=_is_blank(points),
        )
        for photo, points in pairs.items()
    ]
    used = set(pairs.values())
    alone = [path.relative_to(root).as_posix() for path in paths if path not in used]
    if not alone:
        return found, []
    wanted = f"a photo {pathlib.PurePath(alone[0]).stem}.jpg (or of another ending) beside it"
    return found, [
        f"{len(alone)} .pts files have no photo: {listed.some(alone)}; {wanted} was looked for, "
        "spelled exactly so"
    ]


def _pairs(
    photos: Sequence[pathlib.Path], paths: Sequence[pathlib.Path]
) -> dict[pathlib.Path, pathlib.Path]:
    """The file of points of each photo that has one."""
    by_stem: dict[str, list[pathlib.Path]] = collections.defaultdict(list)
    for path in paths:
        by_stem[_stem(path)].append(path)
    stems = collections.Counter(_stem(photo) for photo in photos)
    pairs = {}
    for photo in photos:
        points = [*by_stem.get(_stem(photo), ()), *by_stem.get(_plain(photo), ())]
        if len(points) > 1:
            raise face_builder.DownloadError(
                f"{points[0]}: there are {len(points)} files of points for {photo.name} "
                f"({listed.some([path.name for path in points])}); move all but one away"
            )
        if points and _stem(points[0]) == _stem(photo) and stems[_stem(photo)] > 1:
            alike = [other.name for other in photos if _stem(other) == _stem(photo)]
            raise face_builder.DownloadError(
                f"{points[0]}: there are {len(alike)} photos of this name "
                f"({listed.some(alike)}); move all but one away"
            )
        if points:
            pairs[photo] = points[0]
    return pairs


def _plain(path: pathlib.PurePath) -> str:
    """A path as names are compared: a Mac takes the accents of names apart."""
    return spellings.plain(str(path))


def _stem(path: pathlib.PurePath) -> str:
    return _plain(path.with_suffix(""))


def _is_blank(path: pathlib.Path) -> bool:
    try:
        return _BLANK.search(path.read_bytes()[: pts.MAX_BYTES]) is not None
    except OSError:
        return False  # told when the face is read


def _is_points(name: str) -> bool:
    return folder_files.ending(name) == ".pts"


def _annotate(path: pathlib.Path, num_landmarks: int, first_pixel: int) -> faces.Annotation:
    points = pts.read_pts(path, num_landmarks, allow_missing=True) - np.float32(first_pixel)
    return faces.Annotation(
        landmarks=points,
        mask=np.isfinite(points[:, 0]),
        unknown_as="'nan nan'",
        first_pixel=first_pixel,
    )
