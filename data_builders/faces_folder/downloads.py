"""Finds the photos of a folder tree, and the boxes of their faces where there are some."""

import functools
import pathlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from data_builders import face_builder, faces, split_names
from data_builders.faces_folder import boxes
from scaf_jax.data import images, photo_boxes, photo_files
from scaf_jax.files import folder_files

_MAX_NAMED = 5


def recognize(root: pathlib.Path) -> bool:
    """Returns whether there is a photo in a folder or below it; so do most data sets."""
    return any(photo_files.is_photo(root / name) for name in folder_files.files_below(root))


def find(root: pathlib.Path) -> faces.Found:
    """Lists all photos, by name, as the split `train`.

    Args:
      root: The folder.

    Raises:
      DownloadError: There are no photos, or the boxes are no such file.
      ValueError: The boxes cannot be read; the message names the file.
    """
    notes = faces.Notes()
    path = boxes.find_file(root)
    files = photo_files.look(
        root, known=(boxes.OF_LANDMARKS, *(() if path is None else (path.name,)))
    )
    notes.add(files)
    photos = files.photos
    if not photos:
        raise face_builder.DownloadError(photo_files.none_in(root, files))
    table = {} if path is None else boxes.read_boxes(path)
    matched = photo_boxes.match(table, photos)
    if table and not matched.names:
        raise face_builder.DownloadError(
            f"{path}: none of its names, such as {_some(matched.unknown[:1])}, is that of a photo; "
            f"names are paths below {root}, such as {_some(photos[:1])}"
        )
    entries = {
        photo: [entry for name in names for entry in table[name]]
        for photo, names in matched.names.items()
    }
    unread = boxes.unread_tables(root, photos) if path is None else []
    if unread:
        notes.problems.append(
            f"each whole photo is taken for a face; if {_some(unread)} has boxes, write them as "
            f"{boxes.TABLE} or {boxes.JSON}"
        )
    notes.problems += _held_out_problems(photos)
    faceless = {name for name, of_photo in entries.items() if not of_photo}
    members = [
        face
        for name in photos
        if name not in faceless
        for face in _faces_of(root, name, entries.get(name, []))
    ]
    return faces.Found(
        layout="a folder of photos" + ("" if path is None else f" with {path.name}"),
        splits={"train": members},
        parts=[
            faces.Part("photos", len(photos)),
            *([faces.Part("photos without a face", len(faceless))] if faceless else []),
            faces.Part("faces", len(members)),
        ],
        problems=notes.problems + ([] if path is None else _problems(path.name, matched)),
        passed_over=notes.passed_over,
    )


def _faces_of(
    root: pathlib.Path, name: str, entries: Sequence[boxes.BoxEntry]
) -> Iterator[faces.Face]:
    image = root / name
    if not entries:
        place = images.printable_name(str(image))
        yield _face(image, name, place, functools.partial(_annotate_whole, image))
    for number, entry in enumerate(entries, 1):
        key = name if len(entries) == 1 else f"{name}#{number}"
        yield _face(image, key, entry.place, functools.partial(_annotate, entry))


def _face(
    image: pathlib.Path, key: str, place: str, annotate: Callable[[], faces.Annotation]
) -> faces.Face:
    return faces.Face(image, images.printable_name(key), "", place, annotate)


def _annotate(entry: boxes.BoxEntry) -> faces.Annotation:
    return faces.Annotation(np.zeros((0, 2), np.float32), box_ground_truth=entry.box())


def _annotate_whole(image: pathlib.Path) -> faces.Annotation:
    width, height = images.image_size(images.read_encoded(image), str(image))
    return faces.Annotation(
        np.zeros((0, 2), np.float32),
        box_ground_truth=np.array([0, 0, width, height], np.float32),
    )


def _held_out_problems(photos: Sequence[str]) -> list[str]:
    """Photos that seem to be for testing, which stage 1 would learn from."""
    held_out = [name for name in photos if _is_held_out(name)]
    if not held_out:
        return []
    return [
        f"{len(held_out)} photos lie in folders called like test sets and become part of 'train', "
        f"as all do; move them away if you test on them: {_some(held_out)}"
    ]


def _is_held_out(name: str) -> bool:
    try:
        split = split_names.split_of_path(name.split("/")[:-1])
    except split_names.UnclearSplitError:
        return True
    return split is not None and split_names.is_held_out(split)


def _problems(file_name: str, matched: photo_boxes.Matched) -> list[str]:
    problems = []
    if matched.without:
        problems.append(
            f"{len(matched.without)} photos have no box in {file_name}, the whole photo takes its "
            f"place: {_some(matched.without)}"
        )
    if matched.unknown:
        problems.append(
            f"{file_name}: {len(matched.unknown)} names are no photos: {_some(matched.unknown)}"
        )
    return problems


def _some(names: Sequence[str]) -> str:
    shown = [images.printable_name(name) for name in names[:_MAX_NAMED]]
    return ", ".join(shown) + (", ..." if len(names) > _MAX_NAMED else "")
