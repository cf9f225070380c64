"""Finds the faces of 300-W in the folders that people have.

What is incomplete is collected as problems: warnings, or one error where the caller is strict.
"""

import pathlib
from collections.abc import Sequence

from data_builders import face_builder, faces
from data_builders.the300w import dlib_xml, layouts, photos
from scaf_jax.files import folder_files

SCHEME = "ibug68"
NUM_LANDMARKS = photos.NUM_LANDMARKS
PRIVATE_SPLIT = "test_300w_private"
_MOST_NAMED = 10
SPLITS = {
    "train": layouts.TRAIN,
    "test_common": layouts.COMMON,
    "test_challenging": layouts.CHALLENGING,
    "test_full": layouts.COMMON + layouts.CHALLENGING,
}


def recognize(root: pathlib.Path) -> bool:
    """Whether a folder looks like downloads of 300-W; reads no file."""
    return layouts.detect(root) is not None


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split.

    Args:
      root: A folder that is laid out as one of those in `layouts`.

    Raises:
      DownloadError: There are no faces at all, or dlib's label files cannot be read.
      BoxFileError: A box file is there but cannot be read.
    """
    layout = layouts.detect(root)
    if layout is None:
        raise _no_faces(root)
    notes = faces.Notes()
    for folder in {root, layout.base}:
        folder_files.folders_in(folder, notes.passed_over)
    members = _find_members(layout, notes)
    private = _find_private(layout, notes)
    if not any(members.values()) and not any(private.values()):
        raise _no_faces(root, notes.problems)
    splits = {name: [f for part in SPLITS[name] for f in members[part]] for name in SPLITS}
    parts = [
        faces.Part(name, len(members[name]), expected)
        for name, expected in layouts.EXPECTED_FACES.items()
    ]
    name = layout.name
    if layout.private:
        splits[PRIVATE_SPLIT] = [face for listed in private.values() for face in listed]
        parts += [
            faces.Part(part, len(private[part]), expected)
            for part, expected in layouts.EXPECTED_PRIVATE.items()
        ]
        name = name if name == layouts.PRIVATE else f"{name}, and {layouts.PRIVATE}"
    return faces.Found(name, splits, parts, notes.problems, +notes.passed_over)


def _find_members(layout: layouts.Layout, notes: faces.Notes) -> dict[str, list[faces.Face]]:
    if layout.labels:
        members, problems = dlib_xml.read_labels(layout.base, layout.labels)
        notes.problems += problems
        return members
    if not layout.folders:
        notes.problems.append(f"only {layouts.PRIVATE} are there, nothing to train on")
        return {folder: [] for folder in layouts.EXPECTED_FACES}
    files = {
        folder: photos.list_folder(
            layout.folders.get(folder, layout.base / folder), folder, expected, notes
        )
        for folder, expected in layouts.EXPECTED_FACES.items()
    }
    if not any(files.values()):
        return {folder: [] for folder in files}
    boxes, problems = photos.read_all_boxes(layout.boxes, files)
    notes.problems += problems
    return {
        folder: [photos.as_face(face, boxes.get(face.key)) for face in listed]
        for folder, listed in files.items()
    }


def _find_private(layout: layouts.Layout, notes: faces.Notes) -> dict[str, list[faces.Face]]:
    if not layout.private:
        return {}
    somewhere = next(iter(layout.private.values())).parent
    found = {}
    for folder, expected in layouts.EXPECTED_PRIVATE.items():
        directory = layout.private.get(folder, somewhere / folder)
        listed = photos.list_folder(directory, folder, expected, notes)
        found[folder] = [photos.as_face(face, None) for face in listed]
    return found


def _no_faces(root: pathlib.Path, problems: Sequence[str] = ()) -> face_builder.DownloadError:
    said = (
        f"no faces in {root}: it must hold the unzipped folders "
        f"{', '.join(layouts.EXPECTED_FACES)}, each with photos and a .pts file beside each photo, "
        "dlib's ibug_300W_large_face_landmark_dataset, or 01_Indoor and 02_Outdoor"
    )
    return face_builder.DownloadError("\n  ".join([said, *problems[:_MOST_NAMED]]))
