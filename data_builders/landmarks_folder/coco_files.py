"""Faces from COCO keypoints, as CVAT and other tools export them; `formats.coco_reader` reads them.

`bbox` is x, y, width, height; one without an area is none. Segmentations are not looked at.
"""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_builders import face_builder, faces, split_names
from data_builders.landmarks_folder import coco_photos, coco_problems, listed, unread_fields
from scaf_jax.files import folder_files, strict_json
from scaf_jax.formats import coco_reader, marks
from scaf_jax.landmarks import scheme_files, schemes

_OTHER_FILES = ("scheme.json", "boxes.json")
# That say nothing of a split, whatever they say: URLs have train2017 in them.
_COCO_FIELDS = frozenset(
    "id file_name width height license coco_url flickr_url date_captured image_id category_id "
    "keypoints num_keypoints bbox area segmentation iscrowd split".split()
)
_PARTS = ("images", "annotations", "categories")
_LOOKED_AT = 10  # .json files, before a folder is taken for one of another kind
_ADVICE = "export it as COCO keypoints again"


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the .json files of a folder, its split folders and its folder `annotations`."""
    places = listed.places_of(root)
    places += [
        path for path in listed.folders_of(root) if path.name.lower() == coco_photos.ANNOTATIONS
    ]
    return [
        path
        for place in places
        if place.is_dir()
        for path in folder_files.files_in(place)
        if folder_files.ending(path.name) == ".json" and path.name.lower() not in _OTHER_FILES
    ]


def has_keypoints(root: pathlib.Path) -> bool:
    """Returns whether one of the first .json files of a folder holds COCO keypoints."""
    return any(_is_usable(path) for path in find_files(root)[:_LOOKED_AT])


def landmark_names(path: pathlib.Path) -> list[str]:
    """Returns the names of a file's keypoints.

    Raises:
      JsonError: It cannot be read.
      DownloadError: It has no keypoints.
    """
    for names in _keypoint_names(path, _read(path) or {}):
        return names
    raise face_builder.DownloadError(f"{path}: no category has keypoints; {_ADVICE}")


def list_faces(
    root: pathlib.Path, paths: Sequence[pathlib.Path], scheme_file: scheme_files.SchemeFile
) -> tuple[list[listed.Listed], list[str]]:
    """Lists the faces of the files.

    Args:
      root: The folder of the data set.
      paths: The files, from `find_files`.
      scheme_file: What the landmarks mean.

    Returns:
      The faces in the files' order, and the problems found.

    Raises:
      JsonError: A file cannot be read.
      DownloadError: A file is no COCO file, has photos without ids or other keypoints than the
        scheme, or its name looks like a split and is not clear.
    """
    scheme, found, problems, others = scheme_file.scheme, [], [], list[str]()
    for path in paths:
        content = _read(path)
        if content is None:
            others.append(path.name)
            continue
        _check_names(path, content, scheme)
        in_file = coco_reader.list_faces(content)
        if in_file.without_id:
            raise face_builder.DownloadError(
                f"{path}: {len(in_file.without_id)} images have no id "
                f"({listed.some(in_file.without_id)}), so that no annotation can be of them; "
                f"{_ADVICE}"
            )
        problems += coco_problems.of_file(path, in_file)
        file = coco_photos.File(root, path, split_of_file(root, path))
        if file.split is None and all(face.split is None for face in in_file.faces):
            _refuse_unread_splits(path, content)
        found += [_as_listed(file, face, scheme) for face in in_file.faces]
    if others:
        problems.append(
            f"{len(others)} files have no {', '.join(_PARTS)} as COCO files have, and are not "
            f"read: {listed.some(others)}"
        )
    return found, problems


def _is_usable(path: pathlib.Path) -> bool:
    try:
        return bool(landmark_names(path))
    except (strict_json.JsonError, face_builder.DownloadError):
        return False


def _read(path: pathlib.Path) -> dict[str, list[dict[str, Any]]] | None:
    """A file's content; None for one of another kind."""
    content = strict_json.read_json(path)
    if not isinstance(content, dict) or content.keys().isdisjoint(_PARTS):
        return None
    for part in _PARTS:
        entries = content.get(part)
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise face_builder.DownloadError(
                f"{path}: no COCO file: '{part}' is no list of objects; {_ADVICE}, or move the "
                "file away"
            )
    return content


def _keypoint_names(path: pathlib.Path, content: Mapping[str, Any]) -> list[list[str]]:
    """The keypoints' names of each category that has some."""
    found = [
        category["keypoints"]
        for category in content.get("categories", ())
        if category.get("keypoints")
    ]
    for names in found:
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise face_builder.DownloadError(
                f"{path}: categories: keypoints must be a list of names, that is of texts"
            )
    return found


def _check_names(
    path: pathlib.Path, content: Mapping[str, Any], scheme: schemes.LandmarkScheme
) -> None:
    """One category must be the scheme's; annotations of others are told one by one."""
    expected = scheme.landmark_names
    given = [coco_reader.scheme_names(names, scheme) for names in _keypoint_names(path, content)]
    if given and not any(sorted(names) == sorted(expected) for names in given):
        names = given[0]
        odd = sorted(set(names) ^ set(expected)) or sorted(names)
        raise face_builder.DownloadError(
            f"{path}: categories: its {len(names)} keypoints are not the {len(expected)} "
            f"landmarks of scheme.json (they differ in {listed.some(odd)}); call them alike in both"
        )


def _refuse_unread_splits(path: pathlib.Path, content: Mapping[str, list[dict[str, Any]]]) -> None:
    for part in ("images", "annotations"):
        names = {name for entry in content[part] for name in entry} - _COCO_FIELDS
        unread = unread_fields.UnreadFields(f"{path}: {part}", "field", sorted(names))
        for entry in content[part]:
            unread.look_at({k: str(v) for k, v in entry.items() if isinstance(v, str | int)})
        unread.check()


def split_of_file(root: pathlib.Path, path: pathlib.Path) -> str | None:
    """Returns the split that a file is named after, such as `person_keypoints_train2017.json`.

    Raises:
      DownloadError: Its name looks like a split, and it is not clear which.
    """
    try:
        own = split_names.split_of(path.stem)
        folders = path.relative_to(root).parts[:-1]
        return split_names.split_of_path(folders) if own is None else own
    except split_names.UnclearSplitError as error:
        raise face_builder.DownloadError(f"{path}: the name {error}") from error


def _as_listed(
    file: coco_photos.File, face: coco_reader.CocoFace, scheme: schemes.LandmarkScheme
) -> listed.Listed:
    place = f"{file.path}: annotation {face.number}"
    split = file.split
    try:
        if face.objections:
            raise _refused(place, face.objections)
        if face.split is not None:
            split = listed.split_of_cell(str(face.split), f"{place}: its photo's split")
        image = coco_photos.find_photo(file, face.photo, place)
    except faces.FaceError as error:
        return listed.unusable(file.root, place, str(error), split)
    return listed.Listed(
        name=image.relative_to(file.root).as_posix(),
        image=image,
        place=place,
        annotate=functools.partial(_annotate, face, scheme, image, place),
        split=split,
        blank=coco_reader.is_blank(face),
        boxed=not coco_problems.has_no_area(face.box),
        points=f"{hash(repr(face.keypoints))}",
    )


def _annotate(
    face: coco_reader.CocoFace,
    scheme: schemes.LandmarkScheme,
    image: pathlib.Path,
    place: str,
) -> faces.Annotation:
    marked = coco_reader.marked_face(face, str(image), scheme)
    if marked.problems:
        raise _refused(place, marked.problems)
    landmarks = np.zeros((scheme.num_landmarks, 2))
    mask = np.zeros(scheme.num_landmarks, bool)
    numbers = {name: i for i, name in enumerate(scheme.landmark_names)}
    for point in marked.points:
        i = numbers[point.name]
        landmarks[i] = _numbers([point.x, point.y], 2, f"{place}: {point.field}")
        mask[i] = True
    box = None
    if not coco_problems.has_no_area(face.box):
        x, y, width, height = _numbers(face.box, 4, f"{place}: bbox")
        box = np.array([x, y, x + width, y + height], np.float32)
    listed.check_size(face.size, image, place)
    return faces.Annotation(
        landmarks=(landmarks - 0.5).astype(np.float32),
        mask=mask,
        box_ground_truth=box,
        unknown_as="v = 0",
        first_pixel=0.5,
    )


def _refused(place: str, objections: Sequence[marks.Objection]) -> faces.FaceError:
    field, message, advice = objections[0]
    return faces.FaceError(f"{place}: {field}: {message}; {advice[:1].lower()}{advice[1:]}")


def _numbers(values: Any, count: int, place: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    good = isinstance(values, list) and all(map(coco_problems.is_number, values))
    if not good or len(values) != count:
        raise faces.FaceError(f"{place} must be {count} numbers; {_ADVICE}")
    with np.errstate(over="ignore"):
        return np.array([float(value) if abs(value) < 1e9 else np.nan for value in values])
