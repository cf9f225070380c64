"""Faces from COCO keypoints, as CVAT and other tools export them.

An annotation is a face. Keypoints are x, y, v with v = 0 for one that is not known; `bbox` is
x, y, width, height; segmentations are not looked at. Coordinates count from the photo's upper left
corner: pixel i covers [i, i + 1), so that the centre of the first pixel is 0.5.
Format: https://cocodataset.org/#format-data
"""

import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from data_builders import face_builder, faces, split_names
from data_builders.landmarks_folder import listed
from scaf_jax.data import images
from scaf_jax.files import folder_files, strict_json
from scaf_jax.landmarks import scheme_files

_OTHER_FILES = ("scheme.json", "boxes.json")
_PARTS = ("images", "annotations", "categories")
_ABSENT, _LARGEST_VISIBILITY = 0, 2
_LOOKED_AT = 10  # .json files, before a folder is taken for one of another kind
_ADVICE = "export it as COCO keypoints again"


def find_files(root: pathlib.Path) -> list[pathlib.Path]:
    """Returns the .json files of a folder, its split folders and its folder `annotations`."""
    places = [*listed.places_of(root), root / "annotations"]
    return [
        path
        for place in places
        if place.is_dir()
        for path in folder_files.files_in(place)
        if folder_files.ending(path.name) == ".json" and path.name not in _OTHER_FILES
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
    for names in _keypoint_names(path, _read(path)).values():
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
      DownloadError: A file is no COCO file or has other keypoints than the scheme.
    """
    found, problems = [], []
    for path in paths:
        content = _read(path)
        orders = _orders(path, content, scheme_file.scheme.landmark_names)
        photos = {photo.get("id"): photo for photo in content["images"]}
        items = [a for a in content["annotations"] if a.get("keypoints") and not a.get("iscrowd")]
        passed_over = len(content["annotations"]) - len(items)
        if passed_over:
            problems.append(
                f"{path.name}: {passed_over} annotations are no single face with keypoints and are "
                "left out"
            )
        found += [_as_listed(root, path, item, photos, orders) for item in items]
    return found, problems


def _is_usable(path: pathlib.Path) -> bool:
    try:
        return bool(landmark_names(path))
    except (strict_json.JsonError, face_builder.DownloadError):
        return False


def _read(path: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    content = strict_json.read_json(path)
    for part in _PARTS:
        entries = content.get(part) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
            raise face_builder.DownloadError(
                f"{path}: no COCO file: '{part}' is no list of objects; {_ADVICE}, or move the "
                "file away"
            )
        for entry in entries:
            if not isinstance(entry.get("id", 0), int | str):
                raise face_builder.DownloadError(f"{path}: {part}: an id is no number; {_ADVICE}")
    return content


def _keypoint_names(path: pathlib.Path, content: Mapping[str, Any]) -> dict[Any, list[str]]:
    """The keypoints' names of each category that has some, by its id."""
    names = {c.get("id"): c["keypoints"] for c in content["categories"] if c.get("keypoints")}
    for entry in names.values():
        if not isinstance(entry, list) or not all(isinstance(name, str) for name in entry):
            raise face_builder.DownloadError(f"{path}: categories: keypoints must be names")
    return names


def _orders(
    path: pathlib.Path, content: Mapping[str, Any], expected: Sequence[str]
) -> dict[Any, list[int]]:
    """Where the scheme's landmarks are among a category's keypoints, by the category's id."""
    orders = {}
    for number, names in _keypoint_names(path, content).items():
        if sorted(names) != sorted(expected):
            odd = sorted(set(names) ^ set(expected)) or sorted(names)
            raise face_builder.DownloadError(
                f"{path}: category {number}: its {len(names)} keypoints are not the "
                f"{len(expected)} landmarks of scheme.json; they differ in {listed.some(odd)}"
            )
        orders[number] = [names.index(name) for name in expected]
    return orders


def _as_listed(
    root: pathlib.Path,
    path: pathlib.Path,
    item: Mapping[str, Any],
    photos: Mapping[Any, Mapping[str, Any]],
    orders: Mapping[Any, list[int]],
) -> listed.Listed:
    place = f"{path}: annotation {item.get('id')}"
    split = _split_of(path)
    photo, order = photos.get(_id(item, "image_id")), orders.get(_id(item, "category_id"))
    if photo is None or order is None:
        what = "image_id" if photo is None else "category_id"
        message = f"{place}: {what} {item.get(what)!r:.40} is not in the file; {_ADVICE}"
        return listed.unusable(root, place, message, split)
    try:
        image = _find_photo(root, path, photo.get("file_name"), place, split)
    except faces.FaceError as error:
        return listed.unusable(root, place, str(error), split)
    size = (photo.get("width"), photo.get("height"))
    return listed.Listed(
        name=image.relative_to(root).as_posix(),
        image=image,
        place=place,
        annotate=functools.partial(
            _annotate, item["keypoints"], order, item.get("bbox"), size, image, place
        ),
        split=split,
    )


def _id(item: Mapping[str, Any], field: str) -> int | str | None:
    value = item.get(field)
    return value if isinstance(value, int | str) else None


def _split_of(path: pathlib.Path) -> str | None:
    """The split that a file is named after, such as `person_keypoints_train.json`."""
    try:
        return split_names.split_of(path.stem)
    except split_names.UnclearSplitError as error:
        raise face_builder.DownloadError(f"{path}: the name {error}") from error


def _find_photo(
    root: pathlib.Path, path: pathlib.Path, name: Any, place: str, split: str | None
) -> pathlib.Path:
    if not isinstance(name, str):
        raise faces.FaceError(f"{place}: its photo has no file_name; {_ADVICE}")
    base = root if path.parent.name == "annotations" else path.parent
    inside = "images", f"images/{split}", f"images/{path.stem.rpartition('_')[2]}"
    found = [
        faces.file_below(folder, name, place) for folder in (base, *map(base.joinpath, inside))
    ]
    return next((photo for photo in found if photo.is_file()), found[0])


def _annotate(
    keypoints: Any,
    order: list[int],
    bbox: Any,
    size: tuple[Any, Any],
    image: pathlib.Path,
    place: str,
) -> faces.Annotation:
    marked = _numbers(keypoints, 3 * len(order), f"{place}: keypoints").reshape(-1, 3)[order]
    visibility = marked[:, 2]
    if not np.isin(visibility, range(_ABSENT, _LARGEST_VISIBILITY + 1)).all():
        raise faces.FaceError(f"{place}: keypoints: v must be 0 (not known), 1 or 2")
    box = None
    if bbox:
        x, y, width, height = _numbers(bbox, 4, f"{place}: bbox")
        box = np.array([x, y, x + width, y + height], np.float32)
    _check_size(size, image, place)
    return faces.Annotation(
        landmarks=(marked[:, :2] - 0.5).astype(np.float32),
        mask=visibility > _ABSENT,
        box_ground_truth=box,
    )


def _numbers(values: Any, count: int, place: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    good = isinstance(values, list) and all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values
    )
    if not good or len(values) != count:
        raise faces.FaceError(f"{place} must be {count} numbers; {_ADVICE}")
    with np.errstate(over="ignore"):
        return np.array([float(value) if abs(value) < 1e9 else np.nan for value in values])


def _check_size(size: tuple[Any, Any], image: pathlib.Path, place: str) -> None:
    """Points of a photo that is turned or scaled since would be silently wrong."""
    if size == (None, None):
        return
    actual = images.image_size(images.read_encoded(image), str(image))
    if size != actual:
        raise faces.FaceError(
            f"{place}: was made for {size[0]!r:.10} x {size[1]!r:.10} pixels, but {image} has "
            f"{actual[0]} x {actual[1]}; give the photo that was annotated"
        )
