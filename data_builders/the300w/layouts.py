"""Recognizes the ways in which people keep 300-W on their disks.

Only names of folders and files are looked at, never what is in them.
"""

import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Mapping, Sequence

from data_builders import split_names
from scaf_jax.files import folder_files

# Folder of iBUG's downloads -> faces in the published data set.
EXPECTED_FACES = {
    "afw": 337,
    "helen/trainset": 2000,
    "lfpw/trainset": 811,
    "helen/testset": 330,
    "lfpw/testset": 224,
    "ibug": 135,
}
TRAIN = ("afw", "helen/trainset", "lfpw/trainset")
COMMON = ("helen/testset", "lfpw/testset")
CHALLENGING = ("ibug",)
_SPLIT_FOLDERS = {"trainset": split_names.TRAIN, "testset": split_names.TEST}
# The test set of the challenge's second round, which comes as a download of its own.
EXPECTED_PRIVATE = {"01_Indoor": 300, "02_Outdoor": 300}

BOX_FOLDER = "Bounding Boxes"
_LABEL_FILES = ("labels_ibug_300W_train.xml", "labels_ibug_300W_test.xml")
_ALL_LABELS_FILE = "labels_ibug_300W.xml"
# 3FabRec's loader reads images/test/300W/01_Outdoor.
_PRIVATE_NAMES = {"01_indoor": "01_Indoor", "02_outdoor": "02_Outdoor", "01_outdoor": "02_Outdoor"}
_PRIVATE_DEPTH = 4
# So that a whole disk, given by mistake, is not searched.
_MAX_FOLDERS = 1000
_MAX_BASES = 30

IBUG = "300-W as iBUG's downloads unzip"
FABREC = "300-W as 3FabRec keeps it, in images/train and images/test"
DLIB = "300-W as dlib's ibug_300W_large_face_landmark_dataset"
PRIVATE = "the 600 indoor and outdoor test images of 300-W"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where the parts of 300-W lie.

    Attributes:
      name: Which layout it is, in words.
      base: The folder that the parts are in.
      folders: Where each folder of `EXPECTED_FACES` is; those that are missing are absent.
      boxes: The folder of box files.
      labels: dlib's label files; if there are any, they list the faces.
      private: Where each folder of `EXPECTED_PRIVATE` is.
    """

    name: str
    base: pathlib.Path
    folders: Mapping[str, pathlib.Path]
    boxes: pathlib.Path | None
    labels: Sequence[pathlib.Path]
    private: Mapping[str, pathlib.Path]


def detect(root: pathlib.Path) -> Layout | None:
    """Returns the layout of a folder of downloads, or None if it holds nothing of 300-W.

    Everything may also lie one folder deeper.

    Args:
      root: The folder.
    """
    disk = _Disk()
    bases = [root, *disk.folders_in(root)[:_MAX_BASES]]
    private = _find_private(disk, root)
    for base in bases:
        labels = _label_files(base)
        if labels:
            return Layout(_named(DLIB, root, base), base, {}, None, labels, private)
    found = [(base, _find_folders(disk, base)) for base in bases]
    base, folders = max(found, key=lambda pair: len(pair[1]))  # of equals the first
    if not folders:
        return Layout(PRIVATE, root, {}, None, (), private) if private else None
    as_3fabrec = any(path.parent.name in ("train", "test") for path in folders.values())
    name = _named(FABREC if as_3fabrec else IBUG, root, base)
    boxes = disk.below(base, BOX_FOLDER) or disk.below(root, BOX_FOLDER)
    return Layout(name, base, folders, boxes, (), private)


class _Disk:
    """Folders in folders, each listed once: a folder may hold 200,000 photos."""

    def __init__(self) -> None:
        self._listed: dict[pathlib.Path, list[pathlib.Path]] = {}

    def folders_in(self, folder: pathlib.Path) -> list[pathlib.Path]:
        """The folders in a folder, by name; none if it cannot be looked into."""
        if folder not in self._listed:
            try:
                self._listed[folder] = folder_files.folders_in(folder)
            except OSError:
                self._listed[folder] = []
        return self._listed[folder]

    def below(self, base: pathlib.Path, place: str) -> pathlib.Path | None:
        """The folder `place` below `base`, however its name is spelled; None if there is none."""
        for name in place.split("/"):
            inside = self.folders_in(base)
            alike = [path for path in inside if _plain(path.name) == _plain(name)]
            if not alike and name in _SPLIT_FOLDERS:  # helen/train, lfpw/Testing
                alike = [path for path in inside if _split_of(path.name) == _SPLIT_FOLDERS[name]]
            if not alike:
                return None
            base = next((path for path in alike if path.name == name), alike[0])
        return base


def _find_folders(disk: _Disk, base: pathlib.Path) -> dict[str, pathlib.Path]:
    found = {}
    for folder in EXPECTED_FACES:
        places = [path for place in _places(folder) if (path := disk.below(base, place))]
        if places:
            found[folder] = next((path for path in places if _has_points(path)), places[0])
    return found


def _places(folder: str) -> Iterator[str]:
    """Where a folder of iBUG's downloads may be, the deeper of two before its parent."""
    collection = folder.partition("/")[0]
    split = "train" if folder in TRAIN else "test"
    for prefix in ("", "images/"):
        yield f"{prefix}{folder}"
        yield f"{prefix}{collection}/{folder}"  # unzipped into a folder of the same name
        for group in (split, f"{split}/common", f"{split}/challenging"):
            yield f"{prefix}{group}/{folder}"
            yield f"{prefix}{group}/{collection}"


def _label_files(base: pathlib.Path) -> list[pathlib.Path]:
    files = [base / name for name in _LABEL_FILES if (base / name).is_file()]
    if not files and (base / _ALL_LABELS_FILE).is_file():
        files = [base / _ALL_LABELS_FILE]
    return files


def _find_private(disk: _Disk, root: pathlib.Path) -> dict[str, pathlib.Path]:
    found: dict[str, pathlib.Path] = {}
    waiting = collections.deque([(root, 0)])
    looked_at = 0
    while waiting and looked_at < _MAX_FOLDERS and len(found) < len(EXPECTED_PRIVATE):
        folder, depth = waiting.popleft()
        looked_at += 1
        for path in disk.folders_in(folder):
            name = _PRIVATE_NAMES.get(_plain(path.name))
            if name is not None:
                found.setdefault(name, path)
            elif depth + 1 < _PRIVATE_DEPTH:
                waiting.append((path, depth + 1))
    return {name: found[name] for name in EXPECTED_PRIVATE if name in found}


def _has_points(folder: pathlib.Path) -> bool:
    return any(folder_files.ending(path.name) == ".pts" for path in folder_files.files_in(folder))


def _split_of(name: str) -> str | None:
    try:
        return split_names.split_of(name)
    except split_names.UnclearSplitError:
        return None  # the folder that is missing is told


def _plain(name: str) -> str:
    return name.lower().replace(" ", "_").replace("-", "_")


def _named(name: str, root: pathlib.Path, base: pathlib.Path) -> str:
    return name if base == root else f"{name}, in the folder {base.name}"
