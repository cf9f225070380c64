"""Finds the faces of 300-W in the folders that iBUG's downloads unzip to.

What is incomplete is collected as problems: warnings, or one error where the caller is strict.
"""

import dataclasses
import pathlib

from absl import logging

from data_builders.the300w import boxes
from scaf_jax.data import images

# Folder -> faces in the published data set.
EXPECTED_FACES = {
    "afw": 337,
    "helen/trainset": 2000,
    "lfpw/trainset": 811,
    "helen/testset": 330,
    "lfpw/testset": 224,
    "ibug": 135,
}
BOX_FOLDER = "Bounding Boxes"
_MAX_NAMED = 5


class DownloadError(ValueError):
    """The downloads are not as they should be; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Face:
    """One face: its photo, the points beside it, and the folder both are in."""

    image: pathlib.Path
    points: pathlib.Path
    folder: str

    @property
    def key(self) -> str:
        """Folder and file name: file names alone repeat between folders."""
        return images.printable_name(f"{self.folder}/{self.image.name}")


def find_faces(root: pathlib.Path) -> tuple[dict[str, list[Face]], list[str]]:
    """Finds the faces of every folder.

    Args:
      root: The folder that holds afw, helen, lfpw and ibug.

    Returns:
      The faces of each folder, by file name, and the problems found.

    Raises:
      DownloadError: There are no faces at all.
    """
    problems: list[str] = []
    faces = {folder: _faces_in(root, folder, problems) for folder in EXPECTED_FACES}
    if not any(faces.values()):
        raise DownloadError(
            f"no faces in {root}: it must hold the unzipped folders {', '.join(EXPECTED_FACES)}, "
            "each with photos and a .pts file beside each photo"
        )
    return faces, problems


def read_all_boxes(
    root: pathlib.Path, faces: dict[str, list[Face]]
) -> tuple[dict[str, boxes.FaceBoxes], list[str]]:
    """Reads the boxes of all faces.

    Args:
      root: The folder that holds `Bounding Boxes`.
      faces: The faces of each folder.

    Returns:
      The boxes by face key (faces without any are absent), and the problems found.

    Raises:
      BoxFileError: A box file is there but cannot be read.
    """
    found: dict[str, boxes.FaceBoxes] = {}
    problems: list[str] = []
    for folder, members in faces.items():
        if not members:
            continue
        path = root / BOX_FOLDER / f"bounding_boxes_{folder.replace('/', '_')}.mat"
        if not path.is_file():
            problems.append(
                f"{folder}: no box file {path}; both boxes are drawn around the landmarks"
            )
            continue
        in_file = boxes.read_boxes(path)
        for face in members:
            entry = in_file.get(boxes.normalized_name(face.image.name))
            if entry is not None:
                found[face.key] = entry
        problems += _box_problems(folder, path, members, found)
    return found, problems


def report(problems: list[str], *, strict: bool) -> None:
    """Logs the problems as warnings.

    Raises:
      DownloadError: There are some and `strict` is True.
    """
    if strict and problems:
        raise DownloadError(
            "the downloads are incomplete:\n  "
            + "\n  ".join(problems)
            + "\nDownload and unzip them again, or go without strict to use what is there."
        )
    for problem in problems:
        logging.warning("300-W: %s", problem)


def _faces_in(root: pathlib.Path, folder: str, problems: list[str]) -> list[Face]:
    directory = root / folder
    if not directory.is_dir():
        problems.append(f"{folder}: the folder {directory} is missing")
        return []
    # Sorted, so that 'the first N faces' does not depend on the file system.
    files = sorted((p for p in directory.iterdir() if p.is_file()), key=lambda p: p.name)
    points = {p.stem: p for p in files if p.suffix.lower() == ".pts"}
    photos = [p for p in files if p.suffix.lower() in images.EXTENSIONS]
    faces = [Face(p, points[p.stem], folder) for p in photos if p.stem in points]

    alone = [p.name for p in photos if p.stem not in points]
    if alone:
        problems.append(f"{folder}: {len(alone)} photos have no .pts file: {_some(alone)}")
    alone = sorted(points.keys() - {p.stem for p in photos})
    if alone:
        problems.append(f"{folder}: {len(alone)} .pts files have no photo: {_some(alone)}")
    expected = EXPECTED_FACES[folder]
    if len(faces) != expected:
        problems.append(f"{folder}: {len(faces)} faces, the published set has {expected}")
    return faces


def _box_problems(
    folder: str, path: pathlib.Path, members: list[Face], found: dict[str, boxes.FaceBoxes]
) -> list[str]:
    problems = []
    without = [f.key for f in members if f.key not in found or not _has_truth(found[f.key])]
    if without:
        problems.append(
            f"{folder}: {path.name} has no ground-truth box for {len(without)} faces, theirs is "
            f"drawn around the landmarks: {_some(without)}"
        )
    without = [f.key for f in members if f.key not in found or found[f.key].detector is None]
    if without:
        problems.append(
            f"{folder}: {path.name} has no detector box for {len(without)} faces, their "
            f"ground-truth box takes its place: {_some(without)}"
        )
    return problems


def _has_truth(entry: boxes.FaceBoxes) -> bool:
    return entry.ground_truth is not None


def _some(names: list[str]) -> str:
    shown = [images.printable_name(name) for name in names[:_MAX_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MAX_NAMED else "")
