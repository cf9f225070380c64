"""Finds the faces of 300-W in the folders that iBUG's downloads unzip to.

What is incomplete is collected as problems: warnings, or one error where the caller is strict.
"""

import dataclasses
import functools
import pathlib

import numpy as np

from data_builders import face_builder, faces
from data_builders.the300w import boxes
from scaf_jax.data import images, pts

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
NUM_LANDMARKS = 68
_TRAIN = ("afw", "helen/trainset", "lfpw/trainset")
_COMMON = ("helen/testset", "lfpw/testset")
_CHALLENGING = ("ibug",)
SPLITS = {
    "train": _TRAIN,
    "test_common": _COMMON,
    "test_challenging": _CHALLENGING,
    "test_full": _COMMON + _CHALLENGING,
}
_MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class FaceFiles:
    """One face: its photo, the points beside it, and the folder both are in."""

    image: pathlib.Path
    points: pathlib.Path
    folder: str

    @property
    def key(self) -> str:
        """Folder and file name: file names alone repeat between folders."""
        return images.printable_name(f"{self.folder}/{self.image.name}")


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split.

    Args:
      root: The folder that holds afw, helen, lfpw and ibug.

    Raises:
      DownloadError: There are no faces at all.
      BoxFileError: A box file is there but cannot be read.
    """
    folders, problems = find_faces(root)
    face_boxes, box_problems = read_all_boxes(root, folders)
    members = {
        folder: [_as_face(files, face_boxes.get(files.key)) for files in listed]
        for folder, listed in folders.items()
    }
    return faces.Found(
        layout="300-W as iBUG's downloads unzip",
        splits={name: [f for folder in SPLITS[name] for f in members[folder]] for name in SPLITS},
        parts=[faces.Part(name, len(folders[name]), EXPECTED_FACES[name]) for name in folders],
        problems=problems + box_problems,
    )


def _as_face(files: FaceFiles, entry: boxes.FaceBoxes | None) -> faces.Face:
    return faces.Face(
        image=files.image,
        key=files.key,
        subset=files.folder,
        place=str(files.points),
        annotate=functools.partial(_annotate, files, entry),
    )


def _annotate(files: FaceFiles, entry: boxes.FaceBoxes | None) -> faces.Annotation:
    points = pts.read_pts(files.points, NUM_LANDMARKS)
    ground_truth = entry.ground_truth if entry is not None else None
    if ground_truth is None:
        ground_truth = faces.extent(points)
        if not (ground_truth[:2] < ground_truth[2:]).all():
            raise faces.FaceError(f"{files.points}: the points do not span a face")
    return faces.Annotation(
        landmarks=points - np.float32(1),
        box_ground_truth=ground_truth,
        box_detector=entry.detector if entry is not None else None,
    )


def find_faces(root: pathlib.Path) -> tuple[dict[str, list[FaceFiles]], list[str]]:
    """Finds the faces of every folder.

    Args:
      root: The folder that holds afw, helen, lfpw and ibug.

    Returns:
      The faces of each folder, by file name, and the problems found.

    Raises:
      DownloadError: There are no faces at all.
    """
    problems: list[str] = []
    found = {folder: _faces_in(root, folder, problems) for folder in EXPECTED_FACES}
    if not any(found.values()):
        raise face_builder.DownloadError(
            f"no faces in {root}: it must hold the unzipped folders {', '.join(EXPECTED_FACES)}, "
            "each with photos and a .pts file beside each photo"
        )
    return found, problems


def read_all_boxes(
    root: pathlib.Path, folders: dict[str, list[FaceFiles]]
) -> tuple[dict[str, boxes.FaceBoxes], list[str]]:
    """Reads the boxes of all faces.

    Args:
      root: The folder that holds `Bounding Boxes`.
      folders: The faces of each folder.

    Returns:
      The boxes by face key (faces without any are absent), and the problems found.

    Raises:
      BoxFileError: A box file is there but cannot be read.
    """
    found: dict[str, boxes.FaceBoxes] = {}
    problems: list[str] = []
    for folder, members in folders.items():
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


def _faces_in(root: pathlib.Path, folder: str, problems: list[str]) -> list[FaceFiles]:
    directory = root / folder
    if not directory.is_dir():
        problems.append(f"{folder}: the folder {directory} is missing")
        return []
    # Sorted, so that 'the first N faces' does not depend on the file system.
    files = sorted((p for p in directory.iterdir() if p.is_file()), key=lambda p: p.name)
    points = {p.stem: p for p in files if p.suffix.lower() == ".pts"}
    photos = [p for p in files if p.suffix.lower() in images.EXTENSIONS]
    found = [FaceFiles(p, points[p.stem], folder) for p in photos if p.stem in points]

    alone = [p.name for p in photos if p.stem not in points]
    if alone:
        problems.append(f"{folder}: {len(alone)} photos have no .pts file: {_some(alone)}")
    alone = sorted(points.keys() - {p.stem for p in photos})
    if alone:
        problems.append(f"{folder}: {len(alone)} .pts files have no photo: {_some(alone)}")
    expected = EXPECTED_FACES[folder]
    if len(found) != expected:
        problems.append(f"{folder}: {len(found)} faces, the published set has {expected}")
    return found


def _box_problems(
    folder: str, path: pathlib.Path, members: list[FaceFiles], found: dict[str, boxes.FaceBoxes]
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
