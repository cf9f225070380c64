"""Finds the faces of CelebA: its aligned photos, or those as they were found in the wild."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence

import numpy as np

from data_builders import face_builder, faces, listings
from data_builders.celeba import tables
from scaf_jax.data import images

NUM_LANDMARKS = 5
UNKNOWN_IDENTITY = -1
ALIGNED_SIZE = (178, 218)
# Where 68 landmarks lie on average in an aligned photo; see the builder's docstring.
ALIGNED_BOX = (43.0, 96.0, 133.0, 181.0)
# By the number that the list of partitions has for them.
SPLITS = ("train", "validation", "test")
EXPECTED_FACES = {"train": 162_770, "validation": 19_867, "test": 19_962}
_PARTITION = "list_eval_partition"
_IDENTITY = "identity_CelebA"
_BOXES = "list_bbox_celeba"
# Where tables and photos are: as CelebA's folders hold them, or side by side.
_FOLDERS = (".", "Anno", "Eval", "Img")


@dataclasses.dataclass(frozen=True)
class _Form:
    """One of the two forms in which CelebA comes."""

    subset: str
    photos: str
    landmarks: str


_WILD = _Form("in_the_wild", "img_celeba", "list_landmarks_celeba")
_ALIGNED = _Form("aligned", "img_align_celeba", "list_landmarks_align_celeba")


@dataclasses.dataclass(frozen=True)
class _Listing:
    """What the faces of a split are made from.

    Attributes:
      form: The photos' form.
      photos: Their folder.
      partition: The list of all photos.
      members: (line of that list, its text) of the split's photos.
      landmarks, boxes, identities: Tables by photo; None where there is none.
    """

    form: _Form
    photos: pathlib.Path
    partition: pathlib.Path
    members: list[tuple[int, str]]
    landmarks: tables.Table | None
    boxes: tables.Table | None
    identities: tables.Table | None


def recognize(root: pathlib.Path) -> bool:
    """Returns whether a folder looks like CelebA's downloads: its list of partitions, or photos."""
    forms = (_WILD, _ALIGNED)
    return _table_path(root, _PARTITION) is not None or any(_photos(root, f) for f in forms)


def find(root: pathlib.Path) -> faces.Found:
    """Lists the faces of every split; of the photos in the wild where both forms are there.

    Args:
      root: The folder that holds img_celeba or img_align_celeba and the tables.

    Raises:
      DownloadError: Photos, the list of partitions, or the boxes of photos in the wild are
        missing, or a table cannot be read.
    """
    form, photos, problems = _form(root)
    partition = _needed(root, _PARTITION)
    boxes = tables.Table(_needed(root, _BOXES), 4) if form is _WILD else None
    landmarks = _optional(root, form.landmarks, 2 * NUM_LANDMARKS)
    identities = _optional(root, _IDENTITY, 1)
    if landmarks is None:
        problems.append(f"the table {form.landmarks}.txt is missing: faces have no landmarks")
    if identities is None:
        problems.append(f"the table {_IDENTITY}.txt is missing: faces have no identity")
    members = _members(partition)
    splits = {
        split: _faces(
            _Listing(form, photos, partition, members[split], landmarks, boxes, identities)
        )
        for split in SPLITS
    }
    parts = [faces.Part(split, len(members[split]), EXPECTED_FACES[split]) for split in SPLITS]
    problems += [
        f"{part.name}: {part.found} faces, the published set has {part.expected}"
        for part in parts
        if part.found != part.expected
    ]
    return faces.Found(
        layout=f"CelebA, photos {form.subset.replace('_', ' ')}",
        splits=splits,
        parts=parts,
        problems=problems,
    )


def _form(root: pathlib.Path) -> tuple[_Form, pathlib.Path, list[str]]:
    wild, aligned = _photos(root, _WILD), _photos(root, _ALIGNED)
    if wild is not None:
        problems = []
        if aligned is not None:
            problems.append(
                f"both {wild} and {aligned} are there: the photos in the wild are used; move them "
                "away to use the aligned ones"
            )
        return _WILD, wild, problems
    if aligned is None:
        raise face_builder.DownloadError(
            f"no faces in {root}: it must hold the unpacked folder img_celeba or img_align_celeba"
        )
    return _ALIGNED, aligned, []


def _photos(root: pathlib.Path, form: _Form) -> pathlib.Path | None:
    """The photos' folder, which some archives put into another of the same name."""
    for folder in (root, root / "Img"):
        for name in (f"{form.photos}/{form.photos}", form.photos):
            if (folder / name).is_dir():
                return folder / name
    return None


def _table_path(root: pathlib.Path, name: str) -> pathlib.Path | None:
    paths = (root / f / f"{name}{suffix}" for f in _FOLDERS for suffix in tables.SUFFIXES)
    return next((path for path in paths if path.is_file()), None)


def _needed(root: pathlib.Path, name: str) -> pathlib.Path:
    path = _table_path(root, name)
    if path is None:
        raise face_builder.DownloadError(
            f"{root} lacks the table {name}.txt; download it from CelebA's folders Anno and Eval"
        )
    return path


def _optional(root: pathlib.Path, name: str, num_numbers: int) -> tables.Table | None:
    path = _table_path(root, name)
    return None if path is None else tables.Table(path, num_numbers)


def _members(partition: pathlib.Path) -> dict[str, list[tuple[int, str]]]:
    """The lines of each split; of those that make no sense, `train` gets the error."""
    members: dict[str, list[tuple[int, str]]] = {split: [] for split in SPLITS}
    for number, text in listings.read_lines(partition):
        name, rest = tables.split_row(partition, text, 1)
        # A header, after what some spreadsheets write before it.
        if number <= 2 and (name.strip('"') == "image_id" or text.lower().startswith("sep=")):
            continue
        members[_split_of(rest) or "train"].append((number, text))
    return members


def _split_of(text: str) -> str | None:
    return SPLITS[int(text)] if text in ("0", "1", "2") else None


def _faces(listing: _Listing) -> listings.LazyFaces:
    return listings.LazyFaces(len(listing.members), functools.partial(_make_face, listing))


def _make_face(listing: _Listing, index: int) -> faces.Face:
    number, text = listing.members[index]
    place = f"{listing.partition}:{number}"
    name, rest = tables.split_row(listing.partition, text, 1)
    key = images.printable_name(name)
    # A face goes to other processes alone: what it needs of the tables is taken out here.
    try:
        if _split_of(rest) is None:
            raise faces.FaceError(
                f"{place}: expected a photo's name and 0, 1 or 2, not {ascii(text)[:80]}"
            )
        image = faces.file_below(listing.photos, name, place)
        points, box = _points(listing, name), _box(listing, name)
        identity = _identity(listing, name)
    except faces.FaceError as error:
        return faces.unusable_face(listing.photos, key, listing.form.subset, place, str(error))
    return faces.Face(
        image=image,
        key=key,
        subset=listing.form.subset,
        place=place,
        annotate=functools.partial(_annotate, image, *points, box),
        extra={"identity": identity},
    )


def _identity(listing: _Listing, name: str) -> int:
    if listing.identities is None:
        return UNKNOWN_IDENTITY
    return listing.identities.numbers(name)[1][0]


def _annotate(
    image: pathlib.Path,
    place: str,
    points: Sequence[int] | None,
    box: tuple[int, ...] | None,
) -> faces.Annotation:
    landmarks = np.zeros((NUM_LANDMARKS, 2), np.float32)
    if points is not None:
        landmarks[:] = np.reshape(points, (NUM_LANDMARKS, 2))
    return faces.Annotation(
        landmarks=landmarks,
        mask=np.full(NUM_LANDMARKS, points is not None),
        box_ground_truth=_aligned_box(image) if box is None else np.array(box, np.float32),
        place=place,
    )


def _points(listing: _Listing, name: str) -> tuple[str, Sequence[int] | None]:
    """Where a photo's landmarks are, and these."""
    return ("", None) if listing.landmarks is None else listing.landmarks.numbers(name)


def _box(listing: _Listing, name: str) -> tuple[int, ...] | None:
    """The box's x0, y0, x1, y1 in the wild; None in an aligned photo, where it is fixed."""
    if listing.boxes is None:
        return None
    place, (x, y, width, height) = listing.boxes.numbers(name)
    if width <= 0 or height <= 0:
        raise faces.FaceError(f"{place}: the box of {width} x {height} pixels holds no face")
    return x, y, x + width, y + height


def _aligned_box(image: pathlib.Path) -> faces.Box:
    size = images.image_size(images.read_encoded(image), str(image))
    if size != ALIGNED_SIZE:
        raise faces.FaceError(
            f"{image}: {size[0]} x {size[1]} pixels, but CelebA's aligned photos have "
            f"{ALIGNED_SIZE[0]} x {ALIGNED_SIZE[1]}, and only there is known where the face is"
        )
    return np.array(ALIGNED_BOX, np.float32)
