"""Which kind of files holds a folder's landmarks."""

import pathlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from data_builders import face_builder
from data_builders.landmarks_folder import coco_files, csv_tables, listed, pts_folders
from scaf_jax.files import folder_files
from scaf_jax.formats import pts

_TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".xls", ".xlsx", ".ods", ".mat", ".xml")

List = Callable[..., tuple[list[listed.Listed], list[str]]]


class Kind(NamedTuple):
    """A kind of annotation files, and those of it that are there."""

    name: str
    files: list[pathlib.Path]
    list_faces: List
    landmark_names: Callable[[pathlib.Path], Sequence[str]]


def find(root: pathlib.Path) -> Kind:
    """Returns the kind of annotation files in a folder.

    Raises:
      DownloadError: There are none, or several kinds.
    """
    coco = Kind(
        "COCO keypoints (.json)",
        coco_files.find_files(root),
        coco_files.list_faces,
        coco_files.landmark_names,
    )
    kinds = [
        Kind(
            csv_tables.FILE,
            csv_tables.find_files(root),
            csv_tables.list_faces,
            csv_tables.landmark_names,
        ),
        coco,
        Kind(".pts files", pts_folders.find_files(root), pts_folders.list_faces, _numbered_names),
    ]
    found = [kind for kind in kinds if kind.files]
    if len(found) > 1 and coco in found and not coco_files.has_keypoints(root):
        found.remove(coco)  # some other .json
    if not found:
        raise face_builder.DownloadError(
            f"{root}: no landmarks: neither {csv_tables.FILE}, nor COCO keypoints in a .json, nor "
            f".pts files beside the photos{_other_tables(root)}"
        )
    if len(found) > 1:
        raise face_builder.DownloadError(
            f"{root}: holds landmarks in several kinds of files "
            f"({', '.join(kind.files[0].name for kind in found)}); move all but one kind away"
        )
    return found[0]


def _other_tables(root: pathlib.Path) -> str:
    """Names files that may be tables of landmarks under another name."""
    names = [
        name
        for name in sorted(folder_files.files_below(root))
        if folder_files.ending(name) in _TABLE_ENDINGS
    ]
    if not names:
        return ""
    return (
        f"; if {listed.some(names)} has them, save it as {csv_tables.FILE} (or "
        "landmarks_train.csv, landmarks_test.csv), with commas, and a header as in the README"
    )


def _numbered_names(path: pathlib.Path) -> list[str]:
    return [str(i) for i in range(len(pts.read_pts(path, allow_missing=True)))]
