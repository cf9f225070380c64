"""Finds the faces of WFLW in the folders that its two downloads unzip to."""

import collections
import functools
import pathlib

from data_builders import face_builder, faces, listings
from data_builders.wflw import lines
from scaf_jax.data import images
from scaf_jax.files import folder_files

SCHEME = "wflw98"
NUM_LANDMARKS = lines.NUM_LANDMARKS
PHOTO_FOLDER = "WFLW_images"
# List -> faces in the published data set.
EXPECTED_FACES = {"train": 7500, "test": 2500}
EXPECTED_IN_SUBSETS = {
    "pose": 326,
    "expression": 314,
    "illumination": 698,
    "makeup": 206,
    "occlusion": 736,
    "blur": 773,
}
_LIST_FOLDER = "list_98pt_rect_attr_train_test"
# Where the lists are: as they unzip, or moved up by hand.
_LIST_FOLDERS = (
    f"WFLW_annotations/{_LIST_FOLDER}",
    "WFLW_annotations",
    _LIST_FOLDER,
    ".",
)


def recognize(root: pathlib.Path) -> bool:
    """Returns whether a folder looks like WFLW's downloads: it holds one of the lists."""
    return any(_list_path(root, name) is not None for name in EXPECTED_FACES)


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split.

    Args:
      root: The folder that holds WFLW_images and WFLW_annotations.

    Raises:
      DownloadError: There are neither lists nor photos, or a list cannot be read.
    """
    photos = root / PHOTO_FOLDER
    if not recognize(root) or not photos.is_dir():
        raise face_builder.DownloadError(
            f"no faces in {root}: it must hold the unzipped folders {PHOTO_FOLDER} and "
            f"WFLW_annotations with {_LIST_FOLDER}/{_list_name('train')} and "
            f"{_list_name('test')}"
        )
    listed = {name: _faces_of(root, name, photos) for name in EXPECTED_FACES}
    subsets = {
        f"test_{name}": [face for face in listed["test"] if face.extra.get(f"attribute_{name}")]
        for name in lines.ATTRIBUTES
    }
    parts = [faces.Part(name, len(listed[name]), EXPECTED_FACES[name]) for name in listed]
    parts += [
        faces.Part(f"test_{name}", len(subsets[f"test_{name}"]), expected)
        for name, expected in EXPECTED_IN_SUBSETS.items()
    ]
    return faces.Found(
        layout="WFLW as its downloads unzip",
        splits=listed | subsets,
        parts=parts,
        problems=_problems(root, parts),
    )


def _list_name(name: str) -> str:
    return f"list_98pt_rect_attr_{name}.txt"


def _list_path(root: pathlib.Path, name: str) -> pathlib.Path | None:
    paths = (root / folder / _list_name(name) for folder in _LIST_FOLDERS)
    return next((path for path in paths if path.is_file()), None)


def _problems(root: pathlib.Path, parts: list[faces.Part]) -> list[str]:
    missing = [name for name in EXPECTED_FACES if _list_path(root, name) is None]
    problems = [f"{name}: the list {_list_name(name)} is missing" for name in missing]
    known = {_list_name(name) for name in EXPECTED_FACES}
    for folder in _LIST_FOLDERS:
        further = [path.name for path in _lists_in(root / folder) if path.name not in known]
        if further:
            problems.append(
                f"{', '.join(map(images.printable_name, further))} in {folder}: lists that are not "
                f"read; only {' and '.join(sorted(known))} are"
            )
    return problems + [
        f"{part.name}: {part.found} faces, the published set has {part.expected}"
        for part in parts
        if part.found != part.expected
    ]


def _lists_in(folder: pathlib.Path) -> list[pathlib.Path]:
    if not folder.is_dir():
        return []
    files = folder_files.files_in(folder)
    return [path for path in files if path.name.lower().startswith("list_98pt")]


def _faces_of(root: pathlib.Path, name: str, photos: pathlib.Path) -> list[faces.Face]:
    path = _list_path(root, name)
    if path is None:
        return []
    # A photo may show several faces: a face is the photo and its number among the photo's lines.
    seen: collections.Counter[str] = collections.Counter()
    listed = []
    for number, text in listings.read_lines(path):
        place = f"{path}:{number}"
        try:
            head = lines.read_head(text, place)
            image = faces.file_below(photos, head.name, place)
        except faces.FaceError as error:
            key = f"{path.name}:{number}"
            listed.append(faces.unusable_face(photos, key, "", place, str(error)))
            continue
        seen[head.name] += 1
        listed.append(_as_face(image, head, seen[head.name], text, place))
    return listed


def _as_face(
    image: pathlib.Path, head: lines.Line, number: int, text: str, place: str
) -> faces.Face:
    return faces.Face(
        image=image,
        key=images.printable_name(f"{head.name}#{number}"),
        subset=images.printable_name(head.name.rpartition("/")[0]),
        place=place,
        annotate=functools.partial(lines.read_annotation, text, place),
        extra={
            f"attribute_{name}": flag
            for name, flag in zip(lines.ATTRIBUTES, head.flags, strict=True)
        },
    )
