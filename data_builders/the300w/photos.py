"""Faces of 300-W as iBUG publishes them: a photo with its .pts file beside it, boxes elsewhere."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterable

import numpy as np

from data_builders import face_builder, faces
from data_builders.the300w import boxes, layouts
from scaf_jax.data import images, photo_files
from scaf_jax.files import folder_files, spellings
from scaf_jax.formats import pts

NUM_LANDMARKS = 68
# dlib's download has each photo a second time, mirrored, under such a name.
MIRRORED_END = "_mirror"
_MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class FaceFiles:
    """One face: its photo, the points beside it, and the published folder both are in."""

    image: pathlib.Path
    points: pathlib.Path
    folder: str

    @property
    def key(self) -> str:
        """Folder and file name: file names alone repeat between folders."""
        return images.printable_name(f"{self.folder}/{self.image.name}")


def as_face(files: FaceFiles, entry: boxes.FaceBoxes | None) -> faces.Face:
    """Returns the face of a photo and its points, with its boxes if there are any."""
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
        ground_truth = box_around(points - np.float32(1), str(files.points))
    return faces.Annotation(
        landmarks=points - np.float32(1),
        box_ground_truth=ground_truth,
        box_detector=entry.detector if entry is not None else None,
        first_pixel=1,
    )


def box_around(points: np.ndarray, place: str) -> faces.Box:
    """Returns the box that iBUG's box files have for a face: the extent of its 1-based points.

    Args:
      points: (68, 2) float32, 0-based.
      place: Where they are, for messages.

    Raises:
      FaceError: The points lie on a line.
    """
    box = faces.extent(points) + np.float32(1)
    if not (box[:2] < box[2:]).all():
        raise faces.FaceError(f"{place}: the points do not span a face")
    return box


def list_folder(
    directory: pathlib.Path, folder: str, expected: int, notes: faces.Notes
) -> list[FaceFiles]:
    """Lists the photos of a folder that have points, by name.

    Args:
      directory: Where the folder is.
      folder: Its published name.
      expected: How many faces were published.
      notes: What is odd, and what is passed over, is added.

    Raises:
      DownloadError: Files whose names differ in their endings alone do not tell which belong
        together.
    """
    if not directory.is_dir():
        notes.problems.append(f"{folder}: the folder {directory} is missing")
        return []
    # Sorted, so that 'the first N faces' does not depend on the file system.
    files = photo_files.look(directory, (".pts",), deep=False)
    notes.add(files, folder)
    photos = [directory / name for name in files.photos]
    copies = {_stem(p) + MIRRORED_END for p in photos}
    notes.passed_over["mirrored copies"] += sum(_stem(p) in copies for p in photos)
    photos = [p for p in photos if _stem(p) not in copies]
    files_of_points = [directory / name for name in files.beside]
    files_of_points = [path for path in files_of_points if _stem(path) not in copies]
    points = {_stem(p): p for p in files_of_points}
    _refuse_doubles(files_of_points)
    _refuse_doubles([p for p in photos if _stem(p) in points])
    found = [FaceFiles(p, points[_stem(p)], folder) for p in photos if _stem(p) in points]

    alone = [p.name for p in photos if _stem(p) not in points]
    if alone:
        notes.problems.append(f"{folder}: {len(alone)} photos have no .pts file: {some(alone)}")
    alone = sorted(points.keys() - {_stem(p) for p in photos})
    if alone:
        notes.problems.append(f"{folder}: {len(alone)} .pts files have no photo: {some(alone)}")
    notes.problems += count_problems(folder, len(found), expected)
    return found


def _stem(path: pathlib.Path) -> str:
    return spellings.plain(path.stem)


def _refuse_doubles(paths: Iterable[pathlib.Path]) -> None:
    for group in folder_files.of_one_stem(spellings.plain(str(path)) for path in paths):
        raise face_builder.DownloadError(
            f"{group[0]}: {some([pathlib.Path(name).name for name in group])} have one name but "
            "for their endings, which does not tell what belongs together; move all but one away"
        )


def count_problems(folder: str, found: int, expected: int) -> list[str]:
    """Returns what is to be said of the number of faces found."""
    if found == expected:
        return []
    return [f"{folder}: {found} faces, the published set has {expected}"]


def read_all_boxes(
    directory: pathlib.Path | None, folders: dict[str, list[FaceFiles]]
) -> tuple[dict[str, boxes.FaceBoxes], list[str]]:
    """Reads the boxes of all faces.

    Args:
      directory: The folder of box files; None if there is none.
      folders: The faces of each folder.

    Returns:
      The boxes by face key (faces without any are absent), and the problems found.

    Raises:
      BoxFileError: A box file is there but cannot be read.
    """
    found: dict[str, boxes.FaceBoxes] = {}
    if directory is None:
        return found, [
            f"there is no folder '{layouts.BOX_FOLDER}'; all boxes are drawn around the landmarks"
        ]
    problems: list[str] = []
    for folder, members in folders.items():
        if not members:
            continue
        path = directory / f"bounding_boxes_{folder.replace('/', '_')}.mat"
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


def _box_problems(
    folder: str, path: pathlib.Path, members: list[FaceFiles], found: dict[str, boxes.FaceBoxes]
) -> list[str]:
    problems = []
    without = [f.key for f in members if f.key not in found or found[f.key].ground_truth is None]
    if without:
        problems.append(
            f"{folder}: {path.name} has no ground-truth box for {len(without)} faces, theirs is "
            f"drawn around the landmarks: {some(without)}"
        )
    without = [f.key for f in members if f.key not in found or found[f.key].detector is None]
    if without:
        problems.append(
            f"{folder}: {path.name} has no detector box for {len(without)} faces, their "
            f"ground-truth box takes its place: {some(without)}"
        )
    return problems


def some(names: list[str]) -> str:
    """Returns the first names of a list, printable, as one text."""
    shown = [images.printable_name(name) for name in names[:_MAX_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MAX_NAMED else "")
