"""Which faces are for training and which for testing.

What the annotations say comes first, then the folders train/ and test/, then a hash of the photo's
name: it is the same on every machine, and does not change when photos are added.
"""

import hashlib
import pathlib
from collections.abc import Iterable, Sequence

from data_builders.landmarks_folder import listed

SEED = 0
ONE_IN = 10
_PHOTO_FOLDER = "images"


def assign(
    root: pathlib.Path, found: Sequence[listed.Listed]
) -> tuple[dict[str, list[listed.Listed]], list[str]]:
    """Sorts faces into splits.

    Args:
      root: The folder of the data set.
      found: Its faces.

    Returns:
      The faces of each split in the order given, and what there is to say about it.
    """
    by_folder = _has_split_folders(root)
    drawn: set[str] = set()
    rest = [face for face in found if face.split is None]
    if rest and not by_folder:
        drawn = draw_test({face.name for face in rest})
    splits: dict[str, list[listed.Listed]] = {"train": [], "test": []}
    outside = []
    for face in found:
        split = face.split
        if split is None and by_folder:
            split = _folder_of(face.name)
            if split is None:
                outside.append(face.name)
                continue
        elif split is None:
            split = "test" if face.name in drawn else "train"
        splits.setdefault(split, []).append(face)
    problems = [f"no faces for '{name}'" for name in ("train", "test") if not splits[name]]
    if outside:
        problems.append(
            f"{len(outside)} faces are in neither train/ nor test/ and are left out: "
            f"{listed.some(outside)}"
        )
    if drawn:
        photos = len({face.name for face in rest})
        problems.append(
            f"{len(drawn)} of {photos} photos were drawn for the split 'test', by a hash of their "
            "names; folders train/ and test/ (or a column 'split') decide it yourself"
        )
    return {name: members for name, members in splits.items() if members}, problems


def draw_test(names: Iterable[str]) -> set[str]:
    """Returns about one in ten of the names; at least one, but never all."""
    hashes = {name: _hash(name) for name in names}
    if len(hashes) < 2:
        return set()
    test = {name for name, value in hashes.items() if value % ONE_IN == 0}
    if not test or len(test) == len(hashes):
        test = {min(hashes, key=lambda name: hashes[name])}
    return test


def _hash(name: str) -> int:
    text = f"{SEED}:{name}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(text).digest()[:8])


def _has_split_folders(root: pathlib.Path) -> bool:
    return any(listed.split_folders(place) for place in (root, root / _PHOTO_FOLDER))


def _folder_of(name: str) -> str | None:
    parts = name.removeprefix(f"{_PHOTO_FOLDER}/").split("/")
    return parts[0] if len(parts) > 1 and listed.is_split(parts[0]) else None
